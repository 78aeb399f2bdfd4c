"""How a metric of a run is to be read: which way is better, and what a failed answer is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.metrics import SampleMetric
from harness.record.schema import TaskRecord
from harness.tasks.scoring import build_metrics
from harness.types import Direction


@dataclass(frozen=True, slots=True)
class Rule:
    """How one per-sample metric is read."""

    direction: Direction
    unit: str
    failure_value: float | None
    """What a failed answer is worth; None leaves it out."""
    span: float | None
    """The largest possible difference of one sample; None where the metric has no bounds."""
    known: bool = True
    """Whether the metric's definition is installed here."""

    @property
    def way(self) -> Literal["higher", "lower"]:
        """Which way a test is turned; a metric that is better neither way is tested as it is."""
        return "lower" if self.direction == "lower" else "higher"

    @property
    def flips(self) -> bool:
        """Whether the metric tells right from wrong, so that an answer can change sides."""
        return self.direction == "higher" and self.span == 1


def rules(task: TaskRecord, columns: Sequence[str]) -> dict[str, Rule]:
    """Return the rule of every metric of a task that is the mean of a column of scores.

    A metric is built again from the task's configuration. Where that fails (its plug-in is not
    installed here), nobody knows what a failed answer is worth: it is left out, and the rule says so.
    """
    metrics = built(task)
    found: dict[str, Rule] = {}
    for cell in task.cells.values():
        for name, value in cell.metrics.items():
            if name in found or name not in columns:
                continue
            metric = metrics.get(name)
            if metric is not None and metric.sums:
                continue  # its number is no mean of these scores
            failure = metric.failure_value if metric else None
            found[name] = Rule(value.direction, value.unit, failure, _span(metric), metric is not None)
    return found


def built(task: TaskRecord) -> dict[str, SampleMetric]:
    """Return a task's per-sample metrics, built again from its configuration; one that cannot be built is left out."""
    return build_metrics(_references(task.config))[0]


def _references(config: Mapping[str, Any]) -> list[Any]:
    if "metrics" in config:
        return list(config["metrics"])
    base = config.get("of")
    return _references(base) if isinstance(base, Mapping) else []


def _span(metric: SampleMetric | None) -> float | None:
    if metric is None:
        return None
    low, high = metric.bounds
    return high - low if high - low < float("inf") else None
