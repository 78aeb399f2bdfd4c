"""A task's rows as columns of numbers, by cell: what statistics read, whoever made them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.estimate.build import ANSWER
from harness.estimate.kept import Columns
from harness.estimate.statistic import Node, key
from harness.seeds import derive_seed
from harness.types import Status

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

STATUSES: Final = tuple(Status)
"""A row's kind is a place in this tuple."""
CODES: Final[Mapping[str, int]] = {str(status): place for place, status in enumerate(STATUSES)}
LOST: Final = (Status.ERROR, Status.TIMEOUT, Status.MISSING)
"""The model never answered."""
FAILED: Final = (Status.UNPARSED, *LOST)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column over the rows of one cell."""

    worths: Floats
    """What each row is worth, [n]: its value, what a failure counts, NaN where it does not count."""
    kinds: NDArray[np.int8]
    """The status of each row, [n]: its place in ``STATUSES``."""
    details: Sequence[str | None] | None = None
    """For forms that are no functions of sums: what each row keeps beside its value, as JSON."""

    @classmethod
    def of(cls, worths: Floats) -> "Column":
        """Return a column whose rows are all ``ok``; those that are NaN are undefined."""
        kinds = np.where(np.isnan(worths), CODES[Status.UNDEFINED], CODES[Status.OK]).astype(np.int8)
        return cls(worths, kinds)

    @classmethod
    def laid(cls, worths: Floats, at: Index) -> "Column":
        """Return a column of values that were made beside others; a row at −1 has none, and is missing."""
        found = cls.of(np.append(worths, np.nan)[at])
        return cls(found.worths, np.where(at < 0, CODES[Status.MISSING], found.kinds).astype(np.int8))

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return _bytes(self.worths, self.kinds, self.details)

    @property
    def statuses(self) -> dict[str, int]:
        """How many rows ended in each status."""
        return self.counts(np.ones(len(self.kinds), bool))

    def among(self, *statuses: Status) -> Mask:
        """Return which rows ended in one of some statuses, [n]."""
        return np.isin(self.kinds, [CODES[status] for status in statuses])

    def counts(self, rows: Mask) -> dict[str, int]:
        """Return how many of some rows, a mask [n], ended in each status."""
        found = np.bincount(self.kinds[rows], minlength=len(STATUSES)).tolist()
        return dict(sorted((str(status), count) for status, count in zip(STATUSES, found, strict=True) if count))

    def counting(self, failed: str | None) -> Floats:
        """Return the worths; ``exclude`` leaves out answers that never came."""
        return np.where(self.among(*LOST), np.nan, self.worths) if failed == "exclude" else self.worths

    def take(self, rows: Index | Mask) -> "Column":
        """Return some rows."""
        details = None
        if self.details is not None:
            places = np.flatnonzero(rows) if rows.dtype == bool else rows
            details = [self.details[i] for i in places.tolist()]
        return Column(self.worths[rows], self.kinds[rows], details)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One tag of some rows, as codes."""

    codes: Index
    """[n]; −1 where a row has none."""
    names: Sequence[str]
    """What the codes stand for."""

    @classmethod
    def of(cls, values: Sequence[str | None]) -> "Labels":
        """Return the codes of texts."""
        places: dict[str, int] = {}
        codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
        return cls(np.array(codes, np.int64), list(places))

    def are(self, name: str) -> Mask:
        """Return which rows have that value, [n]."""
        code = self.names.index(name) if name in self.names else -2
        return np.asarray(self.codes == code)

    def take(self, rows: Index) -> "Labels":
        """Return some rows."""
        return Labels(self.codes[rows], self.names)


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
        if not all(_same(first.sample, part.sample) for part in others):
            parts = _aligned(parts)
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
            _pooled(parts),
        )

    def _of_cell(self, cell: str, node: Node) -> "Read | None":
        rows = self.cells.get(cell)
        column = rows.columns.get(node["column"]) if rows else None
        if rows is None or column is None:
            return None
        values = column.counting(node.get("failed"))
        return Read(rows.sample, rows.unit, values, column.kinds, column.details, rows.weight)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """The rows of one input of a statistic."""

    sample: Index
    unit: Index
    values: Floats
    """[n]; NaN where a row does not count."""
    kinds: NDArray[np.int8]
    details: Sequence[str | None] | None = None
    weight: Floats | None = None
    """[n]; None where every row weighs the same."""

    def take(self, rows: Index) -> "Read":
        """Return some rows, in that order."""
        details = None if self.details is None else [self.details[i] for i in rows.tolist()]
        weight = None if self.weight is None else self.weight[rows]
        return Read(self.sample[rows], self.unit[rows], self.values[rows], self.kinds[rows], details, weight)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes beside samples and units, about."""
        return _bytes(self.values, self.kinds, self.details)

    @property
    def counted(self) -> Mask:
        """Which rows count, [n]."""
        return ~np.isnan(self.values)

    @property
    def weighing(self) -> Floats | None:
        """What the rows that count weigh, [counted]; None where they all weigh the same, which says nothing."""
        if self.weight is None:
            return None
        found: Floats = self.weight[self.counted]
        return None if not len(found) or float(found.min()) == float(found.max()) else found

    def statuses(self) -> dict[str, int]:
        """How many rows ended in each status."""
        return Column(self.values, self.kinds).statuses


def grouped(read: "Read", by: Floats | None, how: str, least: int = 1) -> "Read":
    """Return one row for each group of rows: for each unit, or for each value of ``by``, [n].

    ``mean``, ``min``, ``max`` and ``sum`` are of what counts in the group; ``agree`` is the share of pairs of rows
    that have one value (a negative one is like no other), undefined for a group of one row. A group of fewer than
    ``least`` rows is undefined; one is ``ok`` where all its rows are.
    """
    known = np.arange(len(read.values)) if by is None else np.flatnonzero(~np.isnan(by))
    _, first, group = np.unique((read.unit if by is None else by)[known], return_index=True, return_inverse=True)
    kinds = np.zeros(len(first), np.int8)
    np.maximum.at(kinds, group, read.kinds[known])
    there = read.counted[known]
    values, index = read.values[known][there], group[there]
    counts = np.bincount(index, minlength=len(first)).astype(np.float64)
    found = np.zeros(len(first))
    with np.errstate(invalid="ignore", divide="ignore"):
        if how in ("min", "max"):
            found = np.full(len(first), np.inf if how == "min" else -np.inf)
            (np.minimum if how == "min" else np.maximum).at(found, index, values)
        elif how == "agree":
            alike, pairs = np.unique(np.column_stack([index.astype(np.float64), values]), axis=0, return_counts=True)
            pairs = np.where(alike[:, 1] < 0, 0.0, pairs * (pairs - 1.0))
            found = np.bincount(alike[:, 0].astype(np.int64), pairs, len(first)) / (counts * (counts - 1))
        else:
            found = np.bincount(index, values, len(first)) / (counts if how == "mean" else 1.0)
    found = np.where(counts < max(1, least), np.nan, found)
    kinds[np.isnan(found) & (kinds == CODES[Status.OK])] = CODES[Status.UNDEFINED]
    places = known[first]
    weight = None if read.weight is None else read.weight[places]
    if weight is not None and read.weight is not None and (weight[group] != read.weight[known]).any():
        raise UsageError("a group of rows that were drawn with different chances has no chance of its own")
    return Read(read.sample[places], read.unit[places], found, kinds, weight=weight)


_TEXT: Final = 100
"""Bytes of a text and of the object that holds it, about."""


def _bytes(values: Floats, kinds: NDArray[np.int8], details: Sequence[str | None] | None) -> int:
    return values.nbytes + kinds.nbytes + _TEXT * len(details or ())


def _pooled(parts: Sequence["Read"]) -> Floats | None:
    if all(part.weight is None for part in parts):
        return None
    return np.concatenate([np.ones(len(part.sample)) if part.weight is None else part.weight for part in parts])


def _same(a: Index, b: Index) -> bool:
    return a is b or np.array_equal(a, b)


def _aligned(parts: Sequence[Read]) -> list[Read]:
    """Return the rows of samples that all parts have, in one order.

    Raises:
        ValueError: if a sample has several rows in one of them: pool after a row-wise operation, not before.
    """
    common = parts[0].sample
    for part in parts:
        if len(np.unique(part.sample)) != len(part.sample):
            raise ValueError("a row-wise operation needs one row a sample; pool after it, not before")
        common = np.intersect1d(common, part.sample)
    out = []
    for part in parts:
        order = np.argsort(part.sample, kind="stable")
        out.append(part.take(order[np.searchsorted(part.sample[order], common)]))
    return out


def _differs(node: Node, a: Floats, b: Floats, *scored: Floats) -> Floats:
    unknown = np.isnan(b)
    for column in scored:
        unknown = unknown | np.isnan(column)
    return np.where(unknown, np.nan, (np.isnan(a) | (a != b)).astype(np.float64))


def _flag(values: Floats, condition: Mask) -> Floats:
    return np.where(np.isnan(values), np.nan, condition.astype(np.float64))


def _looked_up(node: Node, a: Floats) -> Floats:
    table = np.asarray(node["values"], np.float64)
    there = ~np.isnan(a)
    found = np.full(len(a), np.nan)
    found[there] = table[a[there].astype(np.int64)]
    return found


ROW: Final[Mapping[str, Callable[..., Any]]] = {
    "minus": lambda node, a, b: a - b,
    "times": lambda node, a, b: a * b,
    "differs": _differs,
    "equals": lambda node, a: _flag(a, a == node["value"]),
    "at_least": lambda node, a: _flag(a, a >= node["value"]),
    "above": lambda node, a: _flag(a, a > node["value"]),
    "filled": lambda node, a: np.where(np.isnan(a), node["value"], a),
    "only": lambda node, a, b: np.where(b == 1, a, np.nan),
    "scaled": lambda node, a: node["by"] * a + node["plus"],
    "looked_up": _looked_up,
}
"""Row-wise operations, by name."""

_FLAGS: Final = ("differs", "equals", "at_least", "above")


Declared = Callable[[str], bool]
"""Whether a column of some name is binary: 0 or 1, a failure's worth included."""


