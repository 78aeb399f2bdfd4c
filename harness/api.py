"""The front door: what the command line does, as functions that print nothing and return what they found.

Names, paths or objects go in; options are called as on the command line and have its defaults. A mistake is a
:class:`~harness.errors.HarnessError` whose text says what to do. A run that failed is no exception: it comes back
with a record whose status says so, for what it measured is there to be looked at.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from harness.engine.named import counted, locate_run, opened_run
from harness.engine.options import Executor, Prepare, Progress, RunOptions, SampleRule, Silent
from harness.engine.plan import WHOLE, Shard
from harness.errors import UsageError
from harness.locate import cache_folder, near
from harness.record import Run
from harness.spec.limits import MOST_IN_A_BATCH
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.suite.bind import Suite
from harness.suite.bind import load_suite as read_suite
from harness.suite.select import Selection

if TYPE_CHECKING:
    from harness.causes.results import Why
    from harness.comparison.compare import Compared
    from harness.comparison.decide import Decision
    from harness.comparison.labelled import WithLabels
    from harness.comparison.labelled_run import LabelledRun
    from harness.equivalence import Equivalence
    from harness.gates.runs import GateOptions, PlannedGate
    from harness.record import RunRecord
    from harness.types import MetricValue

__all__ = ["by_labels", "compare", "equivalent", "gate", "load_run", "load_suite", "run", "score", "why"]

PathLike = str | os.PathLike[str]
AnySuite = Suite | PathLike
AnyAdapter = AdapterChoice | PathLike
AnyRun = Run | PathLike
_Name = TypeVar("_Name", str, os.PathLike[str], PathLike)

_HEAD_ALONE: Final = "head says which samples a limit takes; give one"
_RUNS: Final = Path("results/runs")
_BASELINES: Final = Path("baselines")
_WHY: Final = Path("results/why")
_SILENT: Final = Silent()
_ON: Final = ("agreement", "score")
_DRAWS: Final = 2_000
_FEWEST_DRAWS: Final = 100


def _ignore(_: object) -> None: ...


def _both_ignored(_: object, __: object) -> None: ...


def load_suite(
    suite: AnySuite | None = None,
    roots: PathLike | Sequence[PathLike] = (),
    *,
    data: PathLike | None = None,
    fields: Mapping[str, str] | None = None,
) -> Suite:
    """Read and check a suite, or make one of data that has none.

    Args:
        suite: a YAML file, a name from ``harness list suites``, or a suite that was read.
        roots: folders outside the suite's own that its data may lie in.
        data: instead of a suite: a file or folder whose every row is asked once. The metric is that of a public set,
            and guessed for rows of your own; the suite's description says which.
        fields: of ``data``, which column is what, where that cannot be told.

    Raises:
        SpecError: with everything that is wrong, each at its place.
        UsageError: if there is no such suite, or both or neither is given.
    """
    if (suite is None) == (data is None):
        raise UsageError("give a suite, or data to make one of: harness run SUITE, or harness run --data FILE")
    if data is not None:
        from harness.suite.bare import data_document
        from harness.suite.bind import bind_suite

        places = [Path(root) for root in _several(roots)]
        return bind_suite(data_document(Path(data), places, fields), places)
    if isinstance(suite, Suite):
        if roots:
            raise UsageError("roots count while a suite is read; give them to harness.load_suite")
        return suite
    assert suite is not None  # noqa: S101 - narrows the type
    return read_suite(os.fspath(suite), [Path(root) for root in _several(roots)])


def load_run(run: AnyRun | None = None, runs: PathLike = _RUNS) -> Run:
    """Open a run record.

    Args:
        run: the run's folder, another harness's log, or a part of its id; the newest under ``runs`` by default.
            ``@2`` is the one before, ``@latest:ADAPTER`` the newest of an adapter.
        runs: where runs lie.

    Returns:
        An object with ``record`` (what ``run.json`` holds), ``metrics`` (by ``task/metric``), ``table()`` (an Arrow
        table, a row a response) and ``samples()`` (the same as a pandas data frame).

    Raises:
        UsageError: if there is no readable record, or several fit.
    """
    if isinstance(run, Run):
        return run
    if run is None or isinstance(run, str):
        return Run(locate_run(run, Path(runs)))
    path = Path(run)
    return Run(opened_run(path) if path.exists() else path)


def run(
    suite: AnySuite,
    adapter: AnyAdapter,
    *,
    out: PathLike = _RUNS,
    batch_size: int | None = None,
    workers: int = 1,
    prepare: Prepare = "auto",
    limit: int | None = None,
    head: bool = False,
    sample: SampleRule = "plain",
    sample_from: Sequence[AnyRun] = (),
    only: str | Sequence[str] = (),
    sample_ids: str | Sequence[str] = (),
    epochs: int = 1,
    reducer: str = "mean",
    shard: str | None = None,
    executor: Executor | None = None,
    ray_address: str | None = None,
    ray_workers: int | None = None,
    cache: bool = False,
    fresh: bool = False,
    roots: PathLike | Sequence[PathLike] = (),
    report: bool = True,
    progress: Progress = _SILENT,
    say: Callable[[str], None] = _ignore,
) -> Run:
    """Run a suite on an adapter and leave a run record. An unfinished run of the same suite and options is continued.

    Args:
        suite: a YAML file, a name from ``harness list suites``, or a suite that was read.
        adapter: a YAML file or a name from ``harness list adapters``.
        out: folder for run records.
        batch_size: requests a call; the adapter's own by default.
        workers: batches that are loaded and perturbed at a time, ahead of the model.
        prepare: where that is done: in ``threads``, in ``processes``, or (``auto``) in threads until the model waits
            for two of them or more.
        limit: at most so many samples a cell: the first of a seeded order, the same for every adapter.
        head: let the limit take the first samples of each dataset instead, as they stand in its file.
        sample: ``informative`` draws those samples oftener that earlier runs disagree on, and weighs each by one over
            its chance in every number.
        sample_from: those runs; by default all that lie below ``out``.
        only: names of the tasks to run; all by default.
        sample_ids: the samples to ask about; all by default.
        epochs: how often each question is asked.
        reducer: one score from a question's several: ``mean``, ``majority``, ``pass@K`` or ``at_least@K``.
        shard: ``K/N``, the K-th of N parts.
        executor: where the model lives: ``local``, ``process`` or ``ray``; as the suite says by default.
        ray_address: an existing Ray cluster.
        ray_workers: copies of the model on Ray.
        cache: take answers that this model gave to the same requests earlier.
        fresh: begin anew even where an unfinished run could be continued.
        roots: folders outside the suite's own that its data may lie in.
        report: write ``report.html`` beside the record.
        progress: who watches; nobody by default.
        say: hears what a user should know and what is no error.

    Returns:
        The run. Where too many samples failed or none was answered, ``record.status`` is ``failed`` and
        ``record.reason`` says why.

    Raises:
        SpecError: if the suite or the adapter's file is wrong.
        UsageError: if an option is impossible, or the adapter lacks what a task needs.
        AdapterError: if the adapter cannot be loaded.
        Interrupted: on Ctrl-C, after what was measured is saved; the same call continues it.
    """
    from harness.engine.run import run_suite
    from harness.engine.told import invocation

    numbers = {"batch_size": batch_size, "workers": workers, "limit": limit, "epochs": epochs}
    _at_least(1, **numbers, ray_workers=ray_workers)
    _refuse({_HEAD_ALONE: head and limit is None})
    if sample not in get_args(SampleRule):
        raise UsageError(f"sample must be one of {', '.join(get_args(SampleRule))}, not {sample!r}")
    _check_prepare(prepare)
    if batch_size is not None and batch_size > MOST_IN_A_BATCH:
        raise UsageError(f"batch_size must be {MOST_IN_A_BATCH} or less, not {batch_size}")
    if reducer != "mean" and epochs == 1:
        raise UsageError(f"reducer {reducer!r} makes one score of several: it needs epochs of 2 or more")
    if executor not in (None, *get_args(Executor)):
        raise UsageError(f"executor must be one of {', '.join(get_args(Executor))}, not {executor!r}")
    options = RunOptions(
        out=Path(out),
        batch_size=batch_size,
        workers=workers,
        prepare=prepare,
        limit=limit,
        head=head,
        sample=sample,
        sample_from=tuple(load_run(one, out).folder.absolute() for one in sample_from),
        selection=Selection(_several(only), _several(sample_ids), epochs, reducer),
        shard=Shard.parse(shard) if shard else WHOLE,
        executor="ray" if ray_address and not executor else executor,
        ray_address=ray_address,
        ray_workers=ray_workers,
        cache=cache_folder() if cache else None,
        fresh=fresh,
        say=say,
    )
    with invocation():
        loaded = load_suite(suite, roots)
        folder, record = run_suite(loaded, _choice(adapter), options, progress)
        if batch_size not in (None, record.adapter.batch_size):
            said = (
                f"a batch size of {batch_size} is ignored: answers of {record.adapter.name} can depend on their batch"
            )
            say(f"{said}, so it stays at {record.adapter.batch_size}")
        if report:
            from harness.engine.thumbnails import keep_wrong
            from harness.report.html import write_html

            keep_wrong(folder, loaded)
            write_html(folder, folder / "report.html")
        return Run(folder if Path(out).is_absolute() else near(folder))


def compare(
    baseline: AnyRun,
    candidate: AnyRun,
    *,
    runs: PathLike = _RUNS,
    resamples: int = _DRAWS,
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

    _at_least(_FEWEST_DRAWS, resamples=resamples)
    first, other = load_run(baseline, runs), load_run(candidate, runs)
    given = _labels(labels, other.record.suite.content, Path(other.record.suite.file))
    options = Options(resamples=resamples, force=force, labels=given)
    return compare(first, other, watching(other.record, options))


def by_labels(
    run: AnyRun, labels: PathLike | None = None, *, within: float = 0.05, runs: PathLike = _RUNS
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
    given = _labels(labels, made.record.suite.content, Path(made.record.suite.file))
    if given is None:
        raise UsageError(f"suite {made.record.suite.name!r} names no labels; say where they are: labels=FILE")
    return run_by_people(made, given, within)


def _labels(file: PathLike | None, content: Mapping[str, Any], suite: Path) -> "WithLabels | None":
    """Return the labels of a file that is named, by the rules of a suite; or those that the suite names itself."""
    from harness.comparison.labelled import WithLabels

    return WithLabels.asked_for(None if file is None else Path(file), content, suite)


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
    advance: Callable[[int, int], None] = _both_ignored,
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

    _at_least(1, limit=limit)
    _refuse(
        {
            _HEAD_ALONE: head and limit is None,
            f"on is agreement or score, not {on!r}": on not in _ON,
            "give a suite whose questions are asked, or data: --suite SUITE, or --data FILE": (suite is None)
            == (data is None),
        }
    )
    loaded = load_suite(suite, roots, data=data)
    choices = _choice(a), _choice(b)
    with ExitStack() as stack:
        sides = [Side(choice.name, stack.enter_context(closing(choice.load()))) for choice in choices]
        return compare_adapters(sides[0], sides[1], loaded, Options(task, limit, margin, on, head, advance))


def gate(
    suite: AnySuite | None = None,
    adapter: AnyAdapter | None = None,
    *,
    baseline: str = "main",
    baselines: PathLike = _BASELINES,
    candidate: AnyRun | None = None,
    metric: str | Sequence[str] = (),
    margin: float | None = None,
    out: PathLike = _RUNS,
    workers: int = 1,
    prepare: Prepare = "auto",
    limit: int | None = None,
    head: bool = False,
    roots: PathLike | Sequence[PathLike] = (),
    strict: bool = False,
    block: bool = False,
    sequential: str | None = None,
    executor: Literal["local", "process"] | None = None,
    epochs: int = 1,
    resamples: int = _DRAWS,
    allow_missing: float = 0.0,
    labels: PathLike | None = None,
    progress: Progress = _SILENT,
    say: Callable[[str], None] = _ignore,
    planned: "Callable[[PlannedGate], None]" = _ignore,
) -> "Decision":
    """Judge an adapter: run the suite, pair the run with the baseline, apply the suite's gates.

    Without a suite, or with a candidate that another harness made, two runs are judged as they are: by the gates of the
    suite's file, or by one rule for each headline, "not worse by ``margin``".

    Args:
        suite: a YAML file, a name from ``harness list suites``, or a suite that was read.
        adapter: a YAML file or a name from ``harness list adapters``; a candidate's own by default.
        baseline: a baseline's name, a run's folder or ``@2`` and its like, or another harness's log.
        baselines: where baselines lie: a folder, or ``branch:NAME``.
        candidate: judge this run, or another harness's log, instead of making one; the adapter's file need not be here.
            A run's files must be those that its record describes, and its samples must give its numbers.
        metric: without a suite: the numbers to judge, with or without their tasks; the headlines by default.
        margin: without a suite: how much worse is not worse, in the metric's unit; 0.02 of its range by default.
        out: folder for run records.
        workers: batches that are loaded and perturbed at a time, ahead of the model.
        prepare: where that is done, as for :func:`run`.
        limit: at most so many samples a cell: the first of a seeded order.
        head: let the limit take the first samples of each dataset instead.
        roots: folders outside the suite's own that its data may lie in.
        strict: pass only where it is shown that nothing dropped by the margin.
        block: let a domain or stress suite stop the change; they only warn by default.
        sequential: look at these sample counts (``100,200,400``), or at ten of equal distance (``auto``); stop when the
            verdict is certain.
        executor: where the model lives, in this process or in one that can be killed; None leaves it to the suite.
        epochs: ask each question so often, and judge the mean of its scores; the baseline must have been made so too.
        resamples: bootstrap draws.
        allow_missing: the share, from 0 to 1, of the baseline's rows of a task that may be gone or changed before its
            gates are inconclusive. They are named, and rows that are new are too.
        labels: a file of people's labels; the suite's own by default. What they say of each task is a rule of its own.
        progress: who watches; nobody by default.
        say: hears where the record lies.
        planned: hears the plan with its baseline and forecasts, before anything runs.

    Returns:
        The decision. Its ``verdict`` is ``pass``, ``fail``, ``inconclusive``, or ``error`` where the run failed.

    Raises:
        NoBaseline: if a gate needs a baseline and there is none that fits.
        SpecError: if the suite or the adapter's file is wrong.
        UsageError: if an option is impossible, or the candidate is a run of something else.
        AdapterError: if the adapter cannot be loaded.
    """
    from harness.comparison.sequential import Looks
    from harness.comparison.verify import agreed
    from harness.gates import branch
    from harness.gates.runs import GateOptions, judge_run, largest_cell, planned_for, run_gate, run_sequentially
    from harness.gates.tries import Ledger
    from harness.suite.looks import draw_of

    _at_least(1, workers=workers, limit=limit, epochs=epochs)
    _check_prepare(prepare)
    _at_least(_FEWEST_DRAWS, resamples=resamples)
    _refuse(
        {
            "epochs is for a run that is made; a candidate was asked as often as it was": epochs > 1 and candidate,
            "sequential decides how many samples are run; leave out candidate and limit": sequential
            and (candidate or limit),
            "labels are of whole runs; leave out sequential": sequential and labels,
            f"allow_missing is a share from 0 to 1, not {allow_missing}": not 0 <= allow_missing <= 1,
            _HEAD_ALONE: head and limit is None,
            "metric and margin are for runs that are judged without a suite; its gates say both": suite is not None
            and (metric or margin is not None),
        }
    )
    baseline, made = counted(baseline, Path(out)), load_run(candidate, out) if candidate else None
    if made is not None:
        agreed(made)  # it may come from anywhere
    if suite is None or (made is not None and _imported(made)):
        if made is None:
            raise UsageError("name a suite to run, or give a candidate that was run: --candidate")
        with branch.reading(Path(baselines)) as folder:
            given = _labels(labels, made.record.suite.content, Path(made.record.suite.file))
            return _judged_pair(made, suite, baseline, folder, _several(metric), margin, strict, resamples, given, say)
    if adapter is None:
        if made is None:
            raise UsageError("name an adapter to run the suite on, or give a candidate that was run: --candidate")
        adapter = made.record.adapter.name
    with branch.reading(Path(baselines)) as folder:
        loaded, ledger = load_suite(suite, roots), Ledger(Path(out).absolute(), say)
        given = _labels(labels, loaded.content, loaded.file)
        options = GateOptions(baseline, folder, strict, block, resamples, allow_missing, given)
        selection = Selection(epochs=epochs)
        if made is not None:
            plan = _planned_of(made, loaded, adapter, options)
            planned(plan)
            return _kept(made.folder, judge_run(plan, made.folder, ledger))
        looks = Looks.parse(sequential, largest_cell(loaded)) if sequential else None
        choice = _choice(adapter)
        run = RunOptions(
            out=Path(out).absolute(),
            workers=workers,
            prepare=prepare,
            limit=limit,
            head=head,
            selection=selection,
            executor=executor,
            say=say,
        )
        draw = draw_of(loaded, looks.counts[-1] if looks else limit, head=head)
        plan = planned_for(loaded, choice, options, draw, selection)
        planned(plan)
        if looks:
            record, decision = run_sequentially(plan, choice, run, looks, progress, ledger)
        else:
            record, decision = run_gate(plan, choice, run, progress, ledger)
        say(f"record: {near(record)}")
        return decision


def _kept(folder: Path, decision: "Decision") -> "Decision":
    """Write a decision into the record that it judged and draw its page again, which said "no baseline" until then."""
    from harness.gates.runs import keep
    from harness.report.html import write_html

    with suppress(OSError):  # a run that cannot be written to is judged all the same
        keep(folder, decision)
        if (folder / "report.html").is_file():
            write_html(folder, folder / "report.html")
    return decision


def why(
    baseline: AnyRun,
    candidate: AnyRun,
    *,
    metric: str = "",
    budget: int | None = None,
    runs: PathLike = _RUNS,
    out: PathLike = _WHY,
    suite: PathLike | None = None,
    adapter: PathLike | None = None,
    roots: PathLike | Sequence[PathLike] = (),
    python: PathLike | None = None,
    cache: bool = True,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress = _SILENT,
    say: Callable[[str], None] = _ignore,
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

    _at_least(1, budget=budget, workers=workers)
    options = Options(
        metric=metric,
        budget=budget,
        suite=None if suite is None else Path(suite),
        adapter=None if adapter is None else os.fspath(adapter),
        roots=tuple(Path(root).absolute() for root in _several(roots)),
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


def score(
    run: AnyRun | None,
    metric: str,
    *,
    variant: str = "default",
    extract: str | Sequence[str] = (),
    runs: PathLike = _RUNS,
    **params: Any,
) -> "Mapping[str, MetricValue]":
    """Score the stored answers of a run again, without the model; the record is left as it is.

    Args:
        run: a run, its folder, or a part of its id; None for the newest.
        metric: the metric's name.
        variant: its variant.
        extract: extraction steps to use instead of the tasks' own, in order.
        runs: where to look for the run.
        **params: parameters of the metric.

    Returns:
        The metric with its interval, by ``task/cell``.

    Raises:
        UsageError: if the metric, a parameter or the run is unknown, or the run holds no answers to questions.
    """
    from harness.engine.rescore import one_by_one, rescore

    return rescore(load_run(run, runs), one_by_one(metric, variant, **params), _several(extract) or None)


def _planned_of(run: Run, suite: Suite, adapter: AnyAdapter, options: "GateOptions") -> "PlannedGate":
    """Return the gate on a run that was made earlier."""
    from harness.comparison.identity import Identity
    from harness.gates.planned import check_run_of, rows_of
    from harness.gates.runs import plan_gate
    from harness.suite.looks import draw_of_run

    record = run.record
    if record.suite.name != suite.spec.suite:
        raise UsageError(f"{run.folder} is a run of suite {record.suite.name!r}, not of {suite.spec.suite!r}")
    if record.adapter.name not in _names(adapter):
        said = adapter.name if isinstance(adapter, AdapterChoice) else os.fspath(adapter)
        raise UsageError(f"{run.folder} is a run of adapter {record.adapter.name!r}, not of {said!r}")
    check_run_of(_as_asked(suite, record), run)
    draw, asked = draw_of_run(suite, record), rows_of(run)
    return plan_gate(suite, Identity.of(record), record.adapter.name, options, draw, asked)


def _imported(run: Run) -> bool:
    from harness.imports import KIND

    return any(task.kind == KIND for task in run.record.tasks.values())


def _judged_pair(
    made: Run,
    suite: AnySuite | None,
    baseline: str,
    folder: Path,
    metric: Sequence[str],
    margin: float | None,
    strict: bool,
    resamples: int,
    labels: "WithLabels | None",
    say: Callable[[str], None],
) -> "Decision":
    """Judge a run that is there against another one, by the gates of a file or by default ones."""
    from harness.gates.baseline import find
    from harness.gates.pairs import default_gates, judge_pair
    from harness.suite.rules import read_gates

    record = made.record
    if Path(baseline).exists():
        before = load_run(Path(baseline))
    else:
        before = Run(find(baseline, record.suite.name, record.adapter.name, record.adapter.simulated, folder).folder)
    if suite is None:
        gates = default_gates(record, metric, margin)
    else:
        gates = suite.spec.gates if isinstance(suite, Suite) else read_gates(os.fspath(suite))
    say(f"baseline: {baseline}, {before.record.adapter.name}, {before.record.run_id}")
    return judge_pair(before, made, gates, strict=strict, resamples=resamples, labels=labels)


def _as_asked(suite: Suite, record: "RunRecord") -> Suite:
    """Return the suite with its tasks asked as often as by a run: that was the run's to choose."""
    repeated = {name: task for name, task in record.tasks.items() if task.epochs > 1 and name in suite.tasks}
    for task in repeated.values():
        return Selection(tuple(repeated), (), task.epochs, task.reducer).apply(suite)
    return suite


