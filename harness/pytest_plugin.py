"""Suites as tests: ``pytest suites/ --harness-adapter onnx-int8``, one item a task and a rule.

Also for ordinary tests: the fixtures ``harness_run`` and ``assert_no_regression``.
"""

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

try:
    import fcntl
except ImportError:  # Windows: each worker makes its own run
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from harness.comparison.decide import Decision, Judged
    from harness.errors import HarnessError
    from harness.gates.runs import PlannedGate
    from harness.record import Run

__all__ = ["assert_no_regression"]

_SHARED: Final = ".pytest-"
_KEY: Final[pytest.StashKey["_Session"]] = pytest.StashKey()


class Regression(AssertionError):
    """A metric dropped, or it is not shown that it did not."""


@dataclass(slots=True)
class _Session:
    """Runs of this session, each tried once."""

    out: Path
    shared: Path | None = None
    """Where workers of xdist tell each other which runs are made; None without workers."""
    runs: dict[tuple[str, str, int | None], "Run | HarnessError"] = field(default_factory=dict)

    def run(self, suite: str, adapter: str, limit: int | None = None) -> "Run":
        """Return the run of a suite on an adapter.

        Raises:
            HarnessError: if it cannot be made.
        """
        from harness.errors import HarnessError

        key = suite, adapter, limit
        if key not in self.runs:
            try:
                self.runs[key] = self._once(suite, adapter, limit)
            except HarnessError as error:
                self.runs[key] = error
        done = self.runs[key]
        if isinstance(done, HarnessError):
            raise done
        return done

    def _once(self, suite: str, adapter: str, limit: int | None) -> "Run":
        """Make a run, or wait for the worker that makes it and read it."""
        from harness.record import Run

        if self.shared is None or fcntl is None:
            return _run(suite, adapter, limit, self.out)
        name = hashlib.sha256(repr((suite, adapter, limit)).encode()).hexdigest()[:16]
        self.shared.mkdir(parents=True, exist_ok=True)
        told = self.shared / name
        with (self.shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it should its holder die
            if told.is_file():
                return Run(Path(told.read_text(encoding="utf-8")))
            run = _run(suite, adapter, limit, self.out)
            told.write_text(str(run.folder), encoding="utf-8")
            return run


def _run(suite: str, adapter: str, limit: int | None, out: Path) -> "Run":
    from harness.api import run

    # Workers of xdist make the same run at the same time.
    return run(suite, adapter, out=out, limit=limit, fresh=True, report=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("harness", "evaluation suites")
    group.addoption("--harness-adapter", action="append", default=[], metavar="ADAPTER",
                    help="Collect suite files and run them on this adapter; may be given again.")  # fmt: skip
    group.addoption("--harness-baseline", metavar="NAME", help="Apply gates that compare, against this baseline.")
    group.addoption("--harness-baselines", default="baselines", metavar="DIR", help="Where baselines lie.")
    group.addoption("--harness-limit", type=int, metavar="N", help="At most so many samples a cell.")
    group.addoption("--harness-out", default="results/runs", metavar="DIR", help="Folder for run records.")
    group.addoption("--harness-strict", action="store_true", help="Gates that compare must show that nothing dropped.")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the session's runs."""
    out = Path(config.getoption("--harness-out"))
    worker: Mapping[str, str] = getattr(config, "workerinput", {})
    config.stash[_KEY] = _Session(out, out / f"{_SHARED}{worker['testrunuid']}" if worker else None)
    config.addinivalue_line("markers", "harness: an item that the harness collected from a suite file")
    config.addinivalue_line("markers", "xdist_group(name): items that one worker of xdist runs")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what workers told each other, once they are all done."""
    if not hasattr(config, "workerinput") and _KEY in config.stash:
        for folder in config.stash[_KEY].out.glob(f"{_SHARED}*"):
            shutil.rmtree(folder, ignore_errors=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "SuiteFile | None":
    """Collect suite files, where an adapter is named."""
    if file_path.suffix not in (".yaml", ".yml") or not parent.config.getoption("--harness-adapter"):
        return None
    if not _is_suite(file_path):
        return None
    file: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    return file


class SuiteFile(pytest.File):
    """A suite file: for each adapter an item a task, an item a rule under ``gates:``, and one for its ``labels:``."""

    def collect(self) -> Iterator[pytest.Item]:
        from harness.comparison.absolute import judge
        from harness.errors import HarnessError
        from harness.suite.bind import load_suite

        try:
            suite = load_suite(str(self.path))
        except HarnessError as error:
            raise self.CollectError(str(error)) from None
        for adapter in self.config.getoption("--harness-adapter"):
            judging = _Judging(self.config, str(self.path), adapter)
            for task in suite.tasks:
                yield TaskItem.from_parent(self, name=_name(task, adapter), judging=judging, task=task)
            rules = [(gate.metric, rule.rule) for gate in suite.spec.gates for rule in judge([gate], {})]
            for position, (metric, rule) in enumerate(rules):
                name = _name(f"{metric} {rule}", adapter)
                yield GateItem.from_parent(self, name=name, judging=judging, position=position)
            if suite.spec.labels is not None:
                yield LabelsItem.from_parent(self, name=_name("labels", adapter), judging=judging, after=len(rules))


class _Judging:
    """One suite on one adapter, run and judged when the first item needs it."""

    def __init__(self, config: pytest.Config, suite: str, adapter: str) -> None:
        self._config = config
        self.suite = suite
        self.adapter = adapter

    @functools.cached_property
    def run(self) -> "Run":
        limit: int | None = self._config.getoption("--harness-limit")
        return self._config.stash[_KEY].run(self.suite, self.adapter, limit)

    @functools.cached_property
    def decision(self) -> "Decision":
        from harness.gates.runs import judge_run

        return judge_run(self._planned(), self.run.folder)

    def _planned(self) -> "PlannedGate":
        from harness.comparison.identity import Identity
        from harness.gates.planned import rows_of
        from harness.gates.runs import GateOptions, PlannedGate, plan_gate
        from harness.suite.bind import load_suite
        from harness.suite.looks import draw_of_run

        suite, record = load_suite(self.suite), self.run.record
        baseline = self._config.getoption("--harness-baseline")
        if baseline is None:
            return PlannedGate(suite, GateOptions(), None, ())
        folder = Path(self._config.getoption("--harness-baselines"))
        strict = bool(self._config.getoption("--harness-strict"))
        options = GateOptions(baseline, folder, strict)
        draw, rows = draw_of_run(suite, record), rows_of(self.run)
        return plan_gate(suite, Identity.of(record), record.adapter.name, options, draw, rows)


class _SuiteItem(pytest.Item):
    """What items of a suite share: where they stand, and failures as sentences."""

    def __init__(self, *, judging: _Judging, **others: Any) -> None:
        super().__init__(**others)
        self.judging = judging
        self.add_marker("harness")
        # With `pytest -n … --dist loadgroup` all items of one run go to one worker.
        self.add_marker(pytest.mark.xdist_group(f"{judging.suite} {judging.adapter}"))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return a harness failure as its sentence; anything else as usual."""
        from harness.errors import HarnessError

        if isinstance(excinfo.value, (Regression, HarnessError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"


class TaskItem(_SuiteItem):
    """Passes where the run was completed and the task has measured something."""

    def __init__(self, *, task: str, **others: Any) -> None:
        super().__init__(**others)
        self.task = task

    def runtest(self) -> None:
        record = self.judging.run.record
        if record.status != "complete":
            raise Regression(f"the run {record.status}: {record.reason}")
        if record.doubtful:
            from harness.report.failures import failure_lines

            raise Regression("\n".join([record.reason, *failure_lines(record)]))
        body = record.tasks[self.task]
        if not any(value.n for value in body.metrics.values()):
            raise Regression(f"task {self.task!r} measured nothing")
        from harness.report.numbers import interval, title

        lines = [f"{name}: {interval(value)}, n = {value.n}" for name, value in body.metrics.items()]
        self.add_report_section("call", "harness", "\n".join([title(record), *lines]))


class GateItem(_SuiteItem):
    """Passes where its rule passes. A rule that compares is skipped without ``--harness-baseline``."""

    def __init__(self, *, position: int, **others: Any) -> None:
        super().__init__(**others)
        self.position = position

    def runtest(self) -> None:
        decision = self.judging.decision
        if decision.candidate.status != "complete":
            raise Regression(f"the run {decision.candidate.status}: {decision.candidate.reason}")
        judged = decision.gates[self.position]
        if judged.gate.verdict == "no baseline":
            pytest.skip("compares with a baseline: name one with --harness-baseline")
        _must_pass(decision, [judged])


class LabelsItem(_SuiteItem):
    """Passes where all rules by people's labels do. It is skipped where no label fits the run."""

    def __init__(self, *, after: int, **others: Any) -> None:
        super().__init__(**others)
        self.after = after

    def runtest(self) -> None:
        decision = self.judging.decision
        if decision.candidate.status != "complete":
            raise Regression(f"the run {decision.candidate.status}: {decision.candidate.reason}")
        if not decision.gates[self.after :]:
            pytest.skip("no label decides anything of this run; make some: harness label RUN [RUN_B]")
        _must_pass(decision, decision.gates[self.after :])


def _must_pass(decision: "Decision", gates: "Sequence[Judged]") -> None:
    """Fail with those rules that do not pass; skip where the suite's tier only warns."""
    open_ = [one for one in gates if one.gate.verdict != "pass"]
    if open_ and not decision.blocking:
        told = "; ".join(f"{one.gate.verdict}: {one.gate.reason}" for one in open_)
        pytest.skip(f"tier {decision.candidate.suite.tier} only warns: {told}")
    if open_:
        raise Regression(verdict_table(decision, open_))


def verdict_table(decision: "Decision", gates: Sequence["Judged"]) -> str:
    """Return rules with their verdicts, and the samples that were lost, as plain text."""
    from tabulate import tabulate

    from harness.report.compare_rows import tally, where
    from harness.report.numbers import title
    from harness.report.text import plain

    rows = [(one.gate.metric, one.gate.rule, one.gate.verdict.upper(), plain(one.gate.reason, 300)) for one in gates]
    compared = decision.compared
    against = f" against {title(compared.baseline)}" if compared else ""
    lines = [f"{decision.candidate.suite.name}: {title(decision.candidate)}{against}"]
    lines.append(tabulate(rows, headers=("gate", "rule", "verdict", "because")))
    tasks = {one.gate.metric.partition("/")[0] for one in gates if one.delta is not None}
    for flips in compared.flips if compared else ():
        if flips.task in tasks:
            lines.append(f"{flips.task}: {tally(flips)}")
            lost = [flip for flip in flips.samples if flip.way == "lost"][:10]
            lines += [f"  {plain(where(flip))}: {plain(flip.before)} -> {plain(flip.after)}" for flip in lost]
    return "\n".join(lines)


def assert_no_regression(
    run: "Run | Path | str",
    baseline: "Run | Path | str",
    metrics: Sequence[str] | Mapping[str, float] | None = None,
    margin: float = 0.02,
    strict: bool = False,
) -> "Decision":
    """Fail where a run is worse than a baseline, by metrics and by the labels that the run's suite names.

    Args:
        run: a run, or its folder.
        baseline: a run, or the folder of a run or of a saved baseline.
        metrics: ``task/metric`` names, or a mapping to margins; every task's primary metric by default.
        margin: the drop that matters, where ``metrics`` says nothing else.
        strict: fail also where it is not shown that there is no such drop.

    Returns:
        The decision, for a closer look.

    Raises:
        AssertionError: with the verdicts and the samples that were lost.
        UsageError: if the runs cannot be compared, or a metric is unknown.
    """
    from harness.api import load_run
    from harness.comparison.compare import Options, compare
    from harness.comparison.decide import decide
    from harness.comparison.labelled import WithLabels
    from harness.errors import UsageError, did_you_mean
    from harness.spec.models import GateSpec

    candidate, reference = load_run(run), load_run(baseline)
    known = candidate.metrics
    primary = [f"{name}/{task.primary}" for name, task in candidate.record.tasks.items()]
    asked = [name for name in primary if name in known] if metrics is None else metrics
    margins = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(asked, margin)
    for name in margins:
        if name not in known:
            raise UsageError(f"the run has no metric {name!r}; {did_you_mean(name, known)}")
    gates = [GateSpec(metric=name, max_drop=drop) for name, drop in margins.items()]
    suite = candidate.record.suite
    labels = WithLabels.of_suite(suite.content, Path(suite.file))
    compared = compare(reference, candidate, Options(margins=margins, labels=labels))
    decision = decide(gates, candidate.record, compared, strict=strict)
    failed = [one for one in decision.gates if one.failed]
    if failed:
        raise Regression(verdict_table(decision, failed))
    return decision


@pytest.fixture(scope="session")
def harness_run(pytestconfig: pytest.Config) -> "Callable[..., Run]":
    """Run a suite on an adapter: ``harness_run(suite, adapter, limit=None)``; the same run is made once a session."""
    return pytestconfig.stash[_KEY].run


@pytest.fixture(name="assert_no_regression", scope="session")
def _assert_no_regression() -> "Callable[..., Decision]":
    """:func:`assert_no_regression`, for tests that would rather not import it."""
    return assert_no_regression


def _name(what: str, adapter: str) -> str:
    """Return the name of an item. Brackets would be taken for parameters, and `--lf` would not find it again."""
    return f"{what} on {adapter}".replace("[", "(").replace("]", ")")


def _is_suite(file: Path) -> bool:
    """Return whether a YAML file says that it is a suite, or that it extends one."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.startswith(("suite:", "extends:")) for line in lines)