def nothing_binary(name: str) -> bool:
    """Say of every column that it is graded."""
    return False


def is_binary(node: Node, declared: Declared) -> bool:
    """Return whether a column can hold 0 and 1 alone: as it is declared, never as its values happen to be.

    Args:
        node: a column or a row-wise operation.
        declared: whether the column of that name is binary, the worth of a failure included.
    """
    if "column" in node:
        return declared(node["column"])
    picked = node["row"] == "only" or (node["row"] == "grouped" and node["how"] in ("min", "max"))
    return is_binary(node["of"][0], declared) if picked else node["row"] in _FLAGS


def unit_code(cluster: str, identity: str) -> int:
    """Return a number for the unit that a row belongs to: its cluster, or else itself."""
    return derive_seed(cluster or f"\0{identity}") >> 1


def answers_column(codes: Index, kinds: NDArray[np.int8] | None = None) -> Column:
    """Return codes of answers as a column; 0 is an answer that never came.

    Args:
        codes: of each row, [n].
        kinds: what became of the rows under a metric, [n], to tell why an answer never came.

    >>> answers_column(np.array([7, 0])).worths.tolist()
    [7.0, nan]
    """
    # Codes are 63 bits wide, a double holds 53: equal texts stay equal, and others differ but once in 2⁵³.
    missing = codes == 0
    worths = np.where(missing, np.nan, codes.astype(np.float64))
    told = np.full(len(codes), CODES[Status.MISSING]) if kinds is None else kinds
    lost = np.isin(told, [CODES[status] for status in LOST])
    why = np.where(lost, told, CODES[Status.MISSING])
    return Column(worths, np.where(missing, why, CODES[Status.OK]).astype(np.int8))


def apart(units: Index, stratum: str) -> Index:
    """Return the units of a cell with other samples than other cells': the same name stands for another unit there."""
    return units ^ (derive_seed(stratum) >> 1) if stratum else units


def pair(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Return both tables with the rows that both have, in the order of ``a``; both must number samples alike."""
    ours, theirs = {}, {}
    for name in (name for name in a.cells if name in b.cells):
        mine, other = a.cells[name], b.cells[name]
        if not _same(mine.sample, other.sample):
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
