"""Rows summed up by unit: shards, prefixes, draws and the jackknife are then additions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import numpy as np

from harness.errors import UsageError
from harness.estimate.build import counts_alone
from harness.estimate.coded import Index
from harness.estimate.forms import FORMS, Floats, Sums
from harness.estimate.kept import Kept
from harness.estimate.read import Read
from harness.estimate.rows import Rows
from harness.estimate.statistic import Node, children, inputs_in, key

CELLS: Final = 4_096
"""A rank form over at most so many distinct scores is exact under draws; over more, its draws (never its value) see
fewer cells."""
_COARSE: Final = 1_024
_NEAR: Final = 8
"""Standard errors round a quantile in which its draws see fine cells."""

_CELLS_MERGED: Final = 4_000_000
"""Groups · distinct rows up to which rows that say the same are one: 32 MB."""


class Table:
    """Sums of a table's inputs by group of units; each input is summed once, whatever statistics read it.

    Args:
        rows: the table.
        group: the group of each unit, by the unit's code.
        count: how many groups there are.
        partner: another run's table with the same rows: only what counts on both sides counts.
        kept: what was read, of several tables.
    """

    def __init__(
        self,
        rows: Rows,
        group: Callable[[Index], Index],
        count: int,
        partner: Rows | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._rows, self._group, self.count, self._partner = rows, group, count, partner
        self._kept, self._own = kept or Kept(), object()
        self._summed: dict[str, tuple[Floats, Floats]] = {}
        self._merged: dict[str, tuple[list[Floats], Floats] | None] = {}

    def read(self, node: Node) -> Read:
        """Return the rows of an input; beside a partner, only those that count on both sides."""
        return self._kept.get((self._own, key(node)), lambda: self._counting(node))

    def _counting(self, node: Node) -> Read:
        found = self._rows.read(node)
        if self._partner is None:
            return found
        others = self._partner.read(node)
        return replace(found, values=np.where(np.isnan(others.values), np.nan, found.values))

    def sums(self, node: Node, *, exact: bool = False) -> Sums:
        """Return the sums that a tree reads, [groups, k]; ``exact``: of all rows, [1, k], each score its own cell."""
        places: dict[str, tuple[int, int]] = {}
        values: dict[str, Floats] = {}
        known: dict[str, Floats] = {}
        parts: list[Floats] = []
        width = 0

        def add(name: str, part: Floats) -> None:
            nonlocal width
            if name not in places:
                places[name] = (width, part.shape[1])
                width += part.shape[1]
                parts.append(part)

        for form in _leaves(node):
            name, kind = key(form), FORMS[form["form"]]
            if kind.unsummed:
                known[name] = self.called(form, np.ones((1, self.count)))
            elif kind.block:
                part, values[name] = self._block(form, exact=exact)
                add(name, part)
            else:
                for child in inputs_in(form):
                    summed, counted = self._column(child, exact=exact)
                    add(key(child), summed[:, None])
                    add(f"#{key(child)}", counted[:, None])
        size = 1 if exact else self.count
        return Sums(np.hstack(parts) if parts else np.zeros((size, 0)), places, values, known)

    def called(self, form: Node, weights: Floats) -> Floats:
        """Return what a plug-in's form comes to under weightings of the groups, [b, groups]: [b].

        Raises:
            UsageError: if the plug-in cannot be imported.
        """
        function = attribute(form["target"])
        merged = self._merge(form)
        if merged is not None:
            columns: list[Any] = list(merged[0])
            shares = [weights @ merged[1]] * len(columns)
        else:
            sides = self._sides(form)
            columns = [side.values if side.details is None else np.array(side.details, dtype=object) for side in sides]
            for column, side in zip(columns, sides, strict=True):
                if column.dtype == object:
                    column[~side.counted] = None
            shares = [weights[:, self._group(side.unit)] for side in sides]
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw may hold none of the rows that it divides by
            return np.asarray(function(columns, shares, **form["parameters"]), np.float64)

    def seen(self, form: Node) -> int:
        """Return how many rows a plug-in's form is given at once."""
        merged = self._merge(form)
        if merged is not None:
            return int(merged[1].shape[1])
        return max((len(side.values) for side in self._sides(form)), default=1)

    def _sides(self, form: Node) -> list[Read]:
        sides = [self.read(child) for child in form["of"]]
        if any(side.weight is not None for side in sides):
            raise UsageError(f"the form of {form['target']} knows no weights, and the rows were drawn unequally")
        return sides

    def _merge(self, form: Node) -> tuple[list[Floats], Floats] | None:
        """Return the distinct rows of a form that counts them, and how many of each are in each group, [groups, k].

        None where the form must see every row, or where hardly two are alike.
        """
        name = key(form)
        if name not in self._merged:
            self._merged[name] = self._distinct(form) if counts_alone(attribute(form["target"])) else None
        return self._merged[name]

    def _distinct(self, form: Node) -> tuple[list[Floats], Floats] | None:
        sides = self._sides(form)
        first = sides[0]
        if any(side.details is not None or not np.array_equal(side.unit, first.unit) for side in sides):
            return None
        codes = np.zeros(len(first.values), np.int64)
        for side in sides:
            distinct, code = np.unique(side.values, return_inverse=True)
            codes = np.unique(codes * len(distinct) + code, return_inverse=True)[1].astype(np.int64)
        kinds, places = np.unique(codes, return_index=True)
        if not len(kinds) or self.count * len(kinds) > _CELLS_MERGED:
            return None
        cells = np.bincount(self._group(first.unit) * len(kinds) + codes, minlength=self.count * len(kinds))
        return [side.values[places] for side in sides], cells.reshape(self.count, -1).astype(np.float64)

    def _column(self, node: Node, *, exact: bool) -> tuple[Floats, Floats]:
        if exact:
            # Summed in sorted order: a value must not depend on the order of its rows.
            read = self.read(node)
            if read.weight is not None:
                return self._weighed(read)
            kept = np.sort(read.values)
            kept = kept[: len(kept) - int(np.isnan(kept).sum())]
            return np.array([kept.sum()]), np.array([float(len(kept))])
        name = key(node)
        if name not in self._summed:
            found = self.read(node)
            there = found.counted
            group = self._group(found.unit)[there]
            weight = None if found.weight is None else found.weight[there]
            values = found.values[there] if weight is None else found.values[there] * weight
            counted = np.bincount(group, weight, self.count).astype(np.float64)
            summed = np.bincount(group, values, self.count).astype(np.float64)
            self._summed[name] = summed, counted
        return self._summed[name]

    @staticmethod
    def _weighed(read: Read) -> tuple[Floats, Floats]:
        """Return the weighted sum and count of all rows."""
        there = read.counted
        weight = np.asarray(read.weight, np.float64)[there]
        return np.array([np.sort(read.values[there] * weight).sum()]), np.array([np.sort(weight).sum()])

    def _block(self, form: Node, *, exact: bool) -> tuple[Floats, Floats]:
        groups = 1 if exact else self.count
        sides = [self.read(child) for child in form["of"]]
        if any(side.weight is not None for side in sides):
            raise UsageError(
                f"the form {form['form']!r} knows no weights, and the rows were drawn with unequal chances"
            )

        def grouped(side: Read, there: Any) -> Index:
            return np.zeros(int(there.sum()), np.int64) if exact else self._group(side.unit[there])

        def one_hot(cell: Index, group: Index, width: int, weights: Floats | None = None) -> Floats:
            return np.bincount(group * width + cell, weights, groups * width).reshape(groups, width).astype(np.float64)

        if "edges" in form:
            confidence, correct = sides
            there = confidence.counted & correct.counted
            group, bins = grouped(confidence, there), len(form["edges"]) - 1
            cell = bins_of(confidence.values[there], form)
            gaps = one_hot(cell, group, bins, confidence.values[there] - correct.values[there])
            return np.hstack([gaps, one_hot(cell, group, bins)]), np.zeros(0)
        kept = [side.counted for side in sides]
        pooled = np.concatenate([side.values[there] for side, there in zip(sides, kept, strict=True)])
        cells, representatives = score_cells(pooled, form, exact=exact)
        starts = np.cumsum([0, *(int(there.sum()) for there in kept)])
        hists = [
            one_hot(cells[starts[i] : starts[i + 1]], grouped(side, there), len(representatives))
            for i, (side, there) in enumerate(zip(sides, kept, strict=True))
        ]
        return np.hstack(hists), representatives


