"""The interval of a plain mean."""

from typing import Final

import numpy as np

from harness.estimate.forms import Floats
from harness.estimate.rows import Index
from harness.estimate.statistic import SHARE, Bounds

Interval = tuple[float, float, str]
"""Both ends, and how they were made."""

NONE: Final[Interval] = (float("nan"), float("nan"), "none")


def mean_of(values: Floats) -> float:
    """Return the mean; sorted first, so that it does not depend on the order of rows."""
    return float(np.sort(values).mean()) if len(values) else float("nan")


def mean_interval_of(
    values: Floats, units: Index | None, bounds: Bounds, *, binary: bool, confidence: float = 0.95
) -> Interval:
    """Return Wilson's interval for independent 0s and 1s, else Student's t, clustered where units have several rows.

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
    low, high = mean_interval(values, None if independent else units, confidence)
    method = "t" if independent else "clustered t"
    if bounds == SHARE and (np.isnan(low) or low == high):
        # Rows that share a unit say the same thing again: without any spread only units count.
        count = n if units is None else len(np.unique(units))
        low, high = (float(end) for end in wilson(value * count, count, confidence))
        method = "wilson (no spread in the sample)"
    return *clipped(low, high, bounds), method


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


def all_differ(values: Index) -> bool:
    """Return whether no two are the same; sorting a copy takes a third of the memory of ``numpy.unique``."""
    ordered = np.sort(values)
    return not bool((ordered[1:] == ordered[:-1]).any())
