"""From a log to the folder of a run record: the samples stream, the numbers come from what was written."""

import hashlib
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness import __version__
from harness.comparison.columns import read_samples
from harness.comparison.described import described
from harness.comparison.rows import RunRows, TaskView
from harness.errors import UsageError
from harness.estimate import ANYWHERE, ColumnSpec, Estimator, Statistic, column, mean, placed
from harness.imports import KIND
from harness.imports._log import LONGEST, Asked, Entry, Log, Scale, Told
from harness.imports._spool import Spooled
from harness.imports._survey import Surveyed, fit, survey
from harness.record.folder import write_run, write_samples
from harness.record.schema import (
    AdapterRecord,
    CellRecord,
    ColumnRecord,
    FindingRecord,
    GitRecord,
    MachineRecord,
    MetricRecord,
    RunRecord,
    SuiteRecord,
    TableRecord,
    TaskRecord,
)
from harness.record.scrub import scrubbed_values
from harness.record.store import Row
from harness.spec.secrets import SECRET
from harness.types import MetricValue, Status

WHOLE: Final = "all"
"""The cell of a task that has no filters or subsets."""
SUMMARY: Final = "what the origin says"
_NONE: Final = ("", "none")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class _Task:
    """A task as its record will have it."""

    name: str
    seen: Surveyed
    specs: Mapping[str, ColumnSpec]
    scales: Mapping[str, Scale]
    statistics: tuple[Statistic, ...]
    per_cell: tuple[Statistic, ...]

    @property
    def cells(self) -> list[str]:
        return [cell or WHOLE for cell in self.seen.cells]


