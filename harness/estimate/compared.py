"""The paired difference of a statistic between two runs, with its test, and the ratio of two values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from harness.errors import UsageError
from harness.estimate.coded import LOST, Index, Mask
from harness.estimate.draws import Draws, Pool
from harness.estimate.forms import Floats, smooth
from harness.estimate.kept import Kept
from harness.estimate.means import all_differ, mean_of, weighted_mean_of, within
from harness.estimate.reach import reach
from harness.estimate.read import Read
from harness.estimate.rows import CellRows, Rows, pair
from harness.estimate.rowwise import Declared, is_binary, nothing_binary
from harness.estimate.statistic import Node, Statistic, columns_in, inputs_in, key
from harness.stats.draws import RESAMPLES
from harness.stats.jackknife import NONE, standard_error
from harness.stats.launches import welch_ratio
from harness.stats.limits import acceleration_of, summarise
from harness.stats.paired import oriented, paired_t
from harness.stats.quantiles import ratio_of_draws
from harness.stats.results import Comparison, nothing
from harness.stats.verdict import compare_scores
from harness.stats.weighted import weighted_t
from harness.stats.weighted_flips import weighted_flips

_USELESS: Final = 0.025
"""With more draws than this without a value nothing can be said; dropping them would be choosing."""


_NO_MEAN: Final = "its samples were drawn with unequal chances, for which only means are tested"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one statistic moved."""

    before: float
    """Over the rows that count on both sides."""
    after: float
    comparison: Comparison | None
    """Above zero is better. None where it cannot be tested."""
    why_not: str = ""
    lost: int = 0
    """Rows that count in the baseline and not in the candidate: they are left out."""
    gained: int = 0
    """Rows of which the reverse is true."""
    failed: tuple[int, int] = (0, 0)
    """Rows of the pairs for which no answer came, in the baseline and in the candidate."""
    rows: int = 0
    """All rows of the pairs."""
    answered: Comparison | None = None
    """The comparison over the rows for which both have an answer, where more of the candidate's failed."""


