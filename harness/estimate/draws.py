"""One set of draws for all statistics that read the same units of a table, or of two paired ones."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.estimate.coded import Index
from harness.estimate.forms import FORMS, Floats, Sums, evaluate
from harness.estimate.kept import Kept
from harness.estimate.means import distinct
from harness.estimate.rows import CellRows, Rows
from harness.estimate.statistic import Node, cells_in, forms_in, key
from harness.estimate.sums import Table
from harness.seeds import generator
from harness.stats.draws import RESAMPLES, Units

LIMIT: Final = 2_000
"""Up to so many units each is drawn by itself; above, random groups of units are: sums of groups vary as sums of many
exchangeable units do, and the cost no longer grows with the number of samples."""
_CHUNK: Final = 250
_WIDE: Final = 256
_AT_ONCE: Final = 4_000_000


class Draws:
    """The units of a table, and its statistics under draws of them.

    Args:
        rows: the table, or both of a pair: the same weights are then drawn on both sides.
        seed: what the draws are derived from.
        cells: whose units are drawn; by default all. Units of cells that no statistic reads would take up groups.
        count: B, how many.
        kept: what is read of them.
    """

    def __init__(
        self,
        *rows: Rows,
        seed: tuple[str | int, ...],
        cells: Iterable[str] | None = None,
        count: int = RESAMPLES,
        kept: Kept | None = None,
    ) -> None:
        self._rows = rows
        self._seed = seed
        self.count = count
        held = rows[0].cells
        read = list(held.values()) if cells is None else [held[name] for name in cells if name in held]
        self.units: Index = distinct(np.concatenate([cell.unit for cell in read] or [np.zeros(0, np.int64)]))
        """The codes of all units, sorted."""
        self.strata = _strata(read, self.units)
        self.grouped = len(self.units) > LIMIT
        self._group: Index = np.arange(len(self.units))
        parts = self.strata
        if self.grouped:
            self._group, parts = self._in_groups()
        self._parts = parts
        self.groups = sum(len(part) for part in parts)
        partners: list[Rows | None] = list(rows[::-1]) if len(rows) > 1 else [None]
        self._last: tuple[Index | None, Index] = (None, self._group)
        self.tables = [
            Table(side, self.group_of, self.groups, other, kept) for side, other in zip(rows, partners, strict=True)
        ]

    def group_of(self, units: Index) -> Index:
        """Return the group of each unit."""
        if self._last[0] is not units:  # most columns have the same rows, and a search for a million takes a second
            self._last = units, np.asarray(self._group[np.searchsorted(self.units, units)], np.int64)
        return self._last[1]

    def exactly(self, node: Node, side: int = 0) -> float:
        """Return the value of a form over all rows."""
        return float(evaluate(node, self.tables[side].sums(node, exact=True))[0])

    def drawn(self, node: Node, side: int = 0) -> Floats:
        """Return a form under every draw, [B]."""
        return np.concatenate([np.zeros(0), *self._under(node, side, self.weights)])

    def without(self, node: Node, side: int = 0) -> Floats:
        """Return a form without each unit in turn, [units], one call, for sums subtract; of many, each group."""
        found = self.tables[side].sums(node)
        if any(FORMS[form].unsummed for form in forms_in(node)):
            return np.concatenate([*self._under(node, side, 1.0 - np.eye(self.groups))])
        whole, out = found.totals.sum(axis=0), np.empty(self.groups)
        step = self.groups if found.totals.shape[1] <= _WIDE else _CHUNK
        for start in range(0, self.groups, max(1, step)):
            part = found.totals[start : start + step]
            out[start : start + step] = evaluate(node, found.moved(whole - part))
        return out

    def independent(self, *units: Index) -> Units:
        """Return the units that some inputs read, as the stratum of each: what a claim without spread rests on."""
        present = distinct(np.concatenate(units)) if units else np.zeros(0, np.int64)
        at = np.searchsorted(self.units, present)
        inside = np.zeros(len(self.units), bool)
        inside[at] = True
        parts = tuple(part for stratum in self.strata if (part := stratum[inside[stratum]]).size)
        return Units(at, len(present), parts)

    def strata_of(self, *units: Index) -> tuple[Index, ...]:
        """Return the strata of the groups that some inputs read, as places among all groups."""
        return self._parts if self.grouped else self.independent(*units).strata

    def by_unit(self, node: Node) -> Sums:
        """Return the sums that a tree reads, of each unit by itself, [units, k]."""
        if not self.grouped:
            return self.tables[0].sums(node)
        one_each = Table(self._rows[0], lambda units: np.searchsorted(self.units, units), len(self.units))
        return one_each.sums(node)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How often each group is drawn, [B, groups]; small whole numbers, exact in single precision."""
        rng = generator(*self._seed)
        weights = np.empty((self.count, self.groups), np.float32)
        for part in self._parts:
            drawn = rng.multinomial(len(part), np.full(len(part), 1 / len(part)), size=self.count)
            weights[:, part] = drawn
        return weights

    def _under(self, node: Node, side: int, weights: NDArray[Any]) -> Iterator[Floats]:
        table = self.tables[side]
        found = table.sums(node)
        unsummed = list(_unsummed(node))
        step = len(weights) if found.totals.shape[1] <= _WIDE else _CHUNK
        if unsummed:
            longest = max(map(table.seen, unsummed))
            step = max(1, min(step, _AT_ONCE // max(1, longest)))
        for start in range(0, len(weights), max(1, step)):
            some = weights[start : start + step].astype(np.float64)
            known = {key(form): table.called(form, some) for form in unsummed}
            yield evaluate(node, Sums(some @ found.totals, found.places, found.values, known))

    def _in_groups(self) -> tuple[Index, tuple[Index, ...]]:
        rng = generator(*self._seed, "groups")
        group, parts, at = np.zeros(len(self.units), np.int64), [], 0
        for stratum in self.strata:
            many = min(len(stratum), max(2, round(LIMIT * len(stratum) / len(self.units))))
            group[stratum] = at + rng.permutation(len(stratum)) % many
            parts.append(np.arange(at, at + many))
            at += many
        return group, tuple(parts)


class Pool:
    """The draws of a table, or of both of a pair: one set for all statistics that read the same units.

    Args:
        rows: as for :class:`Draws`.
        seed: what draws are derived from.
        count: how many.
    """

    def __init__(self, *rows: Rows, seed: tuple[str | int, ...], count: int) -> None:
        self._rows, self._seed, self._count = rows, seed, count
        self._known: dict[tuple[str, ...], Draws] = {}
        self._kept = Kept()

    def of(self, node: Node) -> Draws:
        """Return the draws of the units that a form reads."""
        cells = tuple(sorted({*cells_in(node)}))
        if cells not in self._known:
            made = Draws(*self._rows, seed=self._seed, cells=cells, count=self._count, kept=self._kept)
            self._known[cells] = next((old for old in self._known.values() if _alike(old, made)), made)
        return self._known[cells]


def _alike(one: Draws, other: Draws) -> bool:
    parts = [one.units, *one.strata], [other.units, *other.strata]
    return len(parts[0]) == len(parts[1]) and all(map(np.array_equal, *parts))


def _strata(cells: Sequence[CellRows], units: Index) -> tuple[Index, ...]:
    """Return the units of each stratum; all are one where a unit lies in several."""
    names: dict[str, Index] = {}
    for cell in cells:
        there = distinct(cell.unit)
        names[cell.stratum] = np.union1d(names[cell.stratum], there) if cell.stratum in names else there
    if len(names) < 2 or sum(map(len, names.values())) > len(units):
        return (np.arange(len(units)),) if len(units) else ()
    return tuple(np.searchsorted(units, names[name]) for name in sorted(names) if len(names[name]))


def _unsummed(node: Node) -> Iterator[Node]:
    if "form" not in node:
        return
    if FORMS[node["form"]].unsummed:
        yield node
        return
    of = node.get("of", [])
    for child in of if isinstance(of, list | tuple) else [of]:
        yield from _unsummed(child)
