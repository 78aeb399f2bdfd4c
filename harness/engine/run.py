"""Run one suite on one adapter and leave a run record."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from harness import __version__
from harness.engine.call import Called, Caller
from harness.engine.collect import CellScores, judge, measured, new_scores, packed, plain, task_results
from harness.engine.flips import keep_flips
from harness.engine.pictures import chart_record, table_record
from harness.engine.plan import Plan, chunks, make_plan
from harness.engine.prepare import Prepared, ahead, prepare
from harness.engine.resolve import AdapterChoice, Suite
from harness.errors import AdapterError, ExitCode, HarnessError, UsageError
from harness.gate.absolute import judge as judge_gates
from harness.record.artifacts import save_thumbnail
from harness.record.folder import STORE_FILE, write_run, write_samples, write_vectors
from harness.record.lineage import commit, machine
from harness.record.replicates import write_replicates
from harness.record.schema import (
    AdapterRecord,
    CellRecord,
    CurveRecord,
    FindingRecord,
    MetricRecord,
    RunRecord,
    RunStatus,
    SuiteRecord,
    TaskRecord,
)
from harness.record.store import ResponseStore, Row
from harness.tasks._base import Bench, Cell, Measures, NeedsAdapter, Observation, Summary, Task
from harness.types import Adapter, MetricValue, Response, Status

_LOOK_AHEAD: Final = 2
_OBSERVATIONS: Final = 32
"""Written in one transaction."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the caller chooses and the suite does not."""

    out: Path = Path("results/runs")
    batch_size: int | None = None
    """Overrides the adapter's, unless its answers can depend on their batch."""
    workers: int = 1
    """Threads that load and perturb images ahead of the model."""
    limit: int | None = None
    """At most so many samples a cell."""


class Progress(Protocol):
    """Who watches a run."""

    def begin(self, adapter: str, total: int) -> None: ...

    def advance(self, cell: str, done: int, failed: int) -> None: ...

    def end(self) -> None: ...


