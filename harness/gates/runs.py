"""Run what a gate needs and judge it: one place for the command line, the pytest plugin and bisect."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison.absolute import Ruled
from harness.comparison.compare import Compared, Options, compare
from harness.comparison.decide import Decision, blocks, check_directions, decide, margins
from harness.comparison.forecast import Forecast, Planned, forecast
from harness.comparison.identity import Identity
from harness.comparison.labelled import WithLabels
from harness.comparison.ratios import limits
from harness.comparison.sequential import ALPHA, Looked, Looks, Watch
from harness.comparison.sets import NO_ROWS, Rows
from harness.engine.run import Progress, RunOptions, run_suite
from harness.engine.told import invocation
from harness.errors import UsageError
from harness.gates import baseline as stored
from harness.gates.baseline import Baseline
from harness.gates.looks import RunRules, alone
from harness.gates.pairs import labels_alone
from harness.gates.planned import planned_identity, planned_rows, rows_of
from harness.gates.remember import remembering
from harness.gates.tries import Ledger, Try, begin, digest, entered
from harness.record import Run, RunRecord
from harness.record.folder import write_run
from harness.spec.models import GateSpec
from harness.stats.draws import RESAMPLES
from harness.stats.verdict import Outcome
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.suite.select import ALL, Selection
from harness.tasks.draw import Draw
from harness.tasks.told import planned_units, told


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What the caller chooses and the suite does not."""

    baseline: str = "main"
    """Name of a baseline, or the folder of a run."""
    baselines: Path = stored.ROOT
    """Where baselines lie."""
    strict: bool = False
    """Every gate that compares must show that there is no drop."""
    block: bool = False
    """Let a ``domain`` or ``stress`` suite stop the change too."""
    resamples: int = RESAMPLES
    allow_missing: float = 0.0
    """The share of the baseline's rows of a task that may be gone or changed before its gates decide nothing."""
    labels: WithLabels | None = None
    """What people say of some answers; the suite's own by default."""


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A gate before its run: the baseline fits, and what can be seen is known."""

    suite: Suite
    options: GateOptions
    baseline: Baseline | None
    """None where no gate of the suite compares and there is none."""
    forecasts: tuple[Forecast, ...]


def plan_gate(
    suite: Suite,
    planned: Identity,
    adapter: str,
    options: GateOptions,
    draw: Draw | None = None,
    rows: Rows = NO_ROWS,
) -> PlannedGate:
    """Find the baseline, see that it fits, and say what the gate will be able to see.

    Args:
        suite: the suite.
        planned: of the run that will be or was made.
        adapter: its adapter's name.
        options: what the caller chooses.
        draw: which samples of a cell are run; all by default.
        rows: of the run's data, so that other data are compared row by row.

    Raises:
        NoBaseline: if a gate needs one and there is none, or it no longer fits.
        UsageError: if the suite has no gates, or two that contradict each other.
    """
    gates = suite.spec.gates
    if not gates:
        raise UsageError(f"suite {suite.spec.suite!r} has no gates, so there is nothing to decide")
    compared = _compared(gates)
    if not compared:
        return PlannedGate(suite, options, None, ())
    baseline = stored.find(options.baseline, suite.spec.suite, adapter, planned.simulated, options.baselines)
    check_directions(gates, baseline.record)
    # With fewer samples than the data have, what is missing shows in the run.
    whole = draw is None or draw.limit is None
    stored.check(baseline, planned, compared, rows, options.allow_missing if whole else 1.0)
    seen = forecast(gates, planned_gates(suite, draw), Run(baseline.folder))
    return PlannedGate(suite, options, baseline, tuple(seen))


def planned_gates(suite: Suite, draw: Draw | None = None) -> dict[str, Planned]:
    """Return what the gates of a suite are on, and how many samples of a run each will rest on."""
    found = {}
    for gate in suite.spec.gates:
        name, _, metric = gate.metric.partition("/")
        task = suite.tasks.get(name)
        statistic = told(task).get(metric) if task else None
        if task and statistic:
            found[gate.metric] = Planned(statistic, planned_units(task, statistic, draw))
    return found


def judge_run(planned: PlannedGate, folder: Path, ledger: Ledger | None = None) -> Decision:
    """Judge a run that was made.

    Args:
        planned: the gate.
        folder: of the run.
        ledger: knows earlier tries; a further one is judged more strictly, and written down.

    Raises:
        NoBaseline: if the run does not fit the baseline.
    """
    candidate = Run(folder)
    if not planned.baseline or candidate.record.status != "complete":
        return _decide(planned, candidate.record, None, people=_people(planned, candidate))
    gates = planned.suite.spec.gates
    stored.check(planned.baseline, Identity.of(candidate.record), _compared(gates), rows_of(candidate))
    if ledger is None:
        return _decide(planned, candidate.record, _compare(planned, candidate), people=_people(planned, candidate))
    one = begin(ledger, planned.baseline.record.run_id, candidate)
    compared = _compare(planned, candidate, one.level)
    ruled = RunRules(gates, candidate).at(one.level / 2) if one.level < ALPHA and alone(gates) else None
    people = _people(planned, candidate)
    return entered(_decide(planned, candidate.record, compared, ruled=ruled, people=people), one, ledger)


def run_gate(
    planned: PlannedGate, choice: AdapterChoice, run: RunOptions, progress: Progress, ledger: Ledger | None = None
) -> tuple[Path, Decision]:
    """Run the suite, judge the run, and keep the verdicts in its record.

    Raises:
        AdapterError: if the adapter cannot be loaded or lacks what a task needs.
    """
    with invocation():
        folder, _ = run_suite(planned.suite, choice, run, progress)
        decision = judge_run(planned, folder, ledger)
        keep(folder, decision)
        return folder, decision


def run_sequentially(
    planned: PlannedGate,
    choice: AdapterChoice,
    run: RunOptions,
    looks: Looks,
    progress: Progress,
    ledger: Ledger | None = None,
) -> tuple[Path, Decision]:
    """Run the suite look by look and stop as soon as the verdict is certain.

    A look runs the first so many samples of every cell, in the order in which they are drawn. What an earlier look
    asked the model is remembered, not asked again.
    """
    if planned.baseline is None:
        raise UsageError("--sequential needs a gate that compares with a baseline (max_drop or max_increase)")
    spec = planned.suite.spec
    looks = looks.within(largest_cell(planned.suite) or looks.counts[-1])
    watch: Watch | None = None
    one: Try | None = None
    seen: list[str] = []
    asked = run.selection.apply(planned.suite).tasks.values()
    planned_calls = sum(task.count(cell) for task in asked for cell in task.cells())
    with remembering(choice) as once, _apart(planned.suite) as cache:
        run = replace(run, cache=run.cache or cache)
        for look, samples in enumerate(looks.counts):
            folder, decision = run_gate(planned, once, replace(run, limit=samples, ranked=True), progress)
            if decision.compared is None:
                return folder, decision
            made_run = Run(folder)
            before = one
            if ledger:
                seen.append(digest(made_run))
                one = begin(ledger, planned.baseline.record.run_id, made_run, seen)
            # Answers that part from those of an earlier try at a later look are a try of their own from there.
            if watch is None or (before and one and before.level != one.level):
                watch = Watch(looks, margins(spec.gates), alone(spec.gates), one.level if one else ALPHA)
            at = RunRules(spec.gates, made_run).at if alone(spec.gates) else None
            looked = watch.look(look, decision.compared, at)
            last = look == len(looks.counts) - 1
            if looked is not None and (last or Outcome.FAIL in looked.outcomes.values() or not _ratios_open(decision)):
                made = sum(decision.candidate.responses.values())
                looked = replace(looked, spared=max(0.0, 1 - made / max(1, planned_calls)))
                decision = _decide(planned, decision.candidate, decision.compared, looked)
                if ledger and one:
                    decision = entered(decision, one, ledger)
                keep(folder, decision)
                return folder, decision
            shutil.rmtree(folder)  # the next look holds all of it
    raise AssertionError("the last look always decides")


@contextmanager
def _apart(suite: Suite) -> Iterator[Path | None]:
    """Yield a folder for answers where the model lives in a process of its own: what that remembers goes with it."""
    if suite.spec.engine.isolation != "process":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="harness-looks-") as folder:
        yield Path(folder)


def largest_cell(suite: Suite) -> int:
    """Return how many samples the largest cell has that asks; 0 where nothing is asked."""
    asking = [task for task in suite.tasks.values() if task.metrics]
    return max((task.count(cell) for task in asking for cell in task.cells()), default=0)


def planned_for(
    suite: Suite, choice: AdapterChoice, options: GateOptions, draw: Draw | None = None, selection: Selection = ALL
) -> PlannedGate:
    """As :func:`plan_gate`, for a run that is still to be made, of what is selected."""
    identity = planned_identity(selection.apply(suite), choice)
    return plan_gate(suite, identity, choice.spec.adapter, options, draw, planned_rows(suite))


def keep(folder: Path, decision: Decision) -> None:
    """Write what a gate decided into the record of the run that it judged, where every page reads it."""
    gates = [judged.gate for judged in decision.gates] if decision.candidate.status == "complete" else []
    write_run(folder, decision.candidate.model_copy(update={"gates": gates, "tries": decision.tries}))


def _compare(planned: PlannedGate, candidate: Run, level: float = ALPHA) -> Compared:
    assert planned.baseline is not None  # noqa: S101 - asked only where there is one
    gates = planned.suite.spec.gates
    options = Options(
        planned.options.resamples,
        1 - level,
        margins=margins(gates),
        ratios=limits(gates),
        allow_missing=planned.options.allow_missing,
        labels=_given(planned),
    )
    return compare(Run(planned.baseline.folder), candidate, options)


def _given(planned: PlannedGate) -> WithLabels | None:
    return planned.options.labels or WithLabels.of_suite(planned.suite.content, planned.suite.file)


def _people(planned: PlannedGate, candidate: Run) -> Sequence[Ruled]:
    complete = candidate.record.status == "complete"
    return labels_alone(candidate, planned.suite.spec.gates, _given(planned)) if complete else ()


def _ratios_open(decision: Decision) -> bool:
    """Return whether a gate on a ratio could still be decided by more samples."""
    return any(one.gate.verdict == "inconclusive" and one.gate.rule.startswith("ratio") for one in decision.gates)


def _decide(
    planned: PlannedGate,
    candidate: RunRecord,
    compared: Compared | None,
    looked: Looked | None = None,
    ruled: Sequence[Ruled] | None = None,
    people: Sequence[Ruled] = (),
) -> Decision:
    spec, options = planned.suite.spec, planned.options
    blocking = blocks(spec.tier, options.block)
    return decide(
        spec.gates, candidate, compared, strict=options.strict, blocking=blocking, looked=looked, ruled=ruled,
        people=people,
    )  # fmt: skip


def _compared(gates: Sequence[GateSpec]) -> list[str]:
    """Return the tasks whose gates need a baseline."""
    return [metric.partition("/")[0] for metric in (*margins(gates), *limits(gates))]