class Comparer:
    """Differences of statistics between two tables with the same rows.

    Args:
        baseline: rows of one run's task.
        candidate: those of the other, with samples numbered alike.
        seed: what draws are derived from.
        binary: says which columns are 0 or 1 by declaration.
        resamples: draws.
        confidence: 1 − alpha.
    """

    def __init__(
        self,
        baseline: Rows,
        candidate: Rows,
        seed: tuple[str | int, ...] = (0,),
        binary: Declared = nothing_binary,
        resamples: int = RESAMPLES,
        confidence: float = 0.95,
    ) -> None:
        self._whole = baseline, candidate
        self._seed = seed
        self._binary = binary
        self._resamples = resamples
        self._confidence = confidence
        self._sides: dict[str, tuple[Rows, Rows]] = {}
        self._slices, self._share = Kept(), sum(side.nbytes for side in self._whole) // 4
        self._draws: dict[str, Pool] = {}
        self._numbers: tuple[Index | None, Index] = (None, np.zeros(0, np.int64))

    def difference(self, statistic: Statistic, margin: float = 0.0) -> Difference:
        """Return both values over the pairs, and the comparison of them."""
        found = self._difference(statistic, margin)
        if found.comparison is None or not statistic.paired:
            return found
        failures = _Failures.of(statistic, *self._of(statistic))
        answered = None
        if failures.failed[1] > failures.failed[0]:
            both = failures.answered()
            again = Comparer(*both, self._seed, self._binary, self._resamples, self._confidence)
            answered = again.difference(replace(statistic, where={}), margin).comparison
        return replace(found, failed=failures.failed, rows=failures.rows, answered=answered)

    def _difference(self, statistic: Statistic, margin: float) -> Difference:
        if statistic.refusal:
            known = statistic.of["form"] != "stored"
            return Difference(*(self._alone(statistic) if known else (math.nan, math.nan)), None, statistic.refusal)
        before, after = self._of(statistic)
        if (column := statistic.mean_of) is not None:
            return self._of_mean(statistic, column, before.read(column), after.read(column), margin)
        if _weighed(after):
            return Difference(*self._both(statistic), None, _NO_MEAN)
        reads = [(before.read(node), after.read(node)) for node in _inputs(statistic.of)]
        lost = sum(int((old.counted & ~new.counted).sum()) for old, new in reads)
        gained = sum(int((~old.counted & new.counted).sum()) for old, new in reads)
        try:
            old, new, comparison = self._drawn(statistic, margin)
        except UsageError as cause:  # a plug-in's form that is not installed here
            return Difference(math.nan, math.nan, None, str(cause), lost, gained)
        return Difference(old, new, comparison, "", lost, gained)

    def ratio(self, statistic: Statistic, margin: float = 0.0) -> Comparison:
        """Return how many times worse the candidate is; above 1 is worse. Rows that are no pairs are drawn apart."""
        if any(_weighed(side) for side in self._whole):
            return nothing("ratio", self._confidence, margin)
        if statistic.launches and statistic.mean_of is not None:
            return self._of_launches(statistic, statistic.mean_of, margin)
        try:
            old, new = self._alone(statistic) if not statistic.paired else self._both(statistic)
            n = sum(int(self._of(statistic)[1].read(node).counted.sum()) for node in list(_inputs(statistic.of))[:1])
            if not (old > 0 and new > 0):
                return nothing("ratio", self._confidence, margin)
            draws = self._sides_drawn(statistic)
        except UsageError:
            return nothing("ratio", self._confidence, margin)
        sign = -statistic.sign
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = sign * np.log(draws[1] / draws[0])
        finite = logs[np.isfinite(logs)]
        kept = finite if finite.size >= (1 - _USELESS) * logs.size else finite[:0]
        estimate = sign * math.log(new / old)
        return ratio_of_draws(estimate, kept, n, "ratio, bootstrap", self._confidence, margin)

    def _of_launches(self, statistic: Statistic, column: Node, margin: float) -> Comparison:
        sides = [side.read(column) for side in self._whole]
        old, new = (side.values[side.counted] for side in sides)
        if any((values <= 0).any() for values in (old, new)):
            return nothing("ratio", self._confidence, margin)
        worse = (old, new) if statistic.direction == "lower" else (new, old)
        return welch_ratio(*worse, self._confidence, margin)

    def _of_mean(self, statistic: Statistic, column: Node, old: Read, new: Read, margin: float) -> Difference:
        both = old.counted & new.counted
        lost = int((old.counted & ~new.counted).sum())
        gained = int((~old.counted & new.counted).sum())
        a, b, units = old.values[both], new.values[both], self._numbered(old.unit)[both]
        direction: Literal["higher", "lower"] = "lower" if statistic.direction == "lower" else "higher"
        span = statistic.span
        pairs = replace(new, values=np.where(both, new.values, np.nan))
        if (weights := pairs.weighing) is not None:
            d = oriented(a, b, direction)
            if is_binary(column, self._binary) and all_differ(units) and np.isin(d, (-1.0, 0.0, 1.0)).all():
                told = weighted_flips(d, weights, self._confidence, margin)
            else:
                told = weighted_t(d, weights, units, self._confidence, margin, span)
            return Difference(weighted_mean_of(a, weights), weighted_mean_of(b, weights), told, "", lost, gained)
        if is_binary(column, self._binary):
            found = compare_scores(a, b, direction, units, self._confidence, margin, span)
        elif len(a):
            found = paired_t(oriented(a, b, direction), units, self._confidence, margin, span)
        else:
            found = nothing("paired t", self._confidence, margin)
        return Difference(_mean(a), _mean(b), found, "", lost, gained)

    def _numbered(self, units: Index) -> Index:
        """Return units as small numbers, [n]: the codes of a cell are sorted once, not for every metric."""
        if self._numbers[0] is not units:
            self._numbers = units, np.unique(units, return_inverse=True)[1].astype(np.int64)
        return self._numbers[1]

    def _drawn(self, statistic: Statistic, margin: float) -> tuple[float, float, Comparison]:
        draws, sign = self._paired_draws(statistic), statistic.sign
        before, after = (draws.exactly(statistic.of, side) for side in (0, 1))
        if not len(draws.units):
            return before, after, nothing("bootstrap", self._confidence, margin)
        estimate = sign * (after - before)
        moved = sign * (draws.drawn(statistic.of, 1) - draws.drawn(statistic.of, 0))
        moved = _snapped(moved, (0.0, -margin, estimate))
        if np.isfinite(moved).sum() < (1 - _USELESS) * moved.size:
            moved = np.full(moved.size, math.nan)
        acceleration, student = None, NONE
        units = draws.independent(*(draws.tables[1].read(node).unit for node in _inputs(statistic.of)))
        if not draws.grouped and smooth(statistic.of):
            without = sign * (draws.without(statistic.of, 1) - draws.without(statistic.of, 0))
            acceleration = acceleration_of(without, replace(units, strata=draws.strata))
            student = standard_error(estimate, without, draws.strata)
        far = None if math.isnan(estimate) else reach(statistic, draws, 1)
        if far is not None and statistic.span is not None:
            far = min(far, statistic.span)
        span = None if far is None else max(far, abs(estimate))
        found = summarise(estimate, moved, acceleration, units, self._confidence, margin, span, student)
        n = max((int(draws.tables[1].read(node).counted.sum()) for node in _inputs(statistic.of)), default=0)
        # What is estimated of a share may lie outside; a difference of two such values does not stop at the bounds.
        before, after = (within(value, statistic.bounds) for value in (before, after))
        return before, after, replace(found, n=n)

    def _of(self, statistic: Statistic) -> tuple[Rows, Rows]:
        name = key(statistic.where)
        if statistic.where:  # of many slices each takes the memory of its rows: the last ones are kept
            return self._slices.get(("rows", name), lambda: self._cut(statistic), self._share)
        if name not in self._sides:
            self._sides[name] = self._cut(statistic)
        return self._sides[name]

    def _cut(self, statistic: Statistic) -> tuple[Rows, Rows]:
        before, after = self._whole
        if statistic.paired:
            before, after = pair(before, after)
        if statistic.where:
            # A slice is the candidate's: both sides then hold the same samples.
            kept = {cell: rows.tagged(statistic.where) for cell, rows in after.cells.items()}
            before = Rows({cell: rows.take(kept[cell]) for cell, rows in before.cells.items()})
            after = Rows({cell: rows.take(kept[cell]) for cell, rows in after.cells.items()})
        return before, after

    def _paired_draws(self, statistic: Statistic) -> Draws:
        name = key(statistic.where)
        seed = (*self._seed, name) if statistic.where else self._seed

        def pool() -> Pool:
            return Pool(*self._of(statistic), seed=seed, count=self._resamples)

        if statistic.where:
            return self._slices.get(("draws", name), pool, self._share).of(statistic.of)
        if name not in self._draws:
            self._draws[name] = pool()
        return self._draws[name].of(statistic.of)

    def _apart(self, side: int, node: Node) -> Draws:
        name = f"side {side}"
        if name not in self._draws:
            self._draws[name] = Pool(self._whole[side], seed=(*self._seed, name), count=self._resamples)
        return self._draws[name].of(node)

    def _alone(self, statistic: Statistic) -> tuple[float, float]:
        old, new = (self._apart(side, statistic.of).exactly(statistic.of) for side in (0, 1))
        return old, new

    def _both(self, statistic: Statistic) -> tuple[float, float]:
        draws = self._paired_draws(statistic)
        return draws.exactly(statistic.of, 0), draws.exactly(statistic.of, 1)

    def _sides_drawn(self, statistic: Statistic) -> tuple[Floats, Floats]:
        if statistic.paired:
            draws = self._paired_draws(statistic)
            return draws.drawn(statistic.of, 0), draws.drawn(statistic.of, 1)
        old, new = (self._apart(side, statistic.of).drawn(statistic.of) for side in (0, 1))
        return old, new


