"""From a task's columns to its figures: one way for every kind of task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from harness.estimate import ANSWER, ColumnSpec, Estimator, Statistic, anywhere
from harness.estimate.rows import CellRows, Column, Rows, answers_column, apart
from harness.estimate.statistic import columns_in
from harness.record.rows import MadeRows
from harness.tasks import Adjusts, CellResult, Figures, Illustrates, Illustration, Made, Makes, Task
from harness.types import MetricValue

_NOTHING: Final = Made()


def draws_of(seed: int, task: str) -> tuple[str | int, ...]:
    """Return what the draws of a task's intervals are derived from: the suite's seed and the task's name."""
    return seed, task, "bootstrap"


@dataclass(frozen=True, slots=True)
class Summarised:
    """Everything that a record says of one task's numbers."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    illustration: Illustration
    columns: Mapping[str, ColumnSpec]
    statistics: Sequence[Statistic]
    per_cell: Sequence[Statistic]
    """Of the first cell, as they are told for each."""
    made: Sequence[MadeRows]


def summarise(
    task: Task, results: Sequence[CellResult], seed: int, others: Sequence[CellResult] | None = None
) -> Summarised:
    """Return a task's figures.

    Args:
        task: whose.
        results: its cells, in order.
        seed: of the suite.
        others: the cells of the task that it reads, where it does.
    """
    adjusted = task.adjusted(results) if isinstance(task, Adjusts) else results
    made = task.make(adjusted if others is None else others) if isinstance(task, Makes) else _NOTHING
    statistics = task.statistics()
    told = {result.cell.id: task.cell_statistics(result.cell) for result in adjusted}
    every = [*statistics, *(one for some in told.values() for one in some)]
    rows = rows_of(adjusted, made.rows, answers=any(_reads_answers(one) for one in every))
    estimator = Estimator(rows, draws_of(seed, task.name), partial(_is_binary, task.columns()))
    figures = Figures(
        estimator.all(statistics),
        {cell: estimator.all(some) for cell, some in told.items()},
        estimator.value,
    )
    illustration = task.illustrate(adjusted, figures) if isinstance(task, Illustrates) else Illustration()
    shown = replace(illustration, findings=(*made.findings, *illustration.findings))
    per_cell = [anywhere(one, cell) for cell, some in list(told.items())[:1] for one in some]
    cells = {cell: {**values, **shown.stored_cells.get(cell, {})} for cell, values in figures.cells.items()}
    return Summarised(
        {**figures.metrics, **shown.stored}, cells, shown, task.columns(), statistics, per_cell, made.rows
    )


def rows_of(results: Sequence[CellResult], made: Sequence[MadeRows] = (), *, answers: bool = True) -> Rows:
    """Return a task's columns as a table of rows; cells hold the same samples in the same order, or are strata.

    Args:
        results: what was asked or measured.
        made: rows and columns that were made of them.
        answers: whether to hold codes of the answers too.
    """
    cells: dict[str, CellRows] = {}
    beside = {one.cell: one for one in made}
    for result in results:
        columns: dict[str, Column] = dict(result.columns)
        if answers:
            known = next(iter(result.columns.values()), None)
            columns[ANSWER] = answers_column(result.answers, known.kinds if known else None)
        own = beside.pop(result.cell.id, None)
        if own is not None:
            columns |= own.beside(result.ids)
        place = np.arange(len(result.clusters))
        stratum = result.cell.stratum
        units = apart(result.clusters, stratum)
        cells[result.cell.id] = CellRows(place, units, columns, result.tags, stratum, result.weights)
    return Rows(cells | {one.cell: one.alone(np.arange(len(one.ids))) for one in beside.values()})


def _is_binary(columns: Mapping[str, ColumnSpec], name: str) -> bool:
    return name in columns and columns[name].binary


def _reads_answers(statistic: Statistic) -> bool:
    return any(column["column"] == ANSWER for column in columns_in(statistic.of))
