"""Make the record of a run from what its store holds: the same, bit for bit, however the rows came into it."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.comparison.absolute import judge as judge_gates
from harness.engine.collect import CellScores, new_scores, plain, sum_columns, task_results
from harness.engine.drawn import told_draw
from harness.engine.flips import keep_flips
from harness.engine.limits import beyond, unscored
from harness.engine.manifest import Manifest
from harness.engine.others import spent_by_others
from harness.engine.pictures import chart_record, table_record
from harness.engine.plan import WHOLE, Plan
from harness.engine.sessions import read_cached, read_pictures, read_revision, read_sessions, read_timings
from harness.engine.spending import Spending
from harness.engine.summarise import Summarised, summarise
from harness.record.endings import changed_server, said_of
from harness.record.failures import Failures
from harness.record.folder import write_run, write_samples, write_vectors
from harness.record.rows import MadeRows, write_rows
from harness.record.schema import (
    CellRecord,
    ColumnRecord,
    CurveRecord,
    FailureRecord,
    FindingRecord,
    MetricRecord,
    RunRecord,
    RunStatus,
    SuiteRecord,
    TaskRecord,
)
from harness.record.scrub import scrubbed, scrubbed_values
from harness.record.seal import digests
from harness.record.spent import spent
from harness.record.store import ResponseStore, Row
from harness.suite.bind import Suite
from harness.suite.data import Checked, read_data
from harness.suite.select import RepeatedTask
from harness.tasks import CellResult, Curve, Finding, Measures, Task
from harness.types import MetricValue


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run came to its end. Whether a complete one holds, its metrics decide."""

    status: RunStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What is taken in of the rows while they are passed on."""

    cells: Mapping[tuple[str, str], CellScores]
    failures: Failures


def finish(
    folder: Path,
    suite: Suite,
    plan: Plan,
    manifest: Manifest,
    store: ResponseStore,
    ending: Ending,
    data: Checked | None = None,
) -> RunRecord:
    """Write ``samples.parquet``, the artifacts and ``run.json``, in this order, each atomically.

    What the data's rows are worth (``data``) is read anew where it is not known.

    Raises:
        OSError: if the disk is full.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    read_of = {_reads(task) for task in suite.tasks.values()}
    prices = manifest.adapter.config.get("prices")
    cells = {
        (task.name, cell.id): new_scores(
            task, cell, Spending(prices) if task.name in read_of else None, plan.draw.chances
        )
        for task in suite.tasks.values()
        for cell in task.cells()
    }
    metrics = {label: metric for task in suite.tasks.values() for label, metric in task.metrics.items()}
    sums = list(dict.fromkeys(name for task in suite.tasks.values() for name in sum_columns(task.metrics)))
    details = [label for label, metric in metrics.items() if metric.keeps_rows]
    measured = {name for name, task in suite.tasks.items() if isinstance(task, Measures)}
    read = _Read(cells, Failures(measured))
    rows = _taken(store, read, plan.places())
    former, chances = store.replaced(), plan.draw.chances
    write_samples(folder, rows, _columns(suite), store.tags(), sums, details, former=former, chances=chances)
    write_vectors(folder, store)
    if ending.status == "complete" and plan.shard == WHOLE:
        keep_flips(suite.tasks.values(), store, folder)
    checked = data or read_data(suite, plan.draw)
    record = _record(folder, suite, plan, manifest, store, read, ending, checked)
    seconds = time.perf_counter() - wall
    times = {
        "seconds": record.seconds + seconds,
        "cpu_seconds": record.cpu_seconds + time.process_time() - cpu,
        "timings": record.timings | {"finish": seconds},
        "files": digests(folder),
    }
    record = record.model_copy(update=times)
    write_run(folder, record)
    return record


def _taken(store: ResponseStore, read: _Read, firsts: Mapping[tuple[str, str], int]) -> Iterator[Row]:
    """Pass the rows on to the Parquet file and take their scores in on the way: they are read once."""
    for place, row in store.placed():
        read.failures.take(row)
        key = (row.task, row.cell)
        read.cells[key].take(row, place - firsts[key])
        yield row


def _reads(task: Task) -> str:
    """Return the name of the task that one makes its rows of; nothing where it makes them of its own, or none."""
    return str(getattr(getattr(task, "inner", task), "reads", ""))


def _columns(suite: Suite) -> list[str]:
    tasks = suite.tasks.values()
    metrics = dict.fromkeys(name for task in tasks for name in task.metrics)
    measures = dict.fromkeys(name for task in tasks if isinstance(task, Measures) for name in task.measures)
    return [*metrics, *measures]


