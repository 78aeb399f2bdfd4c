"""What "not worse" must rest on: a loss that is rare enough not to have been drawn.

A standard deviation knows only what was seen. Where one sample in a hundred, or one cluster in twenty, is lost
altogether, most draws show none of it, and Student's t calls the rest unchanged: simulated, it says so in half of all
runs at a true drop of the whole margin. Gaffke's bound adds the unit that was not drawn. Over clusters that unit is as
large as the data allow: a whole cluster as long as there are too few of them to tell, then as much of one as the lost
rows of the sample had lost siblings (docs/statistics.md has the simulated error rates).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.stats._door import Floats, Index
from harness.stats.gaffke import Sums, lowest, p_at_most, units_for, upper_bound
from harness.stats.results import Comparison

_LOST: Final = 0.5
"""A row that loses at least this share of the span counts as lost, where siblings are counted."""
_SURE: Final = 0.05
_LIKELY: Final = 0.2
"""Of a bound on siblings where an interval rests on it, and where a PASS does."""
_HALF: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Losses:
    """Paired differences as independent units, with what the worst of them can be."""

    differences: Floats
    """Above zero is better, [n]."""
    index: Index
    """The unit of each row, [n]."""
    span: float
    """The largest possible absolute difference."""

    @cached_property
    def units(self) -> Sums:
        """The sums of the units, with a whole unit as the one that was not drawn."""
        if self.single:
            return Sums.of(self.differences)
        return Sums.of(_per_unit(self.index, self.differences), self.sizes)

    @cached_property
    def sizes(self) -> Floats:
        """Rows of each unit."""
        return np.bincount(self.index).astype(np.float64)

    @cached_property
    def single(self) -> bool:
        """Whether every unit is one row."""
        return bool(self.sizes.size == self.differences.size)

    @cached_property
    def in_part(self) -> Sums:
        """The same units, with an undrawn one in which only as many rows are lost as the siblings of lost rows say."""
        whole = self.units.atom
        lost = _per_unit(self.index, self.differences <= -_LOST * self.span)
        return replace(self.units, atom=1 + (whole - 1) * siblings(lost, self.sizes, _SURE))

    def p(self, margin: float) -> float:
        """Return the one-sided p of "worse by ``margin`` or more"."""
        needed = units_for(margin / self.span) if self.span > 0 else None
        few = needed is None or self.units.effective < needed * (1 - _HALF)
        return p_at_most(self.units if self.single or few else self.in_part, -margin, -self.span)

    def low(self, alpha: float) -> float:
        """Return what the mean difference is not below, with a chance of ``alpha`` of being wrong."""
        return lowest(self._p_at, alpha, -self.span, self.units.mean)

    def _p_at(self, limit: float) -> float:
        return self.p(-limit) if limit < 0 else p_at_most(self.units, limit, -self.span)


def clustered(values: Floats, index: Index, below: bool, bounds: tuple[float, float]) -> Sums:
    """Return the units of one run's values for a bound of their mean, their undrawn one as large as they say.

    Args:
        values: within bounds, [n].
        index: the unit of each row, [n], from 0.
        below: whether the lower bound is wanted: what was not drawn is then at the lower end of the bounds.
        bounds: of the values.
    """
    sizes = np.bincount(index).astype(np.float64)
    if sizes.size == values.size:
        return Sums.of(values)
    units = Sums.of(_per_unit(index, values), sizes)
    middle = sum(bounds) / 2
    share = siblings(_per_unit(index, values < middle if below else values > middle), sizes, _LIKELY)
    return replace(units, atom=1 + (units.atom - 1) * share)


def siblings(lost: Floats, sizes: Floats, wrong: float) -> float:
    """Return an upper bound of the share of a lost row's siblings that are lost too; 1 where none is lost.

    Args:
        lost: lost rows of each unit, [units].
        sizes: all rows of each unit, [units].
        wrong: the chance that it is more.
    """
    use = (lost > 0) & (sizes > 1)
    if not use.any():
        return 1.0
    count, size = lost[use], sizes[use]
    return min(1.0, upper_bound(Sums.of(count * (count - 1) / (size - 1), count), wrong, 1.0))


def _per_unit(index: Index, weights: Floats | NDArray[np.bool_]) -> Floats:
    return np.bincount(index, weights=weights).astype(np.float64)


def guarded(found: Comparison, losses: Losses) -> Comparison:
    """Return a comparison whose lower ends, and whose p of "not worse", allow for losses that were not drawn.

    The upper ends and the tests of a difference stay: what is shown to be worse is shown by what was seen.
    """
    tail = 1 - found.confidence
    return replace(
        found,
        low=_lesser(found.low, lambda: losses.low(tail / 2)),
        lower_bound=_lesser(found.lower_bound, lambda: losses.low(tail)),
        p_noninferior=max(found.p_noninferior, losses.p(found.margin)),
        span=losses.span,
        effective=losses.units.effective,
    )


def _lesser(seen: float, bound: Callable[[], float]) -> float:
    return seen if np.isnan(seen) else min(seen, bound())
