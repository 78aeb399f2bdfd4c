"""What a name on a page means: from the metric's own docstring, or from the task that computes the number."""

import inspect
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError, SpecError, UsageError, did_you_mean
from harness.estimate import Number
from harness.locate import available
from harness.metrics import describe
from harness.record.schema import MetricRecord, RunRecord
from harness.registry import registry
from harness.spec.document import read_document
from harness.tasks.glossary import numbers, of_kind


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
    told = of_kind(body.kind)
    number = told.get(name) or told.get(name.partition("@")[0])
    card = None if number else _card(name, body.config)
    if card is not None:
        definition, source = (card[part].replace("``", "") for part in ("definition", "source"))
        return Term(name, definition, within(*card["range"]), card["direction"], card["unit"], source, methods)
    if number is None:
        number = Number(name, _summary(body.kind), unit="")
    bounds = within(*number.bounds) if number.unit else ""
    source = number.source or f"task kind {body.kind}"
    return Term(name, number.meaning.replace("`", ""), bounds, values[0].direction, values[0].unit, source, methods)


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


def _summary(kind: str) -> str:
    try:
        entry = registry("tasks").entry(kind)
        text = inspect.getdoc(entry.load()) or entry.summary
    except HarnessError:
        return f"Measured by tasks of kind {kind}, which is not installed here."
    return f"Measured by tasks of kind {kind}: {' '.join(text.split())}"


def within(low: float | None, high: float | None) -> str:
    """Return bounds in words; None is no limit.

    >>> within(-1.0, None)
    '−1 to ∞'
    """
    ends = (-math.inf if low is None else low, math.inf if high is None else high)
    return " to ".join(f"{end:g}".replace("-", "−").replace("inf", "∞") for end in ends)


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that a name can mean."""

    name: str
    metric: Mapping[str, Any] | None
    """The registered metric's own description."""
    numbers: Mapping[Number, tuple[str, ...]]
    """What tasks of which kinds print under it."""
    label: str = ""
    """What was asked for, where a suite calls the metric so (``as``), with the suite's name."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values: the metric's description, and ``tasks``, what these print."""
        told = [
            {
                "kinds": list(kinds),
                "definition": one.meaning,
                "range": list(one.bounds),
                "direction": one.direction,
                "unit": one.unit,
                "source": one.source,
            }
            for one, kinds in self.numbers.items()
        ]
        return {**(self.metric or {"name": self.name, "kind": "task"}), "tasks": told}


def meaning(name: str) -> Meaning:
    """Return what a name means as it stands in a report, a table or a gate: ``sweep/retained_accuracy[fog]``.

    Raises:
        UsageError: if no metric, no task kind and no available suite knows it, with the nearest name.
    """
    metrics, told = registry("metrics"), numbers()
    bare = name.rpartition("/")[2].partition("[")[0]
    for known in dict.fromkeys((bare, bare.partition("@")[0])):
        if known in metrics or known in told:
            return Meaning(known, describe(known) if known in metrics else None, told.get(known, {}))
    for suite, labels in _labels():
        if labels.get(bare) in metrics:
            return Meaning(labels[bare], describe(labels[bare]), {}, f"{bare}, of suite {suite}")
    raise UsageError(f"unknown metric {bare!r}; {did_you_mean(bare, {*metrics.names(), *told})}")


def _labels() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield what each available suite calls metrics."""
    for suite, file in available("suites").items():
        try:
            yield suite, dict(_called(read_document(file).value))
        except SpecError:
            continue


def _called(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("as"), str) and isinstance(value.get("metric"), str):
            yield value["as"], value["metric"]
        value = list(value.values())
    for child in value if isinstance(value, list) else ():
        yield from _called(child)
