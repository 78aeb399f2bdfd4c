"""A task's statistics by name, and how many samples of a run each will rest on."""

from collections.abc import Mapping

from harness.estimate import Statistic
from harness.estimate.statistic import cells_in
from harness.tasks._base import Task
from harness.tasks._observed import Measures
from harness.tasks.draw import Draw


def told(task: Task) -> dict[str, Statistic]:
    """Return a task's statistics by name."""
    return {one.name: one for one in task.statistics()}


def planned_units(task: Task, statistic: Statistic, draw: Draw | None = None) -> int:
    """Return how many samples a statistic will rest on; 0 where only the run can tell.

    Args:
        task: whose it is.
        statistic: one of the task's.
        draw: which samples of a cell are run; all by default.
    """
    draw = draw or Draw()
    counts: Mapping[str, int] = {cell.id: task.count(cell) for cell in task.cells()}
    read = [counts[cell] for cell in cells_in(statistic.of) if cell in counts]
    if not read or isinstance(task, Measures):
        return 0
    if draw.limit is None and not statistic.where:
        return min(read)
    fewest = min((cell for cell in task.cells() if cell.id in cells_in(statistic.of)), key=lambda cell: counts[cell.id])
    taken = draw.taken(lambda: task.samples(fewest), counts[fewest.id])
    if not statistic.where:
        return taken.count
    return sum(all(sample.tags.get(tag) == value for tag, value in statistic.where.items()) for sample in taken)
