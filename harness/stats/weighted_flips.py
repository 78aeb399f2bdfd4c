"""Flips among samples that were drawn with unequal chances: Tango's score interval, with weights.

Tango's test asks of each drop δ whether the shares of lost and gained samples that are likeliest under it would leave
what was seen this far from δ by chance. Here a share's variance is that of weighted rows: what was seen weighs what it
weighed, and what δ adds to it, because it was not drawn, as much as the heaviest row. With equal weights it is Tango's
interval; without any flip it reaches z² times the heaviest row's weight to either side.

Source:
    Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design"; the weights are of this project, and their coverage is simulated (docs/active.md).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from harness.stats._door import Floats, at_least, inside, same_length, vector
from harness.stats.results import Comparison
from harness.stats.weighted import Weighted, weighted_t

METHOD: Final = "weighted Tango"
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class _Side:
    """The rows that went one way."""

    share: float
    """Of all weight."""
    each: float
    """What one of its rows weighs, as a share of all, the heavier ones counted oftener."""

    @classmethod
    def of(cls, weights: Floats, whole: float, heaviest: float) -> "_Side":
        total = float(weights.sum())
        return cls(total / whole, float(np.square(weights).sum()) / total / whole if total else heaviest)

    def spread(self, share: float, heaviest: float) -> float:
        """Return Σ w² under another share: what it has more than was seen is as heavy as the heaviest."""
        return min(share, self.share) * self.each + max(0.0, share - self.share) * heaviest


@dataclass(frozen=True, slots=True)
class _Flips:
    lost: _Side
    gained: _Side
    same: _Side
    heaviest: float

    @classmethod
    def of(cls, d: Floats, w: Floats) -> "_Flips":
        whole = float(w.sum())
        heaviest = float(w.max()) / whole
        lost, gained, same = (_Side.of(np.sort(w[d == value]), whole, heaviest) for value in (-1.0, 1.0, 0.0))
        return cls(lost, gained, same, heaviest)

    @property
    def difference(self) -> float:
        return self.gained.share - self.lost.share

    def score(self, delta: float) -> float:
        """Return how many standard errors, as they would be under ``delta``, what was seen lies above it."""
        lost, gained = self.lost.share, self.gained.share
        linear = (2 - gained + lost) * delta - gained - lost
        rest = math.sqrt(max(0.0, linear * linear + 8 * lost * delta * (1 - delta)))
        losing = max(0.0, -delta, (rest - linear) / 4)
        winning = losing + delta
        variance = (
            self.lost.spread(losing, self.heaviest) * (1 + delta) ** 2
            + self.gained.spread(winning, self.heaviest) * (1 - delta) ** 2
            + max(0.0, 1 - losing - winning) * self.same.each * delta**2
        )
        distance = self.difference - delta
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    def ends(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval."""
        z = float(ndtri(0.5 + confidence / 2))
        low = _crossing(lambda delta: self.score(delta) - z, -1.0, self.difference)
        high = _crossing(lambda delta: self.score(delta) + z, self.difference, 1.0)
        return low, high


def weighted_flips(
    differences: ArrayLike, weights: ArrayLike, confidence: float = 0.95, margin: float = 0.0
) -> Comparison:
    """Return the test of a difference of shares over independent rows that were drawn with unequal chances.

    P-values of a difference are the larger ones of the score test and of the weighted t, whose degrees of freedom know
    how few flips there are.

    Args:
        differences: −1 where a sample was lost, 1 where it was gained, else 0, [n].
        weights: one over each row's chance, above 0 and not all the same, [n].
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.

    Raises:
        ValueError: if an argument is not as described.

    >>> found = weighted_flips([0.0, 0.0, -1.0, 1.0] * 20, [4.0, 4.0, 1.0, 1.0] * 20)
    >>> round(found.estimate, 3), round(found.low, 3), found.method
    (0.0, -0.085, 'weighted Tango')
    """
    d, w = vector("differences", differences), vector("weights", weights)
    same_length(differences=d, weights=w)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    if not np.isin(d, (-1.0, 0.0, 1.0)).all():
        raise ValueError("differences: must be -1, 0 or 1")
    if d.size < 2:
        return replace(weighted_t(d, w, None, confidence, margin), method=METHOD)
    flips, rows = _Flips.of(d, w), Weighted.of(d, w, None)
    told = weighted_t(d, w, None, confidence, margin) if rows.error > 0 else None
    z = flips.score(0.0)
    less, greater = float(ndtr(z)), float(ndtr(-z))
    if told is not None:
        less, greater = max(less, told.p_less), max(greater, told.p_greater)
    low, high = flips.ends(confidence)
    lower, upper = flips.ends(2 * confidence - 1) if confidence > 0.5 else (math.nan, math.nan)
    return Comparison(
        flips.difference, low, high, lower, upper,
        p_value=min(1.0, 2 * min(less, greater)),
        p_less=less,
        p_greater=greater,
        p_noninferior=float(ndtr(-flips.score(-margin))),
        n=d.size,
        method=METHOD,
        confidence=confidence,
        margin=margin,
        standard_error=rows.error,
        clusters=d.size,
        effective=rows.effective,
    )  # fmt: skip


def _crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, by bisection."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2
