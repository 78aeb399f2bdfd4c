"""Whether a stretch of commits drifts, judged so that noise that lingers from commit to commit is no drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_MOST: Final = 0.97
"""The correlation of neighbours beyond which a drift and lingering noise cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through a series."""

    start: float
    """At the first point."""
    end: float
    """At the last."""
    p: float
    """Two-sided, against a slope of 0."""


def trend(values: Sequence[float]) -> Trend:
    """Return the linear trend of a series whose noise may be autocorrelated (AR(1)).

    The correlation r of neighbours is that of the residuals around the least-squares line, its bias of −(2 + 4r) / n
    taken out. What each point owes to the one before it is subtracted from both sides of the regression, and its slope
    has as many degrees of freedom as the n points are worth if they were independent: n (1 − r) / (1 + r), less 2.
    Kendall's test, which takes them for independent, calls every third series of r = 0.8 a drift at p < 0.01.

    Args:
        values: [n], at least 10, not all the same.

    Source:
        Prais and Winsten 1954; Marriott and Pope 1954 for the bias; Bayley and Hammersley 1946 for the number.

    >>> found = trend([1.0, 1.2, 0.9, 1.1, 1.3, 1.2, 1.5, 1.3, 1.6, 1.5, 1.8, 1.6])
    >>> round(found.start, 2), round(found.end, 2), found.p < 0.01
    (0.95, 1.7, True)
    """
    from scipy.special import stdtr

    y = np.asarray(values, np.float64)
    n = y.size
    line = np.stack([np.ones(n), np.arange(n) - (n - 1) / 2], axis=1)
    (_, plain), *_ = np.linalg.lstsq(line, y, rcond=None)
    rest = y - y.mean() - plain * line[:, 1]
    if np.ptp(rest) <= 1e-9 * np.ptp(y):
        return Trend(float(y[0]), float(y[-1]), 0.0)
    seen = float(rest[1:] @ rest[:-1] / (rest @ rest))
    r = min(max((n * seen + 2) / (n - 4), 0.0), _MOST)
    own, lines = y[1:] - r * y[:-1], line[1:] - r * line[:-1]
    (middle, slope), *_ = np.linalg.lstsq(lines, own, rcond=None)
    left = own - lines @ (middle, slope)
    error = np.sqrt(left @ left / (n - 3) * np.linalg.inv(lines.T @ lines)[1, 1])
    worth = max(n * (1 - r) / (1 + r) - 2, 2.0)
    half = slope * (n - 1) / 2
    return Trend(float(middle - half), float(middle + half), float(2 * stdtr(worth, -abs(slope / error))))
