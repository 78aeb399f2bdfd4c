"""What a report says, before it is HTML or Markdown: made from the record and the samples alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.record import Run
from harness.record.schema import MetricRecord, RunRecord, TaskRecord

if TYPE_CHECKING:
    import pyarrow as pa

_WRONG_SHOWN: Final = 12
_FAILED_SHOWN: Final = 12
_MIN_SLICE: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one task."""

    task: str
    metric: str
    value: MetricRecord


@dataclass(frozen=True, slots=True)
class Slice:
    """A metric over the samples that share a tag. Exploratory: many are looked at, none decides anything."""

    task: str
    tag: str
    value: str
    mean: float
    low: float
    high: float
    n: int


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


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a report shows."""

    folder: Path
    record: RunRecord
    table: "pa.Table"
    """One row a response."""
    rows: tuple[Row, ...]
    slices: tuple[Slice, ...]
    wrong: tuple[Answer, ...]
    failed: tuple[Answer, ...]

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
    verdicts = {gate.verdict for gate in record.gates}
    for verdict in ("fail", "inconclusive"):
        if verdict in verdicts:
            return verdict
    return "pass" if "pass" in verdicts else "no gates"


def _first(task: TaskRecord) -> str:
    return task.primary if task.primary in task.metrics else next(iter(task.metrics), "")


def gather(folder: Path) -> Content:
    """Read a run and pick what a report shows.

    Raises:
        UsageError: if the folder holds no readable run.
    """
    run = Run(folder)
    table = run.table()
    record = run.record
    rows = tuple(
        Row(name, metric, value) for name, task in record.tasks.items() for metric, value in task.metrics.items()
    )
    single = {name: task.primary for name, task in record.tasks.items() if len(task.cells) == 1}
    return Content(
        folder,
        record,
        table,
        rows,
        tuple(_slices(table, single, record.suite.content.get("slice_by"))),
        tuple(_wrong(table, single)),
        tuple(_failed(table)),
    )


def _slices(table: "pa.Table", metrics: Mapping[str, str], tags_by: Collection[str] | None) -> Iterator[Slice]:
    import pyarrow.compute as pc

    from harness.stats.intervals import mean_interval, wilson

    tags = [name for name in table.column_names if name.startswith("tag.")]
    if tags_by is not None:
        tags = [name for name in tags if name.removeprefix("tag.") in tags_by]
    for task, metric in metrics.items():
        column = f"score.{metric}"
        if column not in table.column_names:
            continue
        part = table.filter(pc.equal(table["task"], task)).select([*tags, column])
        for tag in tags:
            for value in sorted(filter(None, pc.unique(part[tag]).to_pylist())):
                scores = part.filter(pc.equal(part[tag], value))[column].drop_null().to_numpy()
                if len(scores) < _MIN_SLICE:
                    continue
                mean = float(scores.mean())
                binary = bool(((scores == 0) | (scores == 1)).all())
                low, high = wilson(mean * len(scores), len(scores)) if binary else mean_interval(scores)
                yield Slice(task, tag.removeprefix("tag."), value, mean, float(low), float(high), len(scores))


def _wrong(table: "pa.Table", metrics: Mapping[str, str]) -> Iterator[Answer]:
    import pyarrow.compute as pc

    for task, metric in metrics.items():
        if f"score.{metric}" not in table.column_names:
            continue
        lost = pc.less(table[f"score.{metric}"], 1.0)
        part = table.filter(pc.and_(pc.equal(table["task"], task), lost))
        yield from map(_answer, part.slice(0, _WRONG_SHOWN).to_pylist())


def _failed(table: "pa.Table") -> Iterator[Answer]:
    import pyarrow.compute as pc

    part = table.filter(pc.or_(pc.not_equal(table["status"], "ok"), pc.is_valid(table["error"])))
    yield from map(_answer, part.slice(0, _FAILED_SHOWN).to_pylist())


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        task=row["task"],
        cell=row["cell"],
        sample_id=row["sample_id"],
        prompt=row["prompt"] or "",
        references=tuple(row["references"] or ()),
        response=row["response"] or "",
        status=row["status"],
        error=row["error"] or "",
    )
