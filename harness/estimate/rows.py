"""A task's rows as columns of numbers, by cell: what statistics read, whoever made them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from harness.estimate.build import ANSWER
from harness.estimate.coded import CODES, FAILED, LOST, STATUSES, Column, Floats, Index, Labels, Mask, answers_column
from harness.estimate.kept import Columns
from harness.estimate.read import Read, aligned, grouped, pooled, same_rows
from harness.estimate.rowwise import ROW, is_binary
from harness.estimate.statistic import Node, key
from harness.seeds import derive_seed
from harness.types import Status

__all__ = [
    "ANSWER",
    "CODES",
    "FAILED",
    "LOST",
    "STATUSES",
    "CellRows",
    "Column",
    "Index",
    "Labels",
    "Mask",
    "Read",
    "Rows",
    "answers_column",
    "apart",
    "inputs_of",
    "is_binary",
    "pair",
    "unit_code",
]


@dataclass(frozen=True, slots=True, eq=False)
class CellRows:
    """The rows of one cell."""

    sample: Index
    """Which sample each row is of, [n]; the same number in every cell of the task."""
    unit: Index
    """Which rows belong together, [n]: the cluster, the same in every cell."""
    columns: Mapping[str, Column]
    tags: Mapping[str, Labels] = field(default_factory=dict)
    """By name: the value of each row."""
    stratum: str = ""
    """Cells with other samples than others are drawn by themselves: their rows keep their number."""
    weight: Floats | None = None
    """One over the chance that each row had to be asked, [n]; None where all had the same."""

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, rows: Index | Mask) -> "CellRows":
        """Return some rows, in that order; their columns are taken when they are read."""
        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        tags = {name: labels.take(np.asarray(places, np.int64)) for name, labels in self.tags.items()}
        every = self.columns
        columns = Columns(every, lambda name: every[name].take(places))
        weight = None if self.weight is None else self.weight[places]
        sample, unit = self.sample[places], self.unit[places]
        return replace(self, sample=sample, unit=unit, columns=columns, tags=tags, weight=weight)

    def tagged(self, where: Mapping[str, str]) -> Mask:
        """Return which rows have these values of these tags, [n]."""
        inside = np.ones(len(self), bool)
        for name, wanted in where.items():
            inside &= self.tags[name].are(wanted) if name in self.tags else False
        return inside


class Rows:
    """All rows of one task in one run.

    Args:
        cells: by id. A cell that is asked for and is not there has no rows.
    """

    def __init__(self, cells: Mapping[str, CellRows]) -> None:
        self.cells = cells

    @property
    def nbytes(self) -> int:
        """Bytes that they take beside their columns, about."""
        return sum(8 * len(cell) * (2 + len(cell.tags)) for cell in self.cells.values())

    def select(self, where: Mapping[str, str]) -> "Rows":
        """Return a slice: the table without the other samples, not with weights of zero, whose n would be random."""
        if not where:
            return self
        return Rows({name: rows.take(rows.tagged(where)) for name, rows in self.cells.items()})

    def read(self, node: Node) -> "Read":
        """Return the rows of a column, or of a row-wise operation."""
        if "column" in node:
            return self._column(node)
        parts = [self.read(child) for child in node["of"]]
        first, *others = parts
        if not all(same_rows(first.sample, part.sample) for part in others):
            parts = aligned(parts)
            first = parts[0]
        if node["row"] == "grouped":
            return grouped(parts[0], parts[1].values if others else None, node["how"], node.get("least", 1))
        with np.errstate(invalid="ignore"):
            values = ROW[node["row"]](node, *(part.values for part in parts))
        kinds = first.kinds
        for part in parts[1:]:
            kinds = np.maximum(kinds, part.kinds)
        if node["row"] == "filled":  # what has a value now is defined
            kinds = np.where((kinds == CODES[Status.UNDEFINED]) & ~np.isnan(values), CODES[Status.OK], kinds)
        return Read(first.sample, first.unit, values, kinds.astype(np.int8), weight=first.weight)

    def _column(self, node: Node) -> "Read":
        parts = [part for cell in node["at"] if (part := self._of_cell(cell, node)) is not None]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Read(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int8))
        details = None
        if any(part.details is not None for part in parts):
            details = [one for part in parts for one in (part.details or [None] * len(part.sample))]
        return Read(
            np.concatenate([part.sample for part in parts]),
            np.concatenate([part.unit for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.kinds for part in parts]),
            details,
            pooled(parts),
        )

    def _of_cell(self, cell: str, node: Node) -> "Read | None":
        rows = self.cells.get(cell)
        column = rows.columns.get(node["column"]) if rows else None
        if rows is None or column is None:
            return None
        values = column.counting(node.get("failed"))
        return Read(rows.sample, rows.unit, values, column.kinds, column.details, rows.weight)


def unit_code(cluster: str, identity: str) -> int:
    """Return a number for the unit that a row belongs to: its cluster, or else itself."""
    return derive_seed(cluster or f"\0{identity}") >> 1


def apart(units: Index, stratum: str) -> Index:
    """Return the units of a cell with other samples than other cells': the same name stands for another unit there."""
    return units ^ (derive_seed(stratum) >> 1) if stratum else units


def pair(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Return both tables with the rows that both have, in the order of ``a``; both must number samples alike."""
    ours, theirs = {}, {}
    for name in (name for name in a.cells if name in b.cells):
        mine, other = a.cells[name], b.cells[name]
        if not same_rows(mine.sample, other.sample):
            _, i, j = np.intersect1d(mine.sample, other.sample, return_indices=True)
            order = np.argsort(i, kind="stable")
            mine, other = mine.take(i[order]), other.take(j[order])
        # Where one run asked all, the other's draw decides which pairs there are.
        weight = mine.weight if other.weight is None else other.weight
        ours[name], theirs[name] = replace(mine, weight=weight), replace(other, unit=mine.unit, weight=weight)
    return Rows(ours), Rows(theirs)


def inputs_of(rows: Rows, nodes: Iterator[Node]) -> dict[str, Read]:
    """Return each distinct input, by its key."""
    found: dict[str, Read] = {}
    for node in nodes:
        name = key(node)
        if name not in found:
            found[name] = rows.read(node)
    return found
