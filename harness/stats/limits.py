"""How bootstrap draws become limits and p-values: percentile, or bias-corrected and accelerated (BCa)."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.stats._door import ROUNDING, Floats, tied
from harness.stats.draws import Units
from harness.stats.jackknife import NONE
from harness.stats.results import Comparison, without_spread


def acceleration_of(without: Floats, units: Units) -> float:
    """Return Efron's a from jackknife values [units], centred within strata."""
    parts = []
    for part in units.strata:
        values = without[part][np.isfinite(without[part])]
        if values.size > 1:
            parts.append((values.mean() - values) * (values.size - 1) / values.size)
    influence = np.concatenate(parts) if parts else np.zeros(0)
    scale = float(np.square(influence).sum())
    power = scale**1.5  # of spreads as small as 1e-133 it is 0
    return float((influence**3).sum()) / (6 * power) if power > 0 else 0.0


def summarise(
    estimate: float,
    draws: Floats,
    acceleration: float | None,
    units: Units,
    confidence: float,
    margin: float,
    span: float | None,
    student: tuple[float, float] = NONE,
) -> Comparison:
    """Return the comparison that draws [B] make: percentile without ``acceleration``, else BCa.

    Where all draws lie on one side of the estimate there is no bias to correct, and BCa falls back to percentile.
    ``student``, a standard error and its degrees of freedom (:func:`~harness.stats.jackknife.standard_error`), adds
    Student's t: what is claimed is what both allow. Of a ratio with few events in its denominator BCa alone sees a
    change where there is none in 13 % of runs at 5 %, and in 2.7 % at 0.2 %, where a correction for many tests reads
    it; t alone is the bolder where single units weigh much.
    """
    finite = np.sort(tied(draws[np.isfinite(draws)], -margin, 0.0, estimate))
    n = units.of_row.size
    if units.independent < 2 or 2 * finite.size < draws.size or math.isnan(estimate):
        return _no_interval(estimate, units, finite.size, draws.size, confidence, margin)
    if finite[-1] - finite[0] <= ROUNDING * max(1e-300, float(np.abs(finite).max())):
        return without_spread(estimate, n, units.independent, "bootstrap", confidence, margin, span)
    shape = Shape.of(finite, estimate, acceleration)
    tail = 1 - confidence
    low, high, lower, upper = np.quantile(finite, shape.levels(np.array([tail / 2, 1 - tail / 2, tail, confidence])))
    less, greater = shape.p_below(finite, 0.0), shape.p_above(finite, 0.0)
    lost = draws.size - finite.size
    found = Comparison(
        estimate,
        float(low),
        float(high),
        float(lower),
        float(upper),
        p_value=min(1.0, 2 * min(less, greater)),
        p_less=less,
        p_greater=greater,
        p_noninferior=shape.p_above(finite, -margin),
        n=n,
        method=shape.method,
        confidence=confidence,
        margin=margin,
        standard_error=float(finite.std(ddof=1)),
        clusters=units.count,
        resamples=finite.size,
        warnings=(f"{lost} of {draws.size} resamples had no value and are left out",) if lost else (),
    )
    found = _as_both(found, *student)
    if span is None:
        return found
    # No draw holds the unit that was not seen: the lower ends are at most what they were if all units agreed.
    agreed = without_spread(estimate, n, units.independent, found.method, confidence, margin, span)
    return replace(
        found,
        low=min(found.low, agreed.low),
        lower_bound=min(found.lower_bound, agreed.lower_bound),
        p_noninferior=max(found.p_noninferior, agreed.p_noninferior),
        span=span,
        effective=float(units.independent),
    )


def _as_both(found: Comparison, error: float, freedom: float) -> Comparison:
    """Return the wider limits and the larger p-values of a comparison and of Student's t."""
    if math.isnan(error):
        return found
    reach, one = (float(stdtrit(freedom, level)) * error for level in (0.5 + found.confidence / 2, found.confidence))
    estimate = found.estimate
    below = float(stdtr(freedom, estimate / error))
    return replace(
        found,
        low=min(found.low, estimate - reach),
        high=max(found.high, estimate + reach),
        lower_bound=min(found.lower_bound, estimate - one),
        upper_bound=max(found.upper_bound, estimate + one),
        p_value=max(found.p_value, 2 * min(below, 1 - below)),
        p_less=max(found.p_less, below),
        p_greater=max(found.p_greater, 1 - below),
        p_noninferior=max(found.p_noninferior, 1 - float(stdtr(freedom, (estimate + found.margin) / error))),
        method=f"{found.method}, jackknife t",
    )


def _no_interval(
    estimate: float, units: Units, usable: int, resamples: int, confidence: float, margin: float
) -> Comparison:
    why = (
        "a stratum of one unit shows no spread: there is no interval"
        if units.independent < 2
        else f"only {usable} of {resamples} resamples had a value: there is no interval"
    )
    nan = math.nan
    return Comparison(
        estimate,
        nan,
        nan,
        nan,
        nan,
        nan,
        nan,
        nan,
        nan,
        units.of_row.size,
        "bootstrap",
        confidence,
        margin,
        clusters=units.count,
        resamples=usable,
        warnings=(why,),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """How quantiles of the draws become limits: as they are (percentile), or shifted (BCa)."""

    bias: float
    acceleration: float
    method: str

    @classmethod
    def of(cls, draws: Floats, estimate: float, acceleration: float | None) -> "Shape":
        below = (np.count_nonzero(draws < estimate) + np.count_nonzero(draws <= estimate)) / (2 * draws.size)
        if acceleration is None or not 0 < below < 1:
            return cls(0.0, 0.0, "bootstrap percentile")
        return cls(float(ndtri(below)), acceleration, "bootstrap BCa")

    def levels(self, tails: Floats) -> Floats:
        """Return which quantiles of the draws are the one-sided limits at ``tails``."""
        shifted = self.bias + ndtri(tails)
        return np.asarray(ndtr(self.bias + shifted / (1 - self.acceleration * shifted)), np.float64)

    def p_below(self, draws: Floats, value: float) -> float:
        """Return the one-sided p for "the truth is below value": where the upper limit just reaches it."""
        at_or_above = (1 + draws.size - int(np.searchsorted(draws, value, side="left"))) / (draws.size + 1)
        return max(1 / (draws.size + 1), 1 - self._tail(1 - at_or_above))

    def p_above(self, draws: Floats, value: float) -> float:
        """Return the one-sided p for "the truth is above value": where the lower limit just reaches it."""
        at_or_below = (1 + int(np.searchsorted(draws, value, side="right"))) / (draws.size + 1)
        return max(1 / (draws.size + 1), self._tail(at_or_below))

    def _tail(self, level: float) -> float:
        """Invert :meth:`levels` at one level."""
        if not 0 < level < 1:
            return level
        shifted = float(ndtri(level)) - self.bias
        scale = 1 + self.acceleration * shifted
        if scale <= 0:
            return 0.0 if shifted < 0 else 1.0
        return float(ndtr(shifted / scale - self.bias))
