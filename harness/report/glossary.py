"""What every metric on a page means: from the metric's own docstring, or from the task that computes it."""

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.metrics import describe
from harness.record.schema import MetricRecord, RunRecord
from harness.registry import registry


@dataclass(frozen=True, slots=True)
class Term:
    """One metric explained."""

    name: str
    definition: str
    range: str
    direction: str
    unit: str
    source: str
    method: str
    """How its intervals are made."""


def glossary(record: RunRecord) -> list[Term]:
    """Return an entry for every metric of a run, by name; ``retained_accuracy[fog]`` is ``retained_accuracy``."""
    found: dict[str, tuple[str, list[MetricRecord]]] = {}
    for task, metric, value in _shown(record):
        found.setdefault(metric.partition("[")[0], (task, []))[1].append(value)
    return [_term(record, task, name, values) for name, (task, values) in sorted(found.items())]


def _shown(record: RunRecord) -> Iterable[tuple[str, str, MetricRecord]]:
    for name, task in record.tasks.items():
        yield from ((name, metric, value) for metric, value in task.metrics.items())


def _term(record: RunRecord, task: str, name: str, values: list[MetricRecord]) -> Term:
    body = record.tasks[task]
    methods = ", ".join(sorted({value.method for value in values if value.method}))
    told = _told_by_task(body.kind, name)
    card = None if told else _card(name, body.config)
    if card is None:
        definition = told or _summary(body.kind)
        return Term(name, definition, "", values[0].direction, values[0].unit, f"task kind {body.kind}", methods)
    low, high = card["range"]
    bounds = f"{_bound(low)} to {_bound(high)}"
    definition, source = (card[part].replace("``", "") for part in ("definition", "source"))
    return Term(name, definition, bounds, card["direction"], card["unit"], source, methods)


def _card(name: str, config: dict[str, Any]) -> dict[str, Any] | None:
    """Return the metric's own description; a metric that the suite calls something else is looked up there."""
    wanted = {name: name}
    bases = [config, config.get("of") if isinstance(config.get("of"), dict) else {}]
    for base in bases:
        for ref in (base or {}).get("metrics") or ():
            if isinstance(ref, dict) and isinstance(ref.get("as"), str):
                wanted[ref["as"]] = str(ref.get("metric"))
    metric = wanted[name]
    try:
        return describe(metric) if metric in registry("metrics") else None
    except HarnessError:
        return None


def _told_by_task(kind: str, name: str) -> str:
    """Return what the task's class says of a metric of its own: a mapping ``glossary``, by name."""
    try:
        told: Any = getattr(registry("tasks").load(kind), "glossary", {})
    except HarnessError:
        return ""
    return str(told.get(name, "")) if isinstance(told, Mapping) else ""


def _summary(kind: str) -> str:
    try:
        entry = registry("tasks").entry(kind)
        text = inspect.getdoc(entry.load()) or entry.summary
    except HarnessError:
        return f"Measured by tasks of kind {kind}, which is not installed here."
    return f"Measured by tasks of kind {kind}: {' '.join(text.split())}"


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:g}".replace("-", "−")