def write(log: Log, asked: Asked, out: Path) -> Path:
    """Write a log as a run record; return its folder under ``out``. The same log always gives the same record.

    Raises:
        UsageError: if the log holds no samples, or holds some that cannot be.
    """
    with Spooled(log.entries) as spooled:
        found = survey(log.parts, spooled.first())
        if not any(one.ranges for one in found.values()):
            raise UsageError(f"{log.files[0]} holds no sample with a score")
        tasks = _tasks(found, asked)
        fingerprint = _digest_of(log, asked)
        run_id = f"{log.kind}-{_UNSAFE.sub('-', log.model).strip('-.') or 'model'}-{fingerprint[:12]}"[:120]
        folder, making = out / run_id, out / f".{run_id}.part"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        try:
            statuses = _write_samples(making, spooled.again(), tasks)
            write_run(making, _record(making, run_id, log, tasks, statuses))
            shutil.rmtree(folder, ignore_errors=True)
            making.replace(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return folder


def _tasks(found: Mapping[str, Surveyed], asked: Asked) -> dict[str, _Task]:
    tasks: dict[str, _Task] = {}
    for name, seen in found.items():
        scales = {score: _as_asked(score, scale, asked) for score, scale in seen.scales().items()}
        specs = {score: scale.spec(asked.failures) for score, scale in scales.items()}
        own = fit(name)
        if own in tasks:
            raise UsageError(f"two tasks of the log are called {own!r}")
        tasks[own] = _Task(own, seen, specs, scales, tuple(_statistics(seen, specs)), tuple(_per_cell(specs)))
    return tasks


def _as_asked(name: str, scale: Scale, asked: Asked) -> Scale:
    direction = "higher" if name in asked.higher else "lower" if name in asked.lower else scale.direction
    bounds = asked.bounds.get(name, scale.bounds)
    unit = scale.unit if bounds == scale.bounds else "share" if bounds == (0.0, 1.0) else ""
    known = scale.known or name in (*asked.higher, *asked.lower)
    return Scale(direction, bounds, unit, scale.worth, scale.binary, known)


def _statistics(seen: Surveyed, specs: Mapping[str, ColumnSpec]) -> Iterator[Statistic]:
    """Yield the numbers of a task: one a score over subsets, one for each way of judging else."""
    cells = [cell or WHOLE for cell in seen.cells]
    for score, spec in specs.items():
        own = [cell or WHOLE for cell in seen.cells if score in seen.shown.get(cell, ())]
        if seen.part.pooled or len(cells) == 1:
            yield _mean(score, spec, score, *own)
            continue
        for cell in own:
            yield _mean(score if cell in (*_NONE, WHOLE) else f"{score}@{cell}", spec, score, cell)


def _per_cell(specs: Mapping[str, ColumnSpec]) -> Iterator[Statistic]:
    yield from (_mean(score, spec, score, ANYWHERE) for score, spec in specs.items())


def _mean(name: str, spec: ColumnSpec, score: str, *cells: str) -> Statistic:
    return Statistic(name, mean(column(score, *cells)), spec.direction, spec.unit, spec.bounds)


def _write_samples(folder: Path, entries: Iterator[Entry], tasks: Mapping[str, _Task]) -> dict[str, int]:
    scores = list(dict.fromkeys(name for task in tasks.values() for name in task.specs))
    tags = list(dict.fromkeys(name for task in tasks.values() for name in task.seen.tags))
    statuses: dict[str, int] = {}

    def counted() -> Iterator[Row]:
        for row in _rows(entries, tasks):
            statuses[row.status] = statuses.get(row.status, 0) + 1
            yield row

    write_samples(folder, counted(), scores, tags)
    return statuses


def _rows(entries: Iterator[Entry], tasks: Mapping[str, _Task]) -> Iterator[Row]:
    """Yield a row a sample, each once, and one for every repeat that is not there."""
    own = {id(task.seen): task for task in tasks.values()}
    by_origin = {task.seen.part.name: task for task in own.values()}
    left = {name: {cell: dict.fromkeys(seen) for cell, seen in task.seen.cells.items()} for name, task in tasks.items()}
    asked: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries:
        task = by_origin[entry.task]
        keys = left[task.name][entry.cell]
        if (entry.id, entry.epoch) not in keys:
            continue  # it stood twice
        del keys[entry.id, entry.epoch]
        yield _row(task, entry)
        if task.seen.epochs > 1:
            asked.setdefault((task.name, entry.cell), {}).setdefault(entry.id, entry)
    for (name, cell), firsts in asked.items():
        task = tasks[name]
        for identity, first in firsts.items():
            for epoch in range(1, task.seen.epochs + 1):
                if (identity, epoch) not in task.seen.cells[cell]:
                    yield _missing(task, first, epoch)


def _row(task: _Task, entry: Entry) -> Row:
    repeated = task.seen.epochs > 1
    failed = entry.error is not None
    return Row(
        task=task.name,
        cell=entry.cell or WHOLE,
        sample_id=f"{entry.id}#{entry.epoch}" if repeated else entry.id,
        cluster=entry.cluster or (entry.id if repeated else ""),
        batch=0,
        status=Status.ERROR if failed else Status.OK,
        error=_kept(entry.error),
        request_hash=entry.request_hash,
        prompt=_kept(entry.prompt),
        references=[_kept(one) or "" for one in entry.references],
        evidence=None,
        response=_kept(entry.response),
        tokens_in=entry.tokens_in,
        image_tokens=None,
        tokens_out=entry.tokens_out,
        batch_seconds=entry.seconds,
        tags={name: value for name, value in entry.tags.items() if name in task.seen.tags} if entry.tags else {},
        scores={name: _score(entry.scores.get(name), failed) for name in task.specs},
        finish=entry.finish,
    )


def _score(value: float | None, failed: bool) -> tuple[float | None, str]:
    if failed:
        return None, Status.ERROR
    return (None, Status.UNDEFINED) if value is None else (value, Status.OK)


def _missing(task: _Task, first: Entry, epoch: int) -> Row:
    """Return the row of a repeat that the log does not have."""
    lost = Entry(first.task, first.id, {}, first.cell, epoch, first.prompt, first.references, content=first.content)
    row = _row(task, lost)
    missing = dict.fromkeys(task.specs, (None, str(Status.MISSING)))
    said = "the log does not have this repeat"
    return Row(**{name: getattr(row, name) for name in Row.__slots__} | {"status": Status.MISSING, "error": said} |
               {"scores": missing, "cluster": first.cluster or first.id})  # fmt: skip


def _kept(text: str | None) -> str | None:
    """Return a text as it is stored: cut where it is enormous, with no half of a surrogate pair."""
    if text is None:
        return None
    if text.isascii() and len(text) <= LONGEST:
        return text
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return short.encode("utf-8", "backslashreplace").decode("utf-8")


def _record(folder: Path, run_id: str, log: Log, tasks: Mapping[str, _Task], statuses: dict[str, int]) -> RunRecord:
    rows = RunRows(read_samples(folder))
    made = {name: _task_record(task, rows, log) for name, task in tasks.items()}
    packages = {**({log.kind: log.version} if log.version else {}), **log.packages}
    content = {"origin": log.kind}
    config = without_secrets(log.config)
    model = _UNSAFE.sub("-", log.model).strip("-.")[:80] or "model"
    config = {"model": log.model, **config} if model != log.model and log.model else config
    return RunRecord(
        run_id=run_id,
        status=log.status,
        reason=log.reason,
        harness_version=__version__,
        started=log.started or datetime.fromtimestamp(log.files[0].stat().st_mtime, UTC),
        seconds=log.seconds,
        cpu_seconds=0.0,
        suite=SuiteRecord(
            name=log.kind, version=1, tier="core", seed=0, file=log.files[0].name,
            hash=_asked_of(made), content=content,
        ),
        adapter=AdapterRecord(
            name=model, type=log.kind, fingerprint=hashlib.sha256(_plain(model, config)).hexdigest(),
            simulated=log.simulated, batch_invariant=True, batch_size=0, config=config,
        ),
        options={},
        datasets={},
        machine=MachineRecord(platform="unknown", processor="unknown", cores=0, python="unknown", packages=packages),
        git=GitRecord(commit=log.commit, dirty=False) if log.commit else None,
        timings={},
        responses=dict(sorted(statuses.items())),
        tasks=made,
        gates=[],
    )  # fmt: skip


def _asked_of(tasks: Mapping[str, TaskRecord]) -> str:
    """Return a hash of what was asked, as far as the log's header tells: the same for two runs of one evaluation."""
    return hashlib.sha256(json.dumps({name: task.config_hash for name, task in tasks.items()}).encode()).hexdigest()


def _task_record(task: _Task, rows: RunRows, log: Log) -> TaskRecord:
    part = task.seen.part
    config = json.loads(_plain(log.kind, without_secrets(part.config))[len(log.kind) :])
    config = {"origin": log.kind, "task": part.name, **config}
    epochs = max(1, task.seen.epochs)
    bare = TaskRecord(
        kind=KIND,
        primary=next(iter(task.specs), ""),
        config=config,
        config_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        metrics={},
        cells={
            cell: CellRecord(labels={"cell": cell}, metrics={}, stratum=_stratum(task, cell)) for cell in task.cells
        },
        columns={name: ColumnRecord(**asdict(spec)) for name, spec in task.specs.items()},
        statistics=[json.loads(json.dumps(one.plain())) for one in task.statistics],
        per_cell=[json.loads(json.dumps(one.plain())) for one in task.per_cell],
        epochs=epochs,
        reducer=part.reducer,
    )
    table = rows.of(TaskView(task.name, bare, described(bare, list(task.specs))))
    estimator = Estimator(table, (0, task.name, "bootstrap"), partial(_is_binary, task.specs))
    metrics = {name: MetricRecord.of(value) for name, value in estimator.all(task.statistics).items()}
    cells = {
        cell: record.model_copy(update={"metrics": _cell_metrics(task, cell, estimator)})
        for cell, record in bare.cells.items()
    }
    lines, findings = _beside(task, estimator, log.kind)
    summary = [TableRecord(name=SUMMARY, columns=["number", log.kind, "± stderr", "here"], rows=lines)] if lines else []
    findings = [*task.seen.doubts(), *part.findings, *_unknown(task), *findings]
    finishes = [FindingRecord(level="warning", text=text) for text in dict.fromkeys(findings)]
    return bare.model_copy(update={"metrics": metrics, "cells": cells, "tables": summary, "findings": finishes})


def _stratum(task: _Task, cell: str) -> str:
    return cell if task.seen.part.pooled and len(task.cells) > 1 else ""


def _cell_metrics(task: _Task, cell: str, estimator: Estimator) -> dict[str, MetricRecord]:
    own = {name.removesuffix("\0") for name in task.seen.shown.get("" if cell == WHOLE else cell, ())}
    wanted = [placed(one, cell) for one in task.per_cell if one.name in own]
    return {name: MetricRecord.of(value) for name, value in estimator.all(wanted).items()}


def _is_binary(specs: Mapping[str, ColumnSpec], name: str) -> bool:
    return name in specs and specs[name].binary


def _unknown(task: _Task) -> Iterator[str]:
    for name, scale in task.scales.items():
        if not scale.known:
            said = f"whether more or less of {name!r} is better, its log does not say, so no drop of it can be tested"
            yield f"{said}: import it with --higher {name} or --lower {name}"


def _beside(task: _Task, estimator: Estimator, kind: str) -> tuple[list[list[str | float | int | None]], list[str]]:
    """Return the origin's own summary beside ours, and a sentence for each number that is not the same."""
    lines: list[list[str | float | int | None]] = []
    findings = []
    for told in task.seen.part.told:
        if told.column not in task.specs:
            continue
        cells = [cell or WHOLE for cell in told.cells or task.seen.cells]
        ours = estimator.value(_mean(told.column, task.specs[told.column], told.column, *cells))
        label = told.label or told.column
        here = None if math.isnan(ours.value) else ours.value * told.times
        lines.append([label, told.value, told.stderr, here])
        if math.isnan(ours.value):
            if not told.cells:
                findings.append(f"{kind} says {told.value:.6g} for {label}, of which no sample has a score here")
        elif not _same(told, ours):
            findings.append(_differs(label, told, ours, kind))
    return lines, findings


def _same(told: Told, ours: MetricValue) -> bool:
    limit = 0.5 * 10**-told.digits + 1e-12 if told.digits is not None else 1e-9 * max(1.0, abs(told.value))
    return abs(ours.value * told.times - told.value) <= limit


def _differs(label: str, told: Told, ours: MetricValue, kind: str) -> str:
    numbers = f"{kind} says {told.value:.6g} for {label}, and the mean of its samples is {ours.value * told.times:.6g}"
    if told.mean:
        return f"{numbers}: samples were changed, dropped or added after it was written"
    if told.mean is None:
        return f"{numbers}: it is no mean of them, or samples were changed, dropped or added after it was written"
    return f"{numbers}: {kind} makes it otherwise than as a mean, so it is quoted and not compared"


def _digest_of(log: Log, asked: Asked) -> str:
    found = hashlib.sha256(f"{log.kind} {__version__} {asked!r}".encode())
    for file in log.files:
        found.update(file.name.encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a value of JSON in which what is named like a secret is left out, and users of addresses."""
    if isinstance(value, Mapping):
        return {str(key): without_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if name and SECRET.search(name) and isinstance(value, str):
        return "[redacted]"
    return scrubbed_values(value)


def _plain(first: str, value: object) -> bytes:
    return first.encode() + json.dumps(value, sort_keys=True, default=str).encode()
