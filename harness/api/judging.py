"""Judge a model, or a run that is there, by the gates of a suite or one rule for each headline."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from harness.api.given import RUNS, AnyAdapter, AnyRun, AnySuite, PathLike, adapter_of, load_run, load_suite, several
from harness.api.labelled import labels_of
from harness.api.limits import DRAWS, FEWEST_DRAWS, HEAD_ALONE, at_least, known_preparation, refuse
from harness.api.watching import SILENT, ignore
from harness.engine.named import counted
from harness.engine.options import Prepare, Progress, RunOptions
from harness.errors import UsageError
from harness.locate import near
from harness.record import Run
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.suite.select import Selection

if TYPE_CHECKING:
    from harness.comparison.decide import Decision
    from harness.comparison.labelled import WithLabels
    from harness.gates.runs import GateOptions, PlannedGate
    from harness.record import RunRecord

_BASELINES: Final = Path("baselines")


def gate(
    suite: AnySuite | None = None,
    adapter: AnyAdapter | None = None,
    *,
    baseline: str = "main",
    baselines: PathLike = _BASELINES,
    candidate: AnyRun | None = None,
    metric: str | Sequence[str] = (),
    margin: float | None = None,
    out: PathLike = RUNS,
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
    resamples: int = DRAWS,
    allow_missing: float = 0.0,
    labels: PathLike | None = None,
    progress: Progress = SILENT,
    say: Callable[[str], None] = ignore,
    planned: "Callable[[PlannedGate], None]" = ignore,
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

    at_least(1, workers=workers, limit=limit, epochs=epochs)
    known_preparation(prepare)
    at_least(FEWEST_DRAWS, resamples=resamples)
    refuse(
        {
            "epochs is for a run that is made; a candidate was asked as often as it was": epochs > 1 and candidate,
            "sequential decides how many samples are run; leave out candidate and limit": sequential
            and (candidate or limit),
            "labels are of whole runs; leave out sequential": sequential and labels,
            f"allow_missing is a share from 0 to 1, not {allow_missing}": not 0 <= allow_missing <= 1,
            HEAD_ALONE: head and limit is None,
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
            given = labels_of(labels, made.record.suite.content, Path(made.record.suite.file))
            return _judged_pair(made, suite, baseline, folder, several(metric), margin, strict, resamples, given, say)
    if adapter is None:
        if made is None:
            raise UsageError("name an adapter to run the suite on, or give a candidate that was run: --candidate")
        adapter = made.record.adapter.name
    with branch.reading(Path(baselines)) as folder:
        loaded, ledger = load_suite(suite, roots), Ledger(Path(out).absolute(), say)
        given = labels_of(labels, loaded.content, loaded.file)
        options = GateOptions(baseline, folder, strict, block, resamples, allow_missing, given)
        selection = Selection(epochs=epochs)
        if made is not None:
            plan = _planned_of(made, loaded, adapter, options)
            planned(plan)
            return _kept(made.folder, judge_run(plan, made.folder, ledger))
        looks = Looks.parse(sequential, largest_cell(loaded)) if sequential else None
        choice = adapter_of(adapter)
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
        return {os.fspath(adapter), adapter_of(adapter).name}
    except UsageError:
        return {os.fspath(adapter), Path(adapter).stem}
