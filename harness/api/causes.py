"""Which of the changes between two runs made the difference."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.api.given import RUNS, AnyRun, PathLike, load_run, several
from harness.api.limits import at_least
from harness.api.watching import SILENT, ignore
from harness.engine.options import Executor, Progress
from harness.locate import cache_folder

if TYPE_CHECKING:
    from harness.causes.results import Why

_WHY: Final = Path("results/why")


def why(
    baseline: AnyRun,
    candidate: AnyRun,
    *,
    metric: str = "",
    budget: int | None = None,
    runs: PathLike = RUNS,
    out: PathLike = _WHY,
    suite: PathLike | None = None,
    adapter: PathLike | None = None,
    roots: PathLike | Sequence[PathLike] = (),
    python: PathLike | None = None,
    cache: bool = True,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress = SILENT,
    say: Callable[[str], None] = ignore,
) -> "Why":
    """Find which of the changes between two runs made the difference.

    What differs (prompt, weights, quantisation, …) is taken back on the candidate, one change at a time and together,
    and the task is asked again: about samples that flipped, and a seeded part of those that did not.

    Args:
        baseline: a run, its folder, or a part of its id.
        candidate: the same; of the same suite.
        metric: ``task/metric``, a mean over samples; by default the primary one that fell most surely.
        budget: the most questions to ask; by default a fifth of a full run of the task for each change.
        runs: where to look for runs.
        out: folder for the records of what is asked.
        suite: the file of the runs' suite, where it is not found: its data lies beside it.
        adapter: the candidate's adapter file, where it is not found.
        roots: folders outside the suite's own that its data may lie in; by default those of the candidate's command.
        python: the interpreter of an environment with the baseline's library versions and this harness: they are then
            a change as others, asked by a process of it.
        cache: take answers that a model gave to the same requests earlier.
        workers: batches that are loaded and perturbed at a time, ahead of the model.
        executor: where the model lives: ``local`` or ``process``; as the suite says by default.
        progress: who watches; nobody by default.
        say: hears what a user should know and what is no error.

    Returns:
        What was found: ``verdict``, ``causes`` with their effects, ``first``, and what it took, ``asked``.

    Raises:
        UsageError: if nothing can be said of these runs, or their files are not where they were.
        RunFailed: if a configuration cannot be asked.
    """
    from harness.causes.find import find
    from harness.causes.planning import Options, prepare
    from harness.engine.told import invocation

    at_least(1, budget=budget, workers=workers)
    options = Options(
        metric=metric,
        budget=budget,
        suite=None if suite is None else Path(suite),
        adapter=None if adapter is None else os.fspath(adapter),
        roots=tuple(Path(root).absolute() for root in several(roots)),
        python=None if python is None else os.fspath(python),
        out=Path(out).absolute(),
        cache=cache_folder() if cache else None,
        workers=workers,
        executor=executor,
        progress=progress,
        say=say,
    )
    with invocation():
        return find(prepare(load_run(baseline, runs), load_run(candidate, runs), options), options)
