"""Two runs side by side, or two models that should be one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from harness.api.given import RUNS, AnyAdapter, AnyRun, AnySuite, PathLike, adapter_of, load_run, load_suite
from harness.api.labelled import labels_of
from harness.api.limits import DRAWS, FEWEST_DRAWS, HEAD_ALONE, at_least, refuse
from harness.api.watching import ignore_both

if TYPE_CHECKING:
    from harness.comparison.compare import Compared
    from harness.equivalence import Equivalence

_ON: Final = ("agreement", "score")


def compare(
    baseline: AnyRun,
    candidate: AnyRun,
    *,
    runs: PathLike = RUNS,
    resamples: int = DRAWS,
    force: bool = False,
    labels: PathLike | None = None,
) -> "Compared":
    """Compare two runs sample by sample.

    Args:
        baseline: a run, its folder, or a part of its id.
        candidate: the same.
        runs: where to look for runs.
        resamples: bootstrap draws for aggregate metrics; take 10,000 for a release.
        force: compare what must not be compared; the result says so.
        labels: a file of people's labels, as ``harness label`` writes it; the suite's own by default. What they say is
            in ``labelled``, apart from the metrics.

    Raises:
        Incomparable: with every reason, if the runs did not ask the same questions in the same way.
        UsageError: if a run cannot be read.
    """
    from harness.comparison.compare import Options, compare
    from harness.comparison.decide import watching

    at_least(FEWEST_DRAWS, resamples=resamples)
    first, other = load_run(baseline, runs), load_run(candidate, runs)
    given = labels_of(labels, other.record.suite.content, Path(other.record.suite.file))
    options = Options(resamples=resamples, force=force, labels=given)
    return compare(first, other, watching(other.record, options))


def equivalent(
    a: AnyAdapter,
    b: AnyAdapter,
    *,
    suite: AnySuite | None = None,
    data: PathLike | None = None,
    task: str = "",
    limit: int | None = None,
    head: bool = False,
    margin: float = 0.02,
    on: Literal["agreement", "score"] = "agreement",
    roots: PathLike | Sequence[PathLike] = (),
    advance: Callable[[int, int], None] = ignore_both,
) -> "Equivalence":
    """Find the first stage at which two adapters part that should be one model, and judge whether they are one.

    Both models are in memory at once, and are asked one question at a time.

    Args:
        a: a YAML file or a name from ``harness list adapters``.
        b: the same.
        suite: whose questions are asked.
        data: instead of a suite: a file or folder whose every row is asked once.
        task: of the suite; by default the first that asks one question a sample.
        limit: at most so many samples; by default as many as could show the margin if nothing differs.
        head: let the limit take the first samples of the dataset.
        margin: the difference that matters: a share of answers, or of the metric's range.
        on: what must be equivalent: ``agreement`` of the answers, or their ``score``.
        roots: folders outside the suite's own that its data may lie in.
        advance: hears how many of how many samples are done.

    Returns:
        The stages, the tests of agreement and score, and ``verdict``: ``equivalent``, ``not equivalent`` or
        ``undecided``. ``str`` of it is the verdict as a sentence.

    Raises:
        SpecError: if the suite or an adapter's file is wrong.
        UsageError: if an option is impossible, or no task can be compared.
        AdapterError: if an adapter cannot be loaded, or no sample could be asked.
    """
    from contextlib import ExitStack, closing

    from harness.equivalence import Options, compare_adapters
    from harness.equivalence.ask import Side

    at_least(1, limit=limit)
    refuse(
        {
            HEAD_ALONE: head and limit is None,
            f"on is agreement or score, not {on!r}": on not in _ON,
            "give a suite whose questions are asked, or data: --suite SUITE, or --data FILE": (suite is None)
            == (data is None),
        }
    )
    loaded = load_suite(suite, roots, data=data)
    choices = adapter_of(a), adapter_of(b)
    with ExitStack() as stack:
        sides = [Side(choice.name, stack.enter_context(closing(choice.load()))) for choice in choices]
        return compare_adapters(sides[0], sides[1], loaded, Options(task, limit, margin, on, head, advance))
