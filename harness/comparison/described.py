"""What the numbers of a task are, as its record says: neither tasks nor metrics are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.estimate import ColumnSpec, Statistic
from harness.record.schema import TaskRecord


@dataclass(frozen=True, slots=True)
class Described:
    """A task's columns and statistics."""

    columns: Mapping[str, ColumnSpec]
    statistics: Mapping[str, Statistic]
    per_cell: Mapping[str, Statistic]
    """With ``*`` for the cell; see :func:`harness.estimate.placed`."""
    guessed: frozenset[str] = frozenset()
    """Columns of which an earlier version's record does not say what a failure is worth, and nothing here does."""

    def binary(self, column: str) -> bool:
        """Return whether every value of a column is 0 or 1, by declaration."""
        return column in self.columns and self.columns[column].binary

    def flips(self, column: str) -> bool:
        """Return whether a column tells right from wrong, so that an answer can change sides."""
        return column in self.columns and self.columns[column].flips


def described(task: TaskRecord, columns: Sequence[str]) -> Described:
    """Return what a task's numbers are.

    Args:
        task: its record; one of schema 1 is read as well as it can be.
        columns: of scores, that the run's samples have.
    """
    if task.statistics or not task.metrics:
        return Described(task.specs(), task.defined(), task.defined_per_cell())
    from harness.comparison.schema1 import per_cell_of, specs_of, statistics_of

    specs, guessed = specs_of(task, columns)
    return Described(specs, statistics_of(task, specs), per_cell_of(specs), guessed)
