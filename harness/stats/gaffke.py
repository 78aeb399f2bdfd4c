"""How low can a mean be, whatever was not drawn? Gaffke's bound, which needs no spread and no shape.

A mean of bounded values is bounded by giving each unit a random weight (uniform on the simplex) and one more unit, at
the worst value there is, a weight of its own: the loss that no unit of the sample shows. On 0s and 1s it is
Clopper–Pearson's bound; on graded values it holds where Student's t does not, since a few total losses among small
changes are invisible to a standard deviation. Without draws and without a seed: the tail of the weighted sum is that
of a sum of scaled exponentials, which a saddlepoint gives to three digits.

Source:
    Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable";
    Learned-Miller and Thomas 2020 (arXiv:1905.06208); Lugannani and Rice 1980 for the tail.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from harness.stats._door import Floats

_NEWTON: Final = 60
_STEPS: Final = 40
_GRID: Final = 1 << 14
"""So many distinct values tell a mean as well as any number of them; beyond, values are rounded to such a grid."""
_FAR: Final = 37.0
_CLOSE: Final = 1e-9
_EXACT: Final = 1e-7
_NEAR: Final = 1e-3
"""A saddlepoint this close to the mean has a tail whose two terms cancel; its limit is taken instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Independent units as sums of values and numbers of rows; their mean is the sum of one over that of the other."""

    values: Floats
    """What the rows of a unit add up to, [units]."""
    sizes: Floats
    """How many rows a unit has, [units], above 0."""
    counts: Floats
    """How many units are the same, [units]."""
    atom: float
    """How many rows the unit that was not drawn has: the mean size of the unit of a random row."""

    @classmethod
    def of(cls, values: Floats, sizes: Floats | None = None, atom: float | None = None) -> "Sums":
        """Return units; those that are alike are held once.

        Args:
            values: sums, [units].
            sizes: numbers of rows, [units]; None: one each.
            atom: rows of the unit that was not drawn; None: the mean size of a random row's unit, Σm² / Σm.
        """
        if sizes is None:
            values = _on_grid(values)
            distinct, counts = np.unique(values, return_counts=True)
            return cls(distinct, np.ones(distinct.size), counts.astype(np.float64), 1.0 if atom is None else atom)
        pairs, counts = np.unique(np.column_stack([values, sizes]), axis=0, return_counts=True)
        biased = float(np.square(sizes).sum() / sizes.sum()) if sizes.size else 1.0
        kept = np.ascontiguousarray(pairs.T)
        return cls(kept[0], kept[1], counts.astype(np.float64), biased if atom is None else atom)

    @property
    def mean(self) -> float:
        """The mean over rows; NaN without any."""
        rows = float(self.counts @ self.sizes)
        return float(self.counts @ self.values) / rows if rows else math.nan

    @property
    def mirrored(self) -> "Sums":
        """The same with the signs of all values turned."""
        return Sums(-self.values, self.sizes, self.counts, self.atom)

    @property
    def effective(self) -> float:
        """How many units of one size they are worth, n² / Σm²: a large one among small ones hides the others."""
        return float((self.counts @ self.sizes) ** 2 / (self.counts @ np.square(self.sizes)))


def p_at_most(sums: Sums, limit: float, worst: float) -> float:
    """Return the one-sided p of "the mean is at most ``limit``": small where it is shown to be above.

    Args:
        sums: the units.
        limit: the mean in question.
        worst: the lowest value that a row can have.

    >>> losses = Sums.of(np.array([-1.0, *[0.0] * 99]))
    >>> round(p_at_most(losses, -0.05, worst=-1.0), 3)  # as of Clopper–Pearson
    0.037
    """
    if not sums.values.size or limit <= worst:
        return 1.0 if not sums.values.size else 0.0
    units = sums.values - limit * sums.sizes
    return _below_zero(np.append(units, (worst - limit) * sums.atom), np.append(sums.counts, 1.0))


def lower_bound(sums: Sums, alpha: float, worst: float) -> float:
    """Return what the mean is not below, with a chance of ``alpha`` of being wrong; ``worst`` without units.

    >>> round(lower_bound(Sums.of(np.array([0.0] * 149)), 0.05, worst=-1.0), 4)
    -0.0199
    """
    return lowest(lambda limit: p_at_most(sums, limit, worst), alpha, worst, sums.mean)


def upper_bound(sums: Sums, alpha: float, best: float) -> float:
    """Return what the mean is not above, with a chance of ``alpha`` of being wrong."""
    return -lower_bound(sums.mirrored, alpha, -best)


def lowest(p: Callable[[float], float], alpha: float, worst: float, mean: float) -> float:
    """Return the mean that a test of growing p just does not reject, between the worst value and the observed mean."""
    if not worst < mean:
        return worst
    wanted = float(ndtri(alpha))
    low, high = worst, mean
    # On the scale of normal deviates p grows nearly in a straight line, so that a chord finds the place in a few steps;
    # every third step halves, which keeps a crooked one from creeping.
    below, above = -_FAR, _deviate(p(high)) - wanted
    if above <= 0:
        return mean
    for step in range(_STEPS):
        share = -below / (above - below) if step % 3 < 2 and below > -_FAR else 0.5
        middle = low + (high - low) * min(max(share, 1e-3), 1 - 1e-3)
        off = _deviate(p(middle)) - wanted
        low, below, high, above = (middle, off, high, above) if off <= 0 else (low, below, middle, off)
        if high - low <= _CLOSE * (mean - worst) or -_EXACT <= off <= 0:
            break
    return low


def _deviate(p: float) -> float:
    return float(np.clip(ndtri(p), -_FAR, _FAR))


def _on_grid(values: Floats) -> Floats:
    if values.size <= _GRID:
        return values
    step = float(np.ptp(values)) / _GRID
    return np.round(values / step) * step if step else values


def units_for(margin: float, alpha: float = 0.05) -> int | None:
    """Return how many independent units it takes at least to show a drop smaller than ``margin`` of the whole range.

    So many units without one loss still leave room for a share of 1 − α^(1/n) that is lost altogether; with fewer
    nobody can know. None where the margin leaves nothing to show.

    >>> units_for(0.02), units_for(0.05)
    (149, 59)
    """
    if not 1e-12 < margin < 1:
        return 1 if margin >= 1 else None
    return math.ceil(math.log(alpha) / math.log1p(-margin) - 1e-9)


def _below_zero(values: Floats, counts: Floats) -> float:
    """Return P(Σ Eᵢ valueᵢ ≤ 0) for independent Exp(1) variables E, ``counts`` of each value, by saddlepoint."""
    least, most = float(values.min()), float(values.max())
    if most <= 0:
        return 1.0
    if least >= 0:
        return 0.0
    scaled = values / max(-least, most)
    low, high = 1 / float(scaled.min()) * (1 - 1e-12), 1 / float(scaled.max()) * (1 - 1e-12)
    point = 0.0
    for _ in range(_NEWTON):
        ratios = scaled / (1 - point * scaled)
        slope, bend = float(counts @ ratios), float(counts @ np.square(ratios))
        low, high = (point, high) if slope < 0 else (low, point)
        step = point - slope / bend
        step = step if low < step < high else (low + high) / 2
        moved, point = abs(step - point), step
        if moved <= 1e-12:
            break
    ratios = scaled / (1 - point * scaled)
    bend = float(counts @ np.square(ratios))
    cumulant = -float(counts @ np.log1p(-point * scaled))
    root = math.copysign(math.sqrt(max(0.0, -2 * cumulant)), point)
    if abs(root) < _NEAR:
        third = 2 * float(counts @ ratios**3)
        return float(np.clip(0.5 + third / (6 * math.sqrt(2 * math.pi) * bend**1.5), 0, 1))
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return float(np.clip(ndtr(root) + density * (1 / root - 1 / (point * math.sqrt(bend))), 0, 1))
