"""A task's statistics by name, and how many samples of a run each will rest on."""

from collections.abc import Mapping

from harness.estimate import Statistic
from harness.estimate.statistic import cells_in
from harness.tasks._base import Measures, Task


def told(task: Task) -> dict[str, Statistic]:
    """Return a task's statistics by name."""
    return {one.name: one for one in task.statistics()}


def planned_units(task: Task, statistic: Statistic, limit: int | None = None) -> int:
    """Return how many samples a statistic will rest on; 0 where only the run can tell.

    Args:
        task: whose it is.
        statistic: one of the task's.
        limit: at most so many samples a cell are run.
    """
    counts: Mapping[str, int] = {cell.id: task.count(cell) for cell in task.cells()}
    read = [counts[cell] for cell in cells_in(statistic.of) if cell in counts]
    if not read or isinstance(task, Measures):
        return 0
    whole = min(read)
    kept = whole if limit is None else min(whole, limit)
    if not statistic.where:
        return kept
    first = next(cell for cell in task.cells() if cell.id in cells_in(statistic.of))
    return sum(
        all(sample.tags.get(tag) == value for tag, value in statistic.where.items())
        for place, sample in enumerate(task.samples(first))
        if place < kept
    )
