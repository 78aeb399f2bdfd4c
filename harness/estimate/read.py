"""The rows of one input of a statistic, whatever cells and columns they come from: pooled, aligned, grouped."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.estimate.coded import CODES, Column, Floats, Index, Mask, bytes_of
from harness.types import Status


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
        return bytes_of(self.values, self.kinds, self.details)

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


def pooled(parts: Sequence["Read"]) -> Floats | None:
    """Return the weights of the rows of all parts, [n]; None where every row of each weighs the same."""
    if all(part.weight is None for part in parts):
        return None
    return np.concatenate([np.ones(len(part.sample)) if part.weight is None else part.weight for part in parts])


def same_rows(a: Index, b: Index) -> bool:
    """Return whether two lists of samples are one."""
    return a is b or np.array_equal(a, b)


def aligned(parts: Sequence[Read]) -> list[Read]:
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