def _names(adapter: AnyAdapter) -> set[str]:
    """Return what an adapter may be called in a record: as its file says, or as the file where it is not here."""
    if isinstance(adapter, AdapterChoice):
        return {adapter.name}
    try:
        return {os.fspath(adapter), _choice(adapter).name}
    except UsageError:
        return {os.fspath(adapter), Path(adapter).stem}


def _choice(adapter: AnyAdapter) -> AdapterChoice:
    return adapter if isinstance(adapter, AdapterChoice) else read_adapter(os.fspath(adapter))


def _several(names: _Name | Sequence[_Name]) -> tuple[_Name, ...]:
    """Return names as they are, and one that stands alone as the only one: a text is no list of letters."""
    return (names,) if isinstance(names, (str, os.PathLike)) else tuple(names)


def _refuse(mistakes: Mapping[str, object]) -> None:
    """Raise the first of some sentences whose condition holds."""
    if said := next((said for said, wrong in mistakes.items() if wrong), None):
        raise UsageError(said)


def _check_prepare(prepare: str) -> None:
    if prepare not in get_args(Prepare):
        raise UsageError(f"prepare must be one of {', '.join(get_args(Prepare))}, not {prepare!r}")


def _at_least(fewest: int, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < fewest:
            raise UsageError(f"{name} must be {fewest} or more, not {number}")
