"""Which samples to label next."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.given import RUNS, AnyRun, AnySuite, PathLike, load_run, load_suite, several
from harness.api.limits import at_least
from harness.record import Run
from harness.suite.bind import Suite

if TYPE_CHECKING:
    from harness.picks import Leaks, Picked


def pick(
    run: AnyRun | Sequence[AnyRun],
    *,
    budget: int = 100,
    task: str | None = None,
    by: str = "auto",
    against: AnySuite | Sequence[AnySuite] = (),
    across: str | Sequence[str] = (),
    spread: bool = True,
    pictures: bool = True,
    seed: int = 0,
    roots: PathLike | Sequence[PathLike] = (),
    runs: PathLike = RUNS,
) -> "Picked":
    """Say which samples of a run to label next, so that a model trained on the labels gains most.

    Those come first whose answers the model was least sure of (or that several runs, epochs or cells answer
    differently, or that are known to be wrong), and less so where their like was picked already. The same runs, seed
    and options give the same picks; a smaller budget gives the first of a larger one.

    Args:
        run: a run, its folder, or a part of its id; or several that asked the same data.
        budget: samples that there is time to label.
        task: of which task; needed where the run has several.
        by: what says that an answer may be wrong: ``min_logprob``, ``mean_logprob``, ``disagreement``, ``wrong`` or
            ``random``; ``auto`` takes the first that the run has.
        against: evaluations, each a suite or data: what one asks about the same pixels is left out.
        across: tags whose values picks are spread over too; the suite's ``slice_by`` by default.
        spread: whether a pick makes its like worth less.
        pictures: whether to read pictures, for those that are nearly the same.
        seed: of ties.
        roots: folders that data of ``against`` may be read from.
        runs: where to look for runs.

    Returns:
        ``picks``, the most worth first, each with ``sample_id``, ``score``, ``worth`` and ``reason``; ``notes``, what
        is to be known of them. ``write("picks.jsonl")`` makes the file that ``harness label RUN --picks`` asks from.

    Raises:
        UsageError: if a task, signal or tag is unknown, the signal says nothing of the run, or nothing can be picked.
    """
    from harness.picks import How
    from harness.picks import pick as picked

    at_least(1, budget=budget)
    given = (run,) if isinstance(run, (Run, str, os.PathLike)) else run
    how = How(task, by, seed, spread, several(across) or None, pictures)
    return picked([load_run(one, runs) for one in given], budget, how, leaks_of(against, roots))


def leaks_of(against: AnySuite | Sequence[AnySuite], roots: PathLike | Sequence[PathLike]) -> "Leaks | None":
    """Return what some evaluations ask; None where there is none."""
    from harness.picks import Leaks

    named = (against,) if isinstance(against, (Suite, str, os.PathLike)) else against
    if not named:
        return None
    found = Leaks()
    for one in named:
        suite = _evaluation(one, roots)
        stem = suite.spec.suite if isinstance(one, Suite) else Path(one).stem
        for dataset, samples in suite.datasets.items():
            found.add(f"{stem}/{dataset}", samples)
    return found


def _evaluation(given: AnySuite, roots: PathLike | Sequence[PathLike]) -> Suite:
    """Return a suite as it is, or read; of data that is no suite's file one that asks each row."""
    if isinstance(given, Suite):
        return given
    path = Path(given)
    rows = path.exists() and path.suffix not in (".yaml", ".yml")
    return load_suite(data=path, roots=roots) if rows else load_suite(given, roots=roots)
