"""What a run record says that was measured: metrics, cells and statistics of a task, and its pictures as data."""

from typing import Any, Literal

from harness.estimate import ColumnSpec, Statistic
from harness.record.endings import CutOff, cut_off
from harness.record.model import RecordModel, finite
from harness.types import Direction, MetricValue


class MetricRecord(RecordModel):
    """A metric's value with its uncertainty. Undefined numbers are null, never NaN: the file is strict JSON."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    coverage: float | None
    direction: Direction
    unit: str
    statuses: dict[str, int]
    method: str
    confidence: float

    @classmethod
    def of(cls, value: MetricValue) -> "MetricRecord":
        """Return the record of a metric value."""
        return cls(
            value=finite(value.value),
            low=finite(value.low),
            high=finite(value.high),
            n=value.n,
            total=value.total,
            coverage=finite(value.coverage),
            direction=value.direction,
            unit=value.unit,
            statuses=dict(value.statuses),
            method=value.method,
            confidence=value.confidence,
        )


class CurveRecord(RecordModel):
    """A metric along one axis of a task's grid."""

    name: str
    x_label: str
    x: list[float]
    points: list[MetricRecord]


class FindingRecord(RecordModel):
    """A sentence that a reader must not miss."""

    level: Literal["note", "warning"]
    text: str


class LineRecord(RecordModel):
    """One series of a chart. None leaves a gap."""

    name: str
    x: list[float]
    y: list[float | None]
    low: list[float | None] = []
    high: list[float | None] = []
    style: Literal["line", "step", "points", "bars"] = "line"


class MarkRecord(RecordModel):
    """A point, a vertical line (``x`` alone) or a horizontal one (``y`` alone), with a name."""

    label: str
    x: float | None = None
    y: float | None = None


class ChartRecord(RecordModel):
    """A picture as data."""

    name: str
    x_label: str
    y_label: str
    lines: list[LineRecord]
    marks: list[MarkRecord] = []
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    note: str = ""


class TableRecord(RecordModel):
    """Rows for the report."""

    name: str
    columns: list[str]
    rows: list[list[str | float | int | None]]
    note: str = ""


class CellRecord(RecordModel):
    """One point of a task's grid."""

    labels: dict[str, str | int]
    metrics: dict[str, MetricRecord]
    stratum: str = ""
    """Where cells hold other samples than others: which of them are drawn together."""


class ColumnRecord(RecordModel):
    """What a column of scores is: see :class:`harness.estimate.ColumnSpec`."""

    direction: Direction
    unit: str
    bounds: tuple[float | None, float | None]
    worth: float | None = None
    binary: bool = False
    sum_of: str = ""


class TaskRecord(RecordModel):
    """What one task measured."""

    kind: str
    primary: str
    """The metric that says whether an answer is right."""
    config: dict[str, Any]
    config_hash: str
    metrics: dict[str, MetricRecord]
    cells: dict[str, CellRecord]
    columns: dict[str, ColumnRecord] = {}
    """What the columns of its rows are; records of schema 1 do not say."""
    statistics: list[dict[str, Any]] = []
    """What each metric is, as data."""
    per_cell: list[dict[str, Any]] = []
    """What each metric of a cell is, with ``*`` for the cell."""
    epochs: int = 1
    """How often each question was asked."""
    reducer: str = "mean"
    """What made one score of a question's several."""
    finishes: dict[str, int] = {}
    """How many of its answers ended in which way, as far as the adapter knows: ``stop``, ``length``, …"""
    served: dict[str, int] = {}
    """How many of its answers came from what the server said that it runs: name of the model, fingerprint."""
    curves: list[CurveRecord] = []
    findings: list[FindingRecord] = []
    charts: list[ChartRecord] = []
    tables: list[TableRecord] = []

    @property
    def cut_off(self) -> CutOff:
        """How many of its answers were cut off at their limit of tokens."""
        return cut_off(self.finishes)

    def specs(self) -> dict[str, ColumnSpec]:
        """Return what the columns are."""
        return {name: ColumnSpec(**column.model_dump()) for name, column in self.columns.items()}

    def defined(self) -> dict[str, Statistic]:
        """Return what each metric is, by name."""
        return _read(self.statistics)

    def defined_per_cell(self) -> dict[str, Statistic]:
        """Return what each metric of a cell is, by name; see :func:`harness.estimate.placed`."""
        return _read(self.per_cell)


def _read(found: list[dict[str, Any]]) -> dict[str, Statistic]:
    from harness.estimate.forms import read

    return {one.name: one for one in map(read, found)}
