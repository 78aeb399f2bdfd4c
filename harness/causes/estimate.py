"""The mean of what was asked of a part: whole strata and drawn ones, weighted by how likely they were to be drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from harness.comparison.columns import Floats
from harness.stats.paired import paired_t


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its two-sided interval."""

    value: float
    low: float
    high: float

    def apart(self, other: "Interval") -> bool:
        """Return whether the two intervals share no value."""
        return self.low > other.high or self.high < other.low

    @property
    def nothing(self) -> bool:
        """Whether no change at all is among what it holds, or it is not known."""
        return not (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Some units that were asked of one stratum."""

    values: Floats
    """Of each unit that was asked, over all its rows, [asked]; NaN where it has none."""
    total: int
    """Units of the stratum."""
    still: bool = False
    """Whether its units count as zero, by definition."""


def stratified(strata: Sequence[Stratum], rows: float, span: float, confidence: float = 0.95) -> Interval:
    r"""Return the mean over all rows, estimated from the units that were asked, with an interval.

    The value is Horvitz and Thompson's: each unit counts for as many as its stratum has for each that was drawn. The
    interval is of the population that the samples come from. Each stratum has the paired t interval of
    :func:`harness.stats.paired.paired_t`, which leaves room for units that were not drawn; they are put together, with
    the chance of how many units fell into each stratum, by squares of their distances from the value.

    Args:
        strata: what was asked; a stratum of which nothing was may be anything within ``span``.
        rows: of all units.
        span: how far one unit's value can lie from zero.
        confidence: of the interval.

    Source:
        Horvitz and Thompson 1952 for the value; Zou and Donner 2008 for the square and add of limits ("MOVER").

    >>> lost = Stratum(np.array([-1.0] * 20), 20)
    >>> same = Stratum(np.array([0.0] * 60), 180)
    >>> found = stratified([lost, same], 200, 1.0)
    >>> found.value, round(found.low, 2), round(found.high, 2)
    (-0.1, -0.17, -0.02)
    """
    known = [one for one in strata if one.total]
    units = sum(one.total for one in known)
    if not units:
        return Interval(math.nan, math.nan, math.nan)
    scale = units / rows
    shares, means, below, above = [], [], 0.0, 0.0
    for one in known:
        values = one.values[~np.isnan(one.values)]
        share, mean = one.total / units, float(values.mean()) if len(values) else 0.0
        if one.still:
            mean = low = high = 0.0
        else:
            low, high = _limits(values, span, confidence)
        shares.append(share)
        means.append(mean)
        below += (share * (mean - low)) ** 2
        above += (share * (high - mean)) ** 2
    weights, centres = np.array(shares), np.array(means)
    value = float(weights @ centres)
    between = float(weights @ (centres - value) ** 2) / units
    reach = float(student.ppf(0.5 + confidence / 2, max(units - 1, 1))) ** 2 * between
    return Interval(
        scale * value, scale * (value - math.sqrt(below + reach)), scale * (value + math.sqrt(above + reach))
    )


def _limits(values: Floats, span: float, confidence: float) -> tuple[float, float]:
    """Return the ends of the mean of one stratum's units, both as careful as the lower one of a comparison."""
    if len(values) < 2:
        return -span, span
    reach = max(span, float(np.abs(values).max()))
    low = paired_t(values, confidence=confidence, span=reach).low
    high = -paired_t(-values, confidence=confidence, span=reach).low
    return (-reach, reach) if math.isnan(low) or math.isnan(high) else (max(low, -reach), min(high, reach))
