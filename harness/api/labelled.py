"""What answers are worth by the labels of people."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.given import RUNS, AnyRun, PathLike, load_run
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels
    from harness.comparison.labelled_run import LabelledRun


def by_labels(
    run: AnyRun, labels: PathLike | None = None, *, within: float = 0.05, runs: PathLike = RUNS
) -> "tuple[LabelledRun, ...]":
    """Return what the answers of one run are worth by labels of single ones, task by task.

    Args:
        run: a run, its folder, or a part of its id.
        labels: a file of people's labels, as ``harness label RUN`` writes it; the suite's own by default.
        within: half the width that an interval should have: ``more`` says how many more labels that takes.
        runs: where to look for runs.

    Returns:
        One for each task that has labels: ``mean`` with its ends, and ``own``, what the score alone says of all.

    Raises:
        UsageError: if the run or the labels cannot be read, or nobody says where the labels are.
    """
    from harness.comparison.labelled_run import run_by_people

    if not 0 < within < 1:
        raise UsageError(f"within is half the width of an interval of shares, between 0 and 1, not {within:g}")
    made = load_run(run, runs)
    given = labels_of(labels, made.record.suite.content, Path(made.record.suite.file))
    if given is None:
        raise UsageError(f"suite {made.record.suite.name!r} names no labels; say where they are: labels=FILE")
    return run_by_people(made, given, within)


def labels_of(file: PathLike | None, content: Mapping[str, Any], suite: Path) -> "WithLabels | None":
    """Return the labels of a file that is named, by the rules of a suite; or those that the suite names itself."""
    from harness.comparison.labelled import WithLabels

    return WithLabels.asked_for(None if file is None else Path(file), content, suite)