def bins_of(values: Floats, form: Node) -> Index:
    """Return the bin of each confidence, by the edges of a calibration form."""
    edges = np.asarray(form["edges"], np.float64)
    side = "left" if form["closed"] == "right" else "right"
    found = np.searchsorted(edges, values, side=side) - 1  # type: ignore[call-overload]
    return np.asarray(np.clip(found, 0, len(edges) - 2), np.int64)


def score_cells(pooled: Floats, form: Node, *, exact: bool) -> tuple[Index, Floats]:
    """Return a cell for each score, from the lowest up, and what stands for each cell."""
    if not len(pooled):
        return np.zeros(0, np.int64), np.zeros(1)
    distinct, cell = np.unique(pooled, return_inverse=True)
    if exact or len(distinct) <= CELLS:
        return cell.astype(np.int64), distinct
    ranked, n = np.sort(pooled), len(pooled)
    shares = np.linspace(0, 1, _COARSE)
    if "q" in form:  # fine where the draws of this quantile fall, coarse elsewhere
        q, near = form["q"], _NEAR * math.sqrt(form["q"] * (1 - form["q"]) / n)
        shares = np.concatenate([np.linspace(0, 1, 64), np.linspace(max(0, q - near), min(1, q + near), _COARSE - 64)])
    edges = np.unique(ranked[np.unique((np.sort(shares) * (n - 1)).astype(np.int64))])
    return np.clip(np.searchsorted(edges, pooled, side="right") - 1, 0, len(edges) - 1).astype(np.int64), edges


def attribute(target: str) -> Callable[..., Any]:
    """Return what ``module:attribute`` names.

    Raises:
        UsageError: if it cannot be imported.
    """
    module, _, name = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as cause:
        raise UsageError(f"the form {target!r} cannot be imported here: {cause}") from cause
    return found


def _leaves(node: Node) -> Sequence[Node]:
    """Return the forms of a tree that read columns."""
    if all("form" not in child for child in children(node)):
        return [node] if children(node) else []
    return [leaf for child in children(node) if "form" in child for leaf in _leaves(child)]
