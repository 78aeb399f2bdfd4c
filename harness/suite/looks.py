"""Which samples of a suite a quick look takes."""

from collections.abc import Mapping

from harness.record.schema import RunRecord
from harness.suite.bind import Suite
from harness.tasks.draw import Draw


def draw_of(
    suite: Suite,
    limit: int | None,
    *,
    head: bool = False,
    ranked: bool = False,
    chances: Mapping[str, float] | None = None,
) -> Draw:
    """Return how a suite's samples are drawn: the same for all its tasks, whose samples are thereby the same.

    Args:
        suite: the suite.
        limit: at most so many samples a cell; None for all.
        head: take the first of each dataset.
        ranked: ask them in the order of the draw.
        chances: of the samples that were drawn with unequal ones, by id.
    """
    tags = dict.fromkeys(suite.spec.slice_by or ())
    for task in suite.content.get("tasks", {}).values():
        slices = task.get("slices") if isinstance(task, Mapping) else None
        tags |= dict.fromkeys(slices if isinstance(slices, (list, tuple)) else ())
    return Draw(limit, suite.spec.seed, tuple(tags), head=head, ranked=ranked, chances=chances)


def draw_of_run(suite: Suite, record: RunRecord) -> Draw:
    """Return how the samples of a run were drawn."""
    return draw_of(suite, record.options.get("limit"), head=record.limit_rule in ("", "head"))
