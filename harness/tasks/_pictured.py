"""What a task shows beside its numbers, as data: curves, charts, tables, and sentences that no reader must miss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from harness.estimate import Statistic
from harness.tasks._cells import CellResult
from harness.types import MetricValue

Severity = Literal["note", "warning"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric along one axis of the grid, for the report."""

    name: str
    x_label: str
    x: tuple[float, ...]
    points: tuple[MetricValue, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    """None leaves a gap."""
    low: tuple[float | None, ...] = ()
    """Lower ends of the band, one a point, or none."""
    high: tuple[float | None, ...] = ()
    style: Literal["line", "step", "points", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on a chart that has a name: an onset, a limit, an operating point."""

    label: str
    x: float | None = None
    y: float | None = None
    """With ``x`` a point; alone a horizontal line, as ``x`` alone is a vertical one."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture that a task wants in the report, as data."""

    name: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    note: str = ""
    """What a reader must know to read it: the positive class, what a band is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a task wants in the report."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that a reader must not miss."""

    level: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Illustration:
    """What a task shows beside its figures."""

    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    stored: Mapping[str, MetricValue] = field(default_factory=dict)
    """Values of the statistics that have no form: what the others' intervals say, what a search found."""
    stored_cells: Mapping[str, Mapping[str, MetricValue]] = field(default_factory=dict)
    """The same for statistics of cells."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A task's numbers, each with its interval."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    estimate: Callable[[Statistic], MetricValue]
    """Gives any other statistic over the same rows, for a finding or a picture."""


@runtime_checkable
class Illustrates(Protocol):
    """A task that has something to show or to say about its figures."""

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Return curves, findings, charts and tables."""
        ...