@dataclass(frozen=True, slots=True)
class _Failures:
    """The rows of a statistic's cells for which no answer came, on two sides."""

    sides: tuple[Rows, Rows]
    lost: Mapping[str, tuple[Mask, Mask]]

    @classmethod
    def of(cls, statistic: Statistic, before: Rows, after: Rows) -> "_Failures":
        """Find them: a row has failed where one of the columns that the statistic reads has."""
        columns: dict[str, set[str]] = {}
        for node in columns_in(statistic.of):
            for cell in node["at"]:
                columns.setdefault(cell, set()).add(node["column"])
        both = [cell for cell in columns if cell in before.cells and cell in after.cells]
        lost = {
            cell: (_lost(before.cells[cell], columns[cell]), _lost(after.cells[cell], columns[cell])) for cell in both
        }
        return cls((before, after), lost)

    @property
    def failed(self) -> tuple[int, int]:
        """How many there are on each side."""
        old, new = (sum(int(masks[side].sum()) for masks in self.lost.values()) for side in (0, 1))
        return old, new

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(old) for old, _ in self.lost.values())

    def answered(self) -> tuple[Rows, Rows]:
        """Return both sides with the rows that both answered."""
        kept = {cell: ~(old | new) for cell, (old, new) in self.lost.items()}
        before, after = (
            Rows({cell: side.cells[cell].take(rows) for cell, rows in kept.items()}) for side in self.sides
        )
        return before, after


def _lost(rows: CellRows, columns: set[str]) -> Mask:
    found = np.zeros(len(rows), bool)
    for name in columns:
        if name in rows.columns:
            found |= rows.columns[name].among(*LOST)
    return found


def _weighed(rows: Rows) -> bool:
    return any(cell.weight is not None for cell in rows.cells.values())


def _inputs(node: Node) -> list[Node]:
    named: Mapping[str, Node] = {key(one): one for one in inputs_in(node)}
    return list(named.values())


def _snapped(draws: Floats, to: tuple[float, ...]) -> Floats:
    """Return draws in which those that are one of some values but for rounding are that value: p-values count ties."""
    finite = np.abs(draws[np.isfinite(draws)])
    scale = 1e-10 * max(1.0, float(finite.max(initial=0.0)))
    for value in to:
        draws = np.where(np.abs(draws - value) <= scale, value, draws)
    return draws


def _mean(values: Floats) -> float:
    return mean_of(values) if len(values) else math.nan


__all__ = ["Comparer", "Difference"]
