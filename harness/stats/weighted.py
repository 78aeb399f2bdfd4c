"""Means and differences of rows that were drawn with unequal chances: each row weighs one over its chance.

The estimate is Hájek's, Σ w d / Σ w. Its squared standard error is G / (G − 1) · Σ (Σ of a cluster's w (d − mean))² /
(Σ w)², over the clusters that were drawn: that of a draw with replacement, which holds what the draw left out and what
the population itself is a sample of, so that with equal weights it is the ordinary one. Few rows that differ make that
error uncertain, and its degrees of freedom are those of its own fourth moment. Rows that were never drawn may be the
ones that are lost: the ends are Gaffke's where those are more careful, with an undrawn unit as heavy as the heaviest.

Source:
    Hájek 1971; Särndal, Swensson and Wretman 1992, chapter 5; Satterthwaite 1946 for the degrees of freedom;
    Gaffke 2005 (:mod:`harness.stats.gaffke`).
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._door import ROUNDING, Floats, at_least, inside, labels, same_length, vector
from harness.stats.gaffke import Sums, lower_bound, p_at_most, upper_bound
from harness.stats.paired import paired_t, student
from harness.stats.results import Comparison, checked_span, nothing

METHOD: Final = "weighted t"


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Rows by unit, with what their mean rests on."""

    sums: Floats
    """Σ w d of each unit, [units]."""
    sizes: Floats
    """Σ w of each unit, [units]."""

    @classmethod
    def of(cls, values: Floats, weights: Floats, clusters: ArrayLike | None) -> "Weighted":
        """Add the rows up."""
        index, groups = labels("clusters", clusters, values.size)
        sums, sizes = (np.bincount(index, one, groups) for one in (weights * values, weights))
        return cls(sums.astype(np.float64), sizes.astype(np.float64))

    @property
    def mean(self) -> float:
        """Hájek's mean."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def effective(self) -> float:
        """How many units of one weight they are worth (Kish)."""
        return float(self.sizes.sum() ** 2 / np.square(self.sizes).sum())

    @property
    def residuals(self) -> Floats:
        """Of each unit, [units]; they add up to 0."""
        return self.sums - self.mean * self.sizes

    @property
    def error(self) -> float:
        """The standard error of the mean; 0 without spread."""
        groups, left = self.sums.size, self.residuals
        found = math.sqrt(groups / max(groups - 1, 1) * float(left @ left)) / float(self.sizes.sum())
        scale = float(np.abs(self.sums / self.sizes).max(initial=0.0))
        return 0.0 if found <= ROUNDING * max(scale, ROUNDING) else found

    @property
    def df(self) -> int:
        """Degrees of freedom of the error, 1 or more: as many as units, their worth and their fourth moment allow."""
        left = np.square(self.residuals)
        groups, total = left.size, float(left.sum())
        peaked = groups * float(np.square(left).sum()) / total**2 if total > 0 else 3.0
        moment = 2 * groups / (peaked - 1) if peaked > 1 else math.inf
        return max(1, math.floor(min(groups - 1, self.effective - 1, moment)))

    @property
    def units(self) -> Sums:
        """For Gaffke's bound: one more unit, as heavy as the heaviest."""
        return Sums.of(self.sums, self.sizes, float(self.sizes.max(initial=1.0)))


def alike(weights: Floats) -> bool:
    """Return whether all weights are the same, so that they say nothing."""
    return not weights.size or float(np.ptp(weights)) <= ROUNDING * float(weights.max())


def weighted_t(
    differences: ArrayLike,
    weights: ArrayLike,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    margin: float = 0.0,
    span: float | None = None,
) -> Comparison:
    """Return the test of a mean difference over rows that were drawn with unequal chances.

    With equal weights it is :func:`harness.stats.paired.paired_t`.

    Args:
        differences: candidate − baseline, above zero is better, [n], finite.
        weights: one over each row's chance, above 0, [n].
        clusters: a label for each row, [n]; whole clusters were drawn, so that their rows have one weight.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.
        span: the largest possible absolute difference; without it what was not drawn cannot be allowed for.

    Raises:
        ValueError: if an argument is not as described.

    >>> found = weighted_t([0.0, 0.0, -1.0, 1.0] * 20, [4.0, 4.0, 1.0, 1.0] * 20, span=1.0)
    >>> round(found.estimate, 3), round(found.low, 3), found.method
    (0.0, -0.096, 'weighted t, Gaffke')
    """
    d, w = vector("differences", differences), vector("weights", weights)
    same_length(differences=d, weights=w)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    if w.size and w.min() <= 0:
        raise ValueError("weights: must be above 0")
    if alike(w):
        return paired_t(d, clusters, confidence, margin, span)
    rows = Weighted.of(d, w, clusters)
    if rows.sums.size < 2:
        return replace(nothing(METHOD, confidence, margin), n=d.size, estimate=rows.mean, clusters=rows.sums.size)
    limit = checked_span(span, float(np.abs(d).max()))
    error = rows.error
    if error > 0:
        found = student(rows.mean, error, rows.df, d.size, METHOD, confidence, margin)
        found = replace(found, clusters=rows.sums.size, effective=rows.effective, warnings=())
    elif limit is None:
        return replace(nothing(METHOD, confidence, margin), n=d.size, estimate=rows.mean, clusters=rows.sums.size)
    else:
        same = rows.mean
        found = Comparison(
            same, same, same, same, same, 0.0, 0.0, 0.0, 0.0, d.size, METHOD, confidence, margin,
            standard_error=0.0, df=rows.df, clusters=rows.sums.size, effective=rows.effective,
        )  # fmt: skip
    return found if limit is None else _careful(found, rows.units, limit)


def _careful(found: Comparison, sums: Sums, span: float) -> Comparison:
    """Return a comparison whose ends and p-values are Gaffke's where those are more careful."""
    tail = 1 - found.confidence
    less = max(found.p_less, p_at_most(sums.mirrored, 0.0, -span))
    greater = max(found.p_greater, p_at_most(sums, 0.0, -span))
    return replace(
        found,
        low=min(found.low, lower_bound(sums, tail / 2, -span)),
        high=max(found.high, upper_bound(sums, tail / 2, span)),
        lower_bound=min(found.lower_bound, lower_bound(sums, tail, -span)),
        upper_bound=max(found.upper_bound, upper_bound(sums, tail, span)),
        p_less=less,
        p_greater=greater,
        p_value=min(1.0, max(2 * min(less, greater), found.p_value)),
        p_noninferior=max(found.p_noninferior, p_at_most(sums, -found.margin, -span)),
        span=span,
        method=f"{found.method}, Gaffke",
    )