def _record(
    folder: Path,
    suite: Suite,
    plan: Plan,
    manifest: Manifest,
    store: ResponseStore,
    read: _Read,
    ending: Ending,
    data: Checked,
) -> RunRecord:
    failures = read.failures.grouped()
    tasks: dict[str, TaskRecord] = {}
    made: list[MadeRows] = []
    results: dict[str, list[CellResult]] = {}
    for name, task in suite.tasks.items():
        counts = [(cell, plan.count(task, cell)) for cell in task.cells()]
        collected = {cell.id: read.cells[name, cell.id] for cell, _ in counts}
        results[name] = task_results(task, counts, collected)
        found = summarise(task, results[name], suite.spec.seed, results.get(_reads(task)))
        finishes = sum((one.finishes for one in collected.values()), Counter[str]())
        served = sum((one.served for one in collected.values()), Counter[str]())
        warnings = [*data.warnings(name), *changed_server(served)]
        made_record = _task_record(task, found, finishes, warnings, told_draw(manifest.drawn))
        tasks[name] = made_record.model_copy(update={"served": dict(served)})
        made += found.made
    write_rows(folder, made)
    metrics = {f"{name}/{metric}": value for name, task in tasks.items() for metric, value in task.metrics.items()}
    sessions = read_sessions(store)
    responses = store.statuses()
    if ending.status == "complete" and plan.shard == WHOLE:
        # A slice may be two samples that failed: it is told as undefined, and the run is none the worse.
        slices = {
            f"{name}/{one['name']}" for name, task in tasks.items() for one in task.statistics if one.get("where")
        }
        whole = {name: value for name, value in metrics.items() if name not in slices}
        ending = _judged(suite, whole, failures, sum(responses.values()))
    options = {"batch_size": plan.batch_size, "workers": sessions[-1].workers, "limit": plan.limit}
    return RunRecord(
        run_id=manifest.run_id,
        status=ending.status,
        reason=scrubbed(ending.reason),
        harness_version=manifest.harness_version,
        started=manifest.started,
        seconds=sum(session.record.seconds for session in sessions),
        cpu_seconds=sum(session.record.cpu_seconds for session in sessions),
        suite=_suite_record(suite),
        adapter=manifest.adapter.model_copy(update={"config": scrubbed_values(manifest.adapter.config)}),
        options=options,
        limit_rule=plan.draw.rule,
        drawn=manifest.drawn,
        shard=None if plan.shard == WHOLE else str(plan.shard),
        datasets={name: dataset.content_hash() for name, dataset in suite.datasets.items()},
        machine=sessions[0].record.machine,
        git=sessions[0].record.git,
        timings=read_timings(store),
        environment=manifest.environment,
        selection=manifest.selection,
        sessions=[session.record for session in sessions],
        responses=responses,
        cached=read_cached(store),
        pictures=read_pictures(store),
        spent=spent(manifest.adapter.config, *store.tokens()),
        expected=manifest.expected if plan.shard == WHOLE else None,
        spent_by=spent_by_others(store, suite.tasks.values()),
        revision=read_revision(store),
        failures=failures,
        tasks=tasks,
        gates=judge_gates(suite.spec.gates, metrics) if ending.status == "complete" and plan.shard == WHOLE else [],
    )


def _judged(suite: Suite, metrics: Mapping[str, MetricRecord], failures: Sequence[FailureRecord], total: int) -> Ending:
    """Return how a run ended that has nothing left to do: failed, where a metric has no score."""
    if reason := unscored(metrics, failures):
        return Ending("failed", reason)
    return Ending("complete", beyond(suite.spec.engine, sum(one.count for one in failures), total))


def _task_record(
    task: Task, found: Summarised, finishes: Mapping[str, int], warnings: Iterable[str], drawn: str
) -> TaskRecord:
    config = plain(task.describe())
    shown = found.illustration
    cut = said_of(finishes, config)
    findings = [Finding("warning", cut)] * bool(cut) + [*shown.findings]
    return TaskRecord(
        kind=task.kind,
        primary=task.primary,
        config=scrubbed_values(config),
        config_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        metrics=_metric_records(found.metrics),
        cells={
            cell.id: CellRecord(
                labels=dict(cell.labels), metrics=_metric_records(found.cells[cell.id]), stratum=cell.stratum
            )
            for cell in task.cells()
        },
        columns={name: ColumnRecord(**asdict(spec)) for name, spec in found.columns.items()},
        statistics=[plain(one.plain()) for one in found.statistics],
        per_cell=[plain(one.plain()) for one in found.per_cell],
        epochs=task.epochs if isinstance(task, RepeatedTask) else 1,
        reducer=task.reducer if isinstance(task, RepeatedTask) else "mean",
        curves=_curve_records(shown.curves),
        finishes=dict(sorted(finishes.items())),
        findings=[
            *(FindingRecord(level="warning", text=text) for text in warnings),
            *([FindingRecord(level="note", text=drawn)] if drawn else []),
            *(FindingRecord(level=finding.level, text=finding.text) for finding in findings),
        ],
        charts=[chart_record(chart) for chart in shown.charts],
        tables=[table_record(table) for table in shown.tables],
    )


def _suite_record(suite: Suite) -> SuiteRecord:
    spec = suite.spec
    return SuiteRecord(
        name=spec.suite,
        version=spec.version,
        tier=spec.tier,
        seed=spec.seed,
        file=suite.file.name,
        hash=suite.hash,
        content=scrubbed_values(plain(suite.content)),
    )


def _metric_records(metrics: Mapping[str, MetricValue]) -> dict[str, MetricRecord]:
    return {name: MetricRecord.of(value) for name, value in metrics.items()}


def _curve_records(curves: Iterable[Curve]) -> list[CurveRecord]:
    return [
        CurveRecord(
            name=curve.name, x_label=curve.x_label, x=list(curve.x), points=[MetricRecord.of(p) for p in curve.points]
        )
        for curve in curves
    ]
