"""Tasks that make rows of answers, or other columns of them, before anything is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.record.rows import MadeRows
from harness.tasks._cells import CellResult
from harness.tasks._pictured import Chart, Curve, Finding, Table
from harness.types import MetricValue


@dataclass(frozen=True, slots=True)
class Made:
    """What a task makes of the answers before anything is counted."""

    rows: tuple[MadeRows, ...] = ()
    """Columns beside those of its cells, and cells of their own: streams, detectors' scores."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a task of an earlier version makes of its cells by itself; such numbers cannot be tested."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@runtime_checkable
class Makes(Protocol):
    """A task whose statistics read more than what was asked: a detector's scores, simulated streams."""

    def make(self, results: Sequence[CellResult]) -> Made:
        """Return the rows; it must depend on the results alone."""
        ...


@runtime_checkable
class Reads(Makes, Protocol):
    """A task that asks nothing: it makes its rows of what another one was answered, and what that took."""

    reads: str
    """The name of the other task: ``make`` gets its results."""


@runtime_checkable
class Adjusts(Protocol):
    """A task that changes its columns before they are counted: several answers to a question become one."""

    def adjusted(self, results: Sequence[CellResult]) -> Sequence[CellResult]:
        """Return the columns that count."""
        ...
