"""The interval of a plain mean."""

import math
from typing import Final

import numpy as np

from harness.estimate.coded import Index
from harness.estimate.forms import Floats
from harness.estimate.statistic import Bounds

Interval = tuple[float, float, str]
"""Both ends, and how they were made."""

MIN_UNBOUNDED: Final = 10
"""With fewer independent units a mean of values without bounds has no interval that holds."""
UNSKEWED: Final = 100
"""With fewer rows a long tail may not have been drawn: the interval of such a mean says so."""
_FAR: Final = 700.0
NONE: Final[Interval] = (float("nan"), float("nan"), "none")


def no_interval(why: str) -> Interval:
    """Return no interval, with the reason as its method."""
    return *NONE[:2], f"none ({why})"


def mean_of(values: Floats) -> float:
    """Return the mean; sorted first, so that it does not depend on the order of rows."""
    return float(np.sort(values).mean()) if len(values) else float("nan")


def mean_interval_of(
    values: Floats, units: Index | None, bounds: Bounds, *, binary: bool, confidence: float = 0.95
) -> Interval:
    """Return the interval of a mean.

    Wilson's for independent 0s and 1s. For other values within bounds Gaffke's, which allows for a value at the bound,
    or a cluster of them, that was not drawn. Where values have no bounds, Student's t from ten independent units on,
    on the log scale where they are positive; with fewer, and without any spread, there is none.

    Args:
        values: what the rows are worth, [n]; with an infinite one there is no interval.
        units: the unit of each row, [n]; None where all are independent.
        bounds: of the values.
        binary: whether the values are declared to be 0 or 1.
        confidence: two-sided, in (0, 1).
    """
    from harness.stats.intervals import mean_interval, wilson

    n = len(values)
    if not n or not np.isfinite(values).all():
        return NONE
    value = mean_of(values)
    independent = units is None or all_differ(units)
    if binary and independent and np.isin(values, (0.0, 1.0)).all():
        low, high = (float(end) for end in wilson(value * n, n, confidence))
        return low, high, "wilson"
    least, most = bounds
    if least is not None and most is not None:
        return bounded_interval(values, None if independent else units, (least, most), confidence)
    low, high = mean_interval(values, None if independent else units, confidence)
    if (n if units is None else len(distinct(units))) < MIN_UNBOUNDED:
        return no_interval(f"n below {MIN_UNBOUNDED}")
    if not high > low:
        return no_interval("no spread in the sample")
    name = "t" if independent else "clustered t"
    if least != 0 or value <= 0:
        return *clipped(low, high, bounds), name
    # A long tail lies on one side: on the log scale the interval reaches further into it.
    factor = math.exp(min((high - value) / value, _FAR))
    return value / factor, value * factor, f"{name}, log scale" + ("; n below 100" if n < UNSKEWED else "")


def bounded_interval(values: Floats, units: Index | None, bounds: tuple[float, float], confidence: float) -> Interval:
    """Return Gaffke's interval of a mean of values within bounds; none for a single cluster.

    Args:
        values: finite, [n].
        units: the cluster of each row, [n]; None where all are independent.
        bounds: of the values.
        confidence: two-sided, in (0, 1).
    """
    from harness.stats.gaffke import lower_bound, upper_bound
    from harness.stats.rare import clustered

    tail = (1 - confidence) / 2
    index = np.arange(len(values)) if units is None else np.unique(units, return_inverse=True)[1]
    if units is not None and int(index.max()) == 0:
        return no_interval("one independent unit")
    least, most = bounds
    below, above = (clustered(values, index, at_low, bounds) for at_low in (True, False))
    method = "Gaffke" if units is None else "Gaffke over clusters"
    return max(least, lower_bound(below, tail, least)), min(most, upper_bound(above, tail, most)), method


def weighted_mean_of(values: Floats, weights: Floats) -> float:
    """Return Hájek's mean of rows [n] that weigh one over their chances, [n]."""
    order = np.lexsort((weights, values))
    return float((values * weights)[order].sum() / weights[order].sum()) if len(values) else float("nan")


def weighted_mean_interval_of(
    values: Floats, weights: Floats, units: Index, bounds: Bounds, confidence: float = 0.95, *, gap: bool = False
) -> Interval:
    """Return the interval of the mean of rows that were drawn with unequal chances.

    Gaffke's over units as heavy as they weigh where values have bounds; Student's t elsewhere (on the log scale where
    values are positive), and for differences (``gap``) the more careful of the two.

    Args:
        values: what the rows are worth, [n].
        weights: one over their chances, [n], not all the same.
        units: the unit of each row, [n].
        bounds: of the values.
        confidence: two-sided, in (0, 1).
        gap: whether they are differences of paired columns.
    """
    from harness.stats.gaffke import lower_bound, upper_bound
    from harness.stats.jackknife import scaled_t
    from harness.stats.weighted import Weighted, weighted_t

    if not len(values) or not np.isfinite(values).all():
        return NONE
    rows = Weighted.of(values, weights, units)
    if len(rows.sums) < 2:
        return no_interval("one independent unit")
    least, most = bounds
    if gap:
        span = None if most is None else max(most, float(np.abs(values).max()))
        found = weighted_t(values, weights, units, confidence, span=span)
        return *clipped(found.low, found.high, bounds), found.method
    if least is not None and most is not None:
        tail, sums = (1 - confidence) / 2, rows.units
        ends = lower_bound(sums, tail, least), upper_bound(sums, tail, most)
        return *clipped(*ends, bounds), "Gaffke, weighted"
    if rows.effective < MIN_UNBOUNDED:
        return no_interval(f"n below {MIN_UNBOUNDED}")
    if not rows.error > 0:
        return no_interval("no spread in the sample")
    scale = (least if least is not None and rows.mean > least else None, None)
    low, high = scaled_t(rows.mean, rows.error, rows.df, scale, confidence)
    return *clipped(low, high, bounds), "weighted t" + (", log scale" if scale[0] is not None else "")


def gap_interval_of(values: Floats, units: Index, bounds: Bounds, confidence: float = 0.95) -> Interval:
    """Return the interval of a mean of paired differences, [n], of rows of one run."""
    from harness.stats.paired import paired_t

    if not len(values):
        return NONE
    span = None if bounds[1] is None else max(bounds[1], float(np.abs(values).max()))
    found = paired_t(values, units, confidence, span=span)
    return *clipped(found.low, found.high, bounds), found.method


def clipped(low: float, high: float, bounds: Bounds) -> tuple[float, float]:
    """Return an interval within the bounds."""
    least, most = bounds
    return (low if least is None else max(low, least)), (high if most is None else min(high, most))


def within(value: float, bounds: Bounds) -> float:
    """Return the value within the bounds that is nearest to another; NaN stays.

    >>> within(1.03, (0.0, 1.0)), within(-2.0, (None, 1.0))
    (1.0, -2.0)
    """
    low, high = clipped(value, value, bounds)
    return low if value < low else high


def distinct(values: Index) -> Index:
    """Return each value once, rising: ``numpy.unique`` hashes first, which takes several times as long for a million.

    >>> distinct(np.array([3, 1, 3]))
    array([1, 3])
    """
    ordered = np.sort(values)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def all_differ(values: Index) -> bool:
    """Return whether no two are the same; sorting a copy takes a third of the memory of ``numpy.unique``."""
    ordered = np.sort(values)
    return not bool((ordered[1:] == ordered[:-1]).any())
