"""Whether a record agrees with itself: its checksums, and its numbers computed again from its samples."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.comparison.columns import Samples, read_samples
from harness.comparison.described import described
from harness.comparison.rows import RunRows, TaskView
from harness.errors import UsageError
from harness.estimate import Estimator, Statistic, placed
from harness.record import Run
from harness.record.rows import read_rows
from harness.record.schema import MetricRecord, RunRecord
from harness.record.seal import digest_of, digests

_NEAR: Final = 1e-9
_DRAWS: Final = 2
"""Of intervals, which are not compared: a bootstrap has its own seeds, and values need none."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in a record that does not agree with the rest of it."""

    where: str
    """A file of the run, or ``task/metric``."""
    said: str

    def __str__(self) -> str:
        return f"{self.where}: {self.said}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at a run found."""

    files: int
    """How many were held beside their checksums."""
    numbers: int
    """How many were computed again from the samples."""
    doubts: tuple[Doubt, ...]


def verify(run: Run) -> Verified:
    """Hold a run's files beside their checksums, and its numbers beside its samples.

    What it cannot see: answers that were never given, and scores that were changed together with the numbers that
    follow from them. ``harness score`` judges the answers again, and a signature says who made the record.

    Raises:
        UsageError: if ``run.json`` is not as it was written.
    """
    doubts = list(_files(run.folder, run.record))
    try:
        samples = read_samples(run.folder, weighted=True)
        numbers = _Numbers(run, samples)
        found = [*_statuses(run.record, samples), *numbers.doubts()]
    except UsageError as cause:
        return Verified(len(run.record.files), 0, (*doubts, Doubt("samples.parquet", str(cause))))
    except Exception as cause:
        if not doubts:
            raise
        # A file that is not the one that was written can hold anything: a text column that became one of bytes.
        said = f"it cannot be read: {type(cause).__name__}: {cause}"
        return Verified(len(run.record.files), 0, (*doubts, Doubt("samples.parquet", said)))
    return Verified(len(run.record.files), numbers.checked, (*doubts, *found))


def agreed(run: Run) -> None:
    """Refuse a run that does not agree with itself: what a gate asks of a run that was made elsewhere.

    Raises:
        UsageError: with the first of what does not agree.
    """
    found = verify(run)
    if found.doubts:
        more = f", and {len(found.doubts) - 1} more" if len(found.doubts) > 1 else ""
        raise UsageError(
            f"{run.folder} does not agree with itself, so it cannot be judged: {found.doubts[0]}{more} "
            f"(`harness verify {run.folder}` lists all)"
        )


def _files(folder: Path, record: RunRecord) -> Iterator[Doubt]:
    for name, told in record.files.items():
        try:
            if digest_of(folder / name) != told:
                yield Doubt(name, "it is not the file that run.json describes")
        except OSError:
            yield Doubt(name, "run.json describes it, and it is missing")
    if record.files:
        for name in sorted(digests(folder).keys() - record.files.keys()):
            if name.endswith(".parquet") and "/" not in name:
                yield Doubt(name, "run.json does not know it")


def _statuses(record: RunRecord, samples: Samples) -> Iterator[Doubt]:
    codes, names = samples.codes("status")
    counted = Counter(str(names[code]) for code in codes.tolist())
    for status in sorted(counted.keys() | {name for name, count in record.responses.items() if count}):
        told = record.responses.get(status, 0)
        if counted[status] != told:
            yield Doubt("responses", f"{told:,} {status} in run.json, {counted[status]:,} in samples.parquet")


class _Numbers:
    def __init__(self, run: Run, samples: Samples) -> None:
        self.checked = 0
        self._record = run.record
        self._samples = samples
        self._rows = RunRows(samples, read_rows(run.folder))

    def doubts(self) -> Iterator[Doubt]:
        """Yield the numbers that the samples do not give."""
        for name, task in self._record.tasks.items():
            known = described(task, self._samples.metrics)
            if known.guessed or not (known.statistics or known.per_cell):
                continue
            rows = self._rows.of(TaskView(name, task, known))
            estimator = Estimator(rows, binary=known.binary, resamples=_DRAWS)
            for label, statistic in known.statistics.items():
                yield from self._of(f"{name}/{label}", task.metrics.get(label), statistic, estimator)
            for cell, body in task.cells.items():
                for label, statistic in known.per_cell.items():
                    if cell in rows.cells:
                        told = body.metrics.get(label)
                        yield from self._of(f"{name}/{label} @ {cell}", told, placed(statistic, cell), estimator)

    def _of(self, where: str, told: MetricRecord | None, statistic: Statistic, estimator: Estimator) -> Iterator[Doubt]:
        if told is None or statistic.of.get("form") == "stored":
            return
        self.checked += 1
        found = estimator.value(statistic)
        value = math.nan if told.value is None else told.value
        same = math.isclose(value, found.value, rel_tol=_NEAR, abs_tol=_NEAR) or (
            math.isnan(value) and math.isnan(found.value)
        )
        if not same:
            yield Doubt(where, f"{_shown(value)} in run.json, {_shown(found.value)} from its samples")
        elif told.n != found.n:
            yield Doubt(where, f"n = {told.n:,} in run.json, {found.n:,} in its samples")


def _shown(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.6g}"
