"""Records of schema 1 do not say what their numbers are: what can be told from their tasks' configuration."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.estimate import ANY, ANYWHERE, ColumnSpec, Node, Statistic, column, mean, stored
from harness.metrics import SampleMetric
from harness.record.schema import TaskRecord
from harness.tasks.scoring import build_metrics
from harness.tasks.severity import Errors, Grid, Point

_UNKNOWN = "the record is of an earlier version, which did not say what this number is; run the baseline again"


def specs_of(task: TaskRecord, columns: Sequence[str]) -> tuple[dict[str, ColumnSpec], frozenset[str]]:
    """Return what the columns of a task are, and of which nobody knows what a failed answer is worth.

    A metric is built again from the task's configuration. Where that fails (its plug-in is not installed here),
    failed answers are left out.
    """
    metrics = build_metrics(_references(task.config))[0]
    found: dict[str, ColumnSpec] = {}
    for cell in task.cells.values():
        for name, value in cell.metrics.items():
            if name not in found and name in columns:
                found[name] = _spec(metrics.get(name), ColumnSpec(value.direction, value.unit, ANY))
    return found, frozenset(found.keys() - metrics.keys())


def statistics_of(task: TaskRecord, specs: Mapping[str, ColumnSpec]) -> dict[str, Statistic]:
    """Return what each metric of a task is: means of its columns, and the numbers of a sweep."""
    known: dict[str, Statistic] = {}
    if len(task.cells) == 1:
        known = {name: _mean(name, spec, next(iter(task.cells))) for name, spec in specs.items()}
    elif task.kind == "sweep" and task.primary in specs:
        known = {one.name: one for one in _grid(task).statistics(_errors(task.config.get("reference")))}
    return {
        name: known.get(name, Statistic(name, stored(), value.direction, value.unit, ANY, untestable=_UNKNOWN))
        for name, value in task.metrics.items()
    }


def per_cell_of(specs: Mapping[str, ColumnSpec]) -> dict[str, Statistic]:
    """Return what each metric of a cell is."""
    return {name: _mean(name, spec, ANYWHERE) for name, spec in specs.items()}


def _spec(metric: SampleMetric | None, otherwise: ColumnSpec) -> ColumnSpec:
    if metric is None:
        return otherwise
    low, high = (bound if math.isfinite(bound) else None for bound in metric.bounds)
    return ColumnSpec(metric.direction, metric.unit, (low, high), metric.failure_value, metric.binary)


def _mean(name: str, spec: ColumnSpec, cell: str) -> Statistic:
    return Statistic(name, mean(column(name, cell)), spec.direction, spec.unit, spec.bounds)


def _grid(task: TaskRecord) -> Grid:
    points = {
        name: Point(str(cell.labels["corruption"]) if cell.labels["severity"] else "", int(cell.labels["severity"]))
        for name, cell in task.cells.items()
    }

    def form(cell: str) -> Node:
        return mean(column(task.primary, cell))

    return Grid.of(points, form, task.primary)


def _errors(reference: Mapping[str, Any] | None) -> Errors | None:
    return Errors(reference["name"], reference["clean"], reference["errors"]) if reference else None


def _references(config: Mapping[str, Any]) -> list[Any]:
    if "metrics" in config:
        return list(config["metrics"])
    base = config.get("of")
    return _references(base) if isinstance(base, Mapping) else []
