"""What a report says, before it is HTML or Markdown: made from the record and the samples alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import Samples, opened, samples_of
from harness.comparison.controls import control
from harness.comparison.wrong import broken, tells, wrong_rows
from harness.record import Run
from harness.record.arrow import as_numpy, strings
from harness.record.folder import SAMPLES_FILE
from harness.record.schema import MetricRecord, RunRecord, TaskRecord
from harness.record.seal import check_file
from harness.record.sources import Source
from harness.report.label_marks import NO_LABELS, RunLabels, labels_of
from harness.report.slices import Slice, slices
from harness.types import Direction, Finish

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels

_WRONG_SHOWN: Final = 12
_FAILED_SHOWN: Final = 12
_TOLD: Final = ("task", "cell", "sample_id", "prompt", "references", "response", "status", "error", "finish")


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one task."""

    task: str
    metric: str
    value: MetricRecord
    control: bool = False
    """Whether low is right although its kind is better when higher."""

    @property
    def better(self) -> Direction:
        """The direction in which it gets better, where it stands."""
        return "lower" if self.control else self.value.direction


@dataclass(frozen=True, slots=True)
class Answer:
    """A sample with what was asked and answered."""

    task: str
    cell: str
    sample_id: str
    prompt: str
    references: tuple[str, ...]
    response: str
    status: str
    error: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Task, cell and sample."""
        return self.task, self.cell, self.sample_id


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a report shows."""

    folder: Path
    record: RunRecord
    source: Source
    """One row a response."""
    rows: tuple[Row, ...]
    slices: tuple[Slice, ...]
    wrong: tuple[Answer, ...]
    failed: tuple[Answer, ...]
    judged: bool
    """Whether a task tells right answers from wrong ones, so that ``wrong`` means something."""
    labels: RunLabels = NO_LABELS
    """What people say of some of the answers."""

    @property
    def verdict(self) -> str:
        """One word for the first screen."""
        return verdict_of(self.record)

    @property
    def headline(self) -> tuple[Row, ...]:
        """The metrics that a gate looks at, else the primary metric of each task."""
        gated = {gate.metric for gate in self.record.gates}
        chosen = [row for row in self.rows if f"{row.task}/{row.metric}" in gated]
        return tuple(chosen or [row for row in self.rows if row.metric == _first(self.record.tasks[row.task])])

    @property
    def simulated(self) -> bool:
        """True where no model stands behind the numbers."""
        return self.record.adapter.simulated


def verdict_of(record: RunRecord) -> str:
    """Return what became of a run in a word or two; the worst of its gates gives the verdict."""
    if record.status != "complete":
        return f"run {record.status}"
    verdicts = {gate.verdict for gate in record.gates} | ({"inconclusive"} if record.doubtful else set())
    for verdict in ("fail", "inconclusive"):
        if verdict in verdicts:
            return verdict
    return "pass" if "pass" in verdicts else "no gates"


def _first(task: TaskRecord) -> str:
    return task.primary if task.primary in task.metrics else next(iter(task.metrics), "")


def gather(folder: Path, labels: "WithLabels | None" = None) -> Content:
    """Read a run and pick what a report shows.

    Args:
        folder: of the run.
        labels: what people say of its answers; by default those that the suite names.

    Raises:
        UsageError: if the folder holds no readable run, or the labels do not go with it.
    """
    run = Run(folder)
    check_file(folder, run.record.files, SAMPLES_FILE)
    source = opened(folder)
    record = run.record
    rows = tuple(
        Row(name, metric, value, control(record, name, metric))
        for name, task in record.tasks.items()
        for metric, value in task.metrics.items()
    )
    whole = samples_of(folder, source)
    single = {name: whole.of(name) for name, task in record.tasks.items() if len(task.cells) == 1}
    tags = record.suite.content.get("slice_by")
    return Content(
        folder,
        record,
        source,
        rows,
        tuple(one for name, found in single.items() for one in slices(found, name, record.tasks[name], tags)),
        tuple(answer for name, found in single.items() for answer in _wrong(found, record.tasks[name])),
        tuple(_failed(source)),
        any(tells(found, record.tasks[name]) for name, found in single.items()),
        labels_of(run, labels),
    )


def _wrong(samples: Samples, task: TaskRecord) -> Iterator[Answer]:
    """Yield the first answers that came and are wrong, where the primary metric tells right from wrong."""
    yield from map(_answer, samples.texts(wrong_rows(samples, task)[:_WRONG_SHOWN], _TOLD))


def _failed(source: Source) -> Iterator[Answer]:
    rows = np.flatnonzero(broken(source))[:_FAILED_SHOWN]
    yield from map(_answer, Samples(Path(), source, {}).texts(rows, _TOLD))


def answers_of(source: Source, keys: Sequence[tuple[str, str, str]]) -> list[Answer]:
    """Return some answers of a run, by task, cell and sample, in the order in which they were named."""
    import pyarrow.compute as pc

    if not keys:
        return []
    ids = strings([sample for _, _, sample in keys])
    named = pc.is_in(source.select(["sample_id"])["sample_id"], value_set=ids)
    rows = np.flatnonzero(as_numpy(named, 0))
    found = {one.key: one for one in map(_answer, Samples(Path(), source, {}).texts(rows, _TOLD))}
    return [found[key] for key in keys if key in found]


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        task=row["task"],
        cell=row["cell"],
        sample_id=row["sample_id"],
        prompt=row["prompt"] or "",
        references=tuple(row["references"] or ()),
        response=row["response"] or "",
        status=row["status"] + (", cut off" if row.get("finish") == Finish.LENGTH else ""),
        error=row["error"] or "",
    )
