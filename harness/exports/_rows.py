"""The rows of a run as other programs want them: task by task and cell by cell, NaN as nothing."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from harness.record import Run
from harness.record.arrow import where
from harness.record.schema import ColumnRecord

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH: Final = 1024
_SCORE: Final = "score."
_STATUS: Final = "status."
_UNDEFINED: Final = "undefined"
_TAG: Final = "tag."

Row = Mapping[str, Any]
Columns = Mapping[str, ColumnRecord]


def parted(table: "pa.Table", task: str, cell: str | None = None) -> "pa.Table":
    """Return the rows of a task, or of one of its cells."""
    own = where(table, "task", task)
    return own if cell is None else where(own, "cell", cell)


def rows(table: "pa.Table") -> Iterator[dict[str, Any]]:
    """Yield rows as dictionaries, a few at a time, numbers that are not finite as None."""
    for batch in table.to_batches(max_chunksize=_BATCH):
        yield from ({name: _plain(value) for name, value in row.items()} for row in batch.to_pylist())


def scores(row: Row, columns: Columns) -> dict[str, float]:
    """Return what a row counts with each metric: a failed one what failures are worth, nothing where it is left out."""
    found = {}
    for name, column in columns.items():
        value = row.get(f"{_SCORE}{name}")
        if value is None and row.get(f"{_STATUS}{name}") != _UNDEFINED:
            value = column.worth
        if value is not None:
            found[name] = value
    return found


def tags(row: Row) -> dict[str, str]:
    """Return the tags of a row."""
    return {name.removeprefix(_TAG): value for name, value in row.items() if name.startswith(_TAG) and value}


def measured(run: Run, task: str) -> Columns:
    """Return the metrics that a task's rows have scores of."""
    return {name: one for name, one in run.record.tasks[task].columns.items() if not one.sum_of}


def is_mean(table: "pa.Table", metric: str, columns: Columns, value: float | None) -> bool:
    """Say whether a number is the mean of what the rows count, to rounding."""
    names = [name for name in (f"{_SCORE}{metric}", f"{_STATUS}{metric}") if name in table.column_names]
    meant = {metric: columns[metric]}
    found = [one for row in rows(table.select(names)) for one in scores(row, meant).values()]
    return value is not None and bool(found) and math.isclose(math.fsum(found) / len(found), value, rel_tol=1e-9)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
