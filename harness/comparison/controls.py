"""Numbers that must stay low although their kind is better when higher: what a model that cannot see gets right."""

from collections.abc import Iterator
from typing import Any

from harness.record.schema import MetricRecord, RunRecord
from harness.types import Direction

TOLD = "a control: low is right"


def control(record: RunRecord, task: str, metric: str) -> bool:
    """Return whether a metric is a control: a gate says so or keeps it low, or it is of a control's cell."""
    body = record.tasks[task]
    known = body.metrics.get(metric)
    if known is None or known.direction != "higher":
        return False
    if any(_holds_down(gate) for gate in _gates(record) if gate.get("metric") == f"{task}/{metric}"):
        return True
    base, _, of = metric.removesuffix("]").partition("[")
    cell = body.cells.get(of)
    return of in (body.config.get("controls") or ()) and cell is not None and base in cell.metrics


def better(record: RunRecord, task: str, metric: str, value: MetricRecord) -> Direction:
    """Return the direction in which a number gets better, where it stands."""
    return "lower" if control(record, task, metric) else value.direction


def went(record: RunRecord, task: str, metric: str, moved: str) -> str:
    """Return ``worse`` or ``better`` where a metric moved, else nothing; a control that falls got better.

    Args:
        record: the candidate.
        task: of the metric.
        metric: its name.
        moved: what its own direction says.
    """
    if moved and task in record.tasks and control(record, task, metric):
        return "better" if moved == "worse" else "worse"
    return moved


def _gates(record: RunRecord) -> Iterator[dict[str, Any]]:
    found = record.suite.content.get("gates")
    return (gate for gate in found or () if isinstance(gate, dict))


def _holds_down(gate: dict[str, Any]) -> bool:
    only_most = gate.get("max") is not None and gate.get("min") is None
    return bool(gate.get("control")) or only_most
