"""A run's primary metrics over the samples that share a tag: counted as the run counts them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from harness.comparison.columns import Samples
from harness.comparison.described import described
from harness.comparison.rows import RunRows, TaskView
from harness.estimate import Estimator, placed
from harness.record.schema import MetricRecord, TaskRecord

_LEAST: Final = 5
"""Samples that a slice needs to be shown."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A metric over the samples that share a tag. Exploratory: many are looked at, none decides anything."""

    task: str
    metric: str
    tag: str
    value: str
    found: MetricRecord


def slices(samples: Samples, name: str, task: TaskRecord, tags: Collection[str] | None) -> Iterator[Slice]:
    """Yield a task's primary metric over every value of every tag, counted as the run counts it.

    Args:
        samples: of the run.
        name: the task's.
        task: its record.
        tags: those to look at; None for all.
    """
    known = described(task, samples.metrics)
    primary = known.per_cell.get(task.primary)
    wanted = samples.tags if tags is None else [tag for tag in samples.tags if tag in tags]
    if primary is None or not wanted:
        return  # rows and their units are the largest things that a report makes
    rows = RunRows(samples).of(TaskView(name, task, known))
    estimator = Estimator(rows, ("slices", name), known.binary)
    whole = placed(primary, *rows.cells)
    for tag in wanted:
        values = {value for cell in rows.cells.values() for value in cell.tags[tag].names if value}
        for value in sorted(values):
            found = estimator.value(replace(whole, where={tag: value}))
            if found.n >= _LEAST:
                yield Slice(name, task.primary, tag, value, MetricRecord.of(found))
