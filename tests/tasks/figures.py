"""A task's figures without a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.collect import measured
from harness.engine.summarise import summarise
from harness.estimate.rows import CODES, Column, unit_code
from harness.record.rows import MadeRows
from harness.tasks import Cell, CellResult, Chart, Curve, Finding, Observation, Statistic, Table, Task
from harness.types import MetricValue


@dataclass(frozen=True)
class Seen:
    """What a record would hold."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    curves: Sequence[Curve]
    findings: Sequence[Finding]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    statistics: Sequence[Statistic]
    made: Sequence[MadeRows]


def figures_of(task: Task, results: Sequence[CellResult], seed: int = 0) -> Seen:
    found = summarise(task, results, seed)
    shown = found.illustration
    return Seen(
        found.metrics,
        found.cells,
        shown.curves,
        shown.findings,
        shown.charts,
        shown.tables,
        found.statistics,
        found.made,
    )


def observed(cell: Cell, seen: Sequence[Observation]) -> CellResult:
    """Return what the engine makes of observations."""
    scores = [measured(one) for one in seen]
    columns = {
        name: Column(
            np.array([row[name].value for row in scores]),
            np.array([CODES[row[name].status] for row in scores], np.int8),
        )
        for name in seen[0].values
    }
    units = np.array([unit_code(one.cluster, one.id) for one in seen], np.int64)
    return CellResult(cell, columns, units, np.zeros(len(seen), np.int64), ids=[one.id for one in seen])