class Interrupted(HarnessError):
    """The user stopped the run; what was measured is saved."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"interrupted; what was measured is in {folder}")


@dataclass(slots=True)
class _State:
    """What accumulates while a run goes on."""

    store: ResponseStore
    scores: dict[tuple[str, str], CellScores] = field(default_factory=dict)
    responses: Counter[str] = field(default_factory=Counter)
    tags: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    """What tasks measured by themselves."""
    replicates: dict[str, np.ndarray] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("wait", "model", "score", "store"), 0.0))

    @property
    def failed(self) -> int:
        """Responses that are no answers."""
        return self.responses.total() - self.responses[Status.OK]


def run_suite(suite: Suite, choice: AdapterChoice, options: RunOptions, progress: Progress) -> tuple[Path, RunRecord]:
    """Run and write the record.

    Returns:
        The run's folder and its record. Its status is ``failed`` where too many samples
        failed or none was answered.

    Raises:
        AdapterError: if the adapter cannot be loaded or lacks what a task needs.
        UsageError: if the data breaks a rule that only shows while it is read.
        Interrupted: on Ctrl-C, after what was measured is saved.
    """
    caller = Caller(choice.load, suite.spec.engine.timeout, suite.spec.engine.retries)
    try:
        return _Run(suite, choice, options, caller).execute(progress)
    finally:
        caller.close()


class _Run:
    def __init__(self, suite: Suite, choice: AdapterChoice, options: RunOptions, caller: Caller) -> None:
        self._suite = suite
        self._choice = choice
        self._options = options
        self._caller = caller
        adapter = caller.adapter
        _check_capabilities(suite, choice.spec.adapter, adapter)
        for task in suite.tasks.values():
            if isinstance(task, NeedsAdapter):
                task.attach(caller.turn)
        self._simulated = adapter.simulated
        self._plan: Plan = make_plan(suite, batch_size_for(adapter, options.batch_size), options.limit)
        self._started = datetime.now(UTC)
        self._clock = (time.perf_counter(), time.process_time())
        self._fingerprint = adapter.fingerprint()
        self._id = self._name()
        self._folder = options.out / self._id

    def execute(self, progress: Progress) -> tuple[Path, RunRecord]:
        try:
            self._folder.mkdir(parents=True)
        except OSError as cause:
            raise UsageError(f"cannot make the folder {self._folder}: {cause.strerror}") from cause
        with ResponseStore(self._folder / STORE_FILE) as store:
            state = _State(store)
            progress.begin(self._choice.spec.adapter, self._plan.total)
            try:
                reason = self._loop(state, progress)
            except KeyboardInterrupt:
                self._finish(state, "interrupted", "stopped by the user")
                raise Interrupted(self._folder) from None
            except Exception as error:
                self._finish(state, "failed", str(error) or type(error).__name__)
                raise
            finally:
                progress.end()
            keep_flips(self._suite.tasks.values(), store, self._folder)
            record = self._finish(state, "failed" if reason else "complete", reason)
        for file in self._folder.glob(f"{STORE_FILE}*"):
            file.unlink()
        return self._folder, record

    def _loop(self, state: _State, progress: Progress) -> str:
        """Run all batches; return why the run failed, or nothing."""
        work = partial(prepare, oracle=self._simulated)
        workers = max(1, self._options.workers)
        prepared = ahead(work, self._plan.batches(), workers, depth=_LOOK_AHEAD * workers)
        for ready in _timed(prepared, state.timings, "wait"):
            if ready.batch.number == 0:
                self._picture(ready)
            called = self._ask(ready)
            state.timings["model"] += called.seconds
            self._keep(state, ready, called)
            progress.advance(f"{ready.batch.task.name}/{ready.batch.cell.id}", len(ready.requests), state.failed)
            if self._too_many(state.failed):
                limit = self._suite.spec.engine.max_errors
                return f"{state.failed} samples failed, more than max_errors ({limit:g}) allows"
        for task, measures, cell in self._plan.measured():
            self._measure(state, task, measures, cell, progress)
        if state.responses and not state.responses[Status.OK]:
            return "no sample was answered"
        return "" if state.responses else "there was nothing to measure"

    def _measure(self, state: _State, task: Task, measures: Measures, cell: Cell, progress: Progress) -> None:
        """Let a task observe one cell; what it saw is stored a few at a time."""
        scores = state.scores.setdefault((task.name, cell.id), new_scores(task, cell))
        state.columns.update(dict.fromkeys(measures.measures))
        seen = measures.measure(cell, Bench(self._choice, self._caller.turn, self._options.limit))
        start = time.perf_counter()
        for number, chunk in enumerate(chunks(seen, _OBSERVATIONS)):
            state.timings["model"] += time.perf_counter() - start
            for observation in chunk:
                scores.observe(observation)
                state.responses[str(observation.status)] += 1
                state.tags.update(dict.fromkeys(observation.tags))
            state.store.append([_observed(task.name, cell.id, number, observation) for observation in chunk])
            progress.advance(f"{task.name}/{cell.id}", len(chunk), state.failed)
            start = time.perf_counter()

    def _picture(self, ready: Prepared) -> None:
        """Keep the first image of the cell, for the report."""
        image = next((request.images[0] for request in ready.requests if request and request.images), None)
        if image is not None:
            with suppress(OSError, ValueError):  # a mode that no PNG can hold costs the picture, not the run
                save_thumbnail(self._folder, ready.batch.task.name, ready.batch.cell.id, image)

    def _ask(self, ready: Prepared) -> Called:
        """Ask for what could be prepared; what could not is an error already."""
        requests = [request for request in ready.requests if request]
        called = self._caller.ask(requests) if requests else Called((), 0.0)
        answers = iter(called.responses)
        responses = tuple(
            next(answers) if request else Response(None, Status.ERROR, error)
            for request, error in zip(ready.requests, ready.errors, strict=True)
        )
        return Called(responses, called.seconds)

    def _keep(self, state: _State, ready: Prepared, called: Called) -> None:
        start = time.perf_counter()
        batch = ready.batch
        scores = state.scores.setdefault((batch.task.name, batch.cell.id), new_scores(batch.task, batch.cell))
        rows = []
        for i, (sample, response) in enumerate(zip(batch.samples, called.responses, strict=True)):
            judged, complaint = judge(batch.task, sample, response)
            scores.add(sample, judged, response)
            state.responses[str(response.status)] += 1
            state.tags.update(dict.fromkeys(sample.tags))
            request = ready.requests[i]
            rows.append(
                Row(
                    task=batch.task.name,
                    cell=batch.cell.id,
                    sample_id=sample.id,
                    cluster=sample.cluster,
                    batch=batch.number,
                    status=str(response.status),
                    error=response.error or complaint,
                    request_hash=ready.hashes[i],
                    prompt=request.prompt if request else None,
                    references=sample.references,
                    evidence=sample.evidence,
                    response=response.text,
                    tokens_in=response.tokens_in,
                    image_tokens=response.image_tokens,
                    tokens_out=response.tokens_out,
                    batch_seconds=called.seconds if request else None,
                    tags=sample.tags,
                    scores=packed(judged),
                    vector=None if response.vector is None else response.vector.astype("<f4").tobytes(),
                )
            )
        scored = time.perf_counter()
        state.store.append(rows)
        state.timings["score"] += scored - start
        state.timings["store"] += time.perf_counter() - scored

    def _too_many(self, failed: int) -> bool:
        limit = self._suite.spec.engine.max_errors
        if limit is None:
            return False
        return failed > (limit * self._plan.total if limit < 1 else limit)

    def _finish(self, state: _State, status: RunStatus, reason: str) -> RunRecord:
        tasks = {name: self._task_record(task, state) for name, task in self._suite.tasks.items()}
        write_replicates(self._folder, state.replicates)
        metrics = {f"{name}/{metric}": value for name, task in tasks.items() for metric, value in task.metrics.items()}
        names = list(dict.fromkeys(name for task in self._suite.tasks.values() for name in task.metrics))
        write_samples(self._folder, state.store, [*names, *state.columns], list(state.tags))
        write_vectors(self._folder, state.store)
        wall, cpu = self._clock
        record = RunRecord(
            run_id=self._id,
            status=status,
            reason=reason,
            harness_version=__version__,
            started=self._started,
            seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            suite=self._suite_record(),
            adapter=self._adapter_record(),
            options={
                "batch_size": self._plan.batch_size,
                "workers": self._options.workers,
                "limit": self._options.limit,
            },
            datasets={name: dataset.content_hash() for name, dataset in self._suite.datasets.items()},
            machine=machine(),
            git=commit(Path.cwd()),
            timings=state.timings,
            responses=dict(sorted(state.responses.items())),
            tasks=tasks,
            gates=judge_gates(self._suite.spec.gates, metrics) if status == "complete" else [],
        )
        write_run(self._folder, record)
        return record

    def _task_record(self, task: Task, state: _State) -> TaskRecord:
        cells = [(cell, self._plan.count(task, cell)) for cell in task.cells()]
        collected = {cell: scores for (name, cell), scores in state.scores.items() if name == task.name}
        summary = task.summarise(task_results(task, cells, collected), self._suite.spec.seed)
        state.replicates |= {
            f"{task.name}/{name}": value.replicates
            for name, value in summary.metrics.items()
            if value.replicates is not None
        }
        config = plain(task.describe())
        return TaskRecord(
            kind=task.kind,
            primary=task.primary,
            config=config,
            config_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
            metrics=_metric_records(summary.metrics),
            cells={
                cell.id: CellRecord(labels=dict(cell.labels), metrics=_metric_records(summary.cells[cell.id]))
                for cell, _ in cells
            },
            curves=_curve_records(summary),
            findings=[FindingRecord(level=found.level, text=found.text) for found in summary.findings],
            charts=[chart_record(chart) for chart in summary.charts],
            tables=[table_record(table) for table in summary.tables],
        )

    def _suite_record(self) -> SuiteRecord:
        spec = self._suite.spec
        return SuiteRecord(
            name=spec.suite,
            version=spec.version,
            tier=spec.tier,
            seed=spec.seed,
            file=self._suite.file.name,
            hash=self._suite.hash,
            content=plain(self._suite.content),
        )

    def _adapter_record(self) -> AdapterRecord:
        adapter = self._caller.adapter
        return AdapterRecord(
            name=self._choice.spec.adapter,
            type=self._choice.spec.type,
            fingerprint=self._fingerprint,
            simulated=adapter.simulated,
            batch_invariant=adapter.batch_invariant,
            batch_size=self._plan.batch_size,
            config=self._choice.config.model_dump(mode="json"),
        )

    def _name(self) -> str:
        stamp = self._started.strftime("%Y%m%dT%H%M%S")
        identity = f"{self._suite.hash} {self._fingerprint} {self._started.isoformat()}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
        return f"{self._suite.spec.suite}-{self._choice.spec.adapter}-{stamp}-{digest}"


def batch_size_for(adapter: Adapter, wanted: int | None) -> int:
    """Return the batch size to run with.

    Where an answer can depend on its batch companions, the size that the adapter's file
    declares is part of what is measured, and a wish for another is not granted.
    """
    if wanted is None or not adapter.batch_invariant:
        return adapter.batch_size
    return wanted


def _check_capabilities(suite: Suite, name: str, adapter: Adapter) -> None:
    for task in suite.tasks.values():
        lacking = sorted(task.requires - adapter.capabilities)
        if lacking:
            raise AdapterError(f"task {task.name!r} needs an adapter that can {', '.join(lacking)}; {name!r} cannot")


def _observed(task: str, cell: str, number: int, seen: Observation) -> Row:
    return Row(
        task=task,
        cell=cell,
        sample_id=seen.id,
        cluster=seen.cluster,
        batch=number,
        status=str(seen.status),
        error=seen.error,
        request_hash=None,
        prompt=None,
        references=(),
        evidence=None,
        response=seen.text,
        tokens_in=None,
        image_tokens=None,
        tokens_out=None,
        batch_seconds=None,
        tags=seen.tags,
        scores=packed(measured(seen)),
    )


def _timed(items: Iterator[Prepared], timings: dict[str, float], key: str) -> Iterator[Prepared]:
    while True:
        start = time.perf_counter()
        item = next(items, None)
        timings[key] += time.perf_counter() - start
        if item is None:
            return
        yield item


def _metric_records(metrics: Mapping[str, MetricValue]) -> dict[str, MetricRecord]:
    return {name: MetricRecord.of(value) for name, value in metrics.items()}


def _curve_records(summary: Summary) -> list[CurveRecord]:
    return [
        CurveRecord(
            name=curve.name, x_label=curve.x_label, x=list(curve.x), points=[MetricRecord.of(p) for p in curve.points]
        )
        for curve in summary.curves
    ]
