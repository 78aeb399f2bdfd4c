"""Confidence intervals for one run: shares (Wilson), means (t, clustered), draws (percentiles)."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wilson(successes: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of a share, elementwise.

    Args:
        successes: counts, 0 ≤ successes ≤ n; need not be whole (a mean of values in [0, 1] times n).
        n: numbers of trials.
        confidence: two-sided coverage, in (0, 1).

    Returns:
        ``(low, high)`` in [0, 1], broadcast; NaN where n = 0.

    Source:
        Wilson 1927; Brown, Cai, DasGupta 2001 for why not Wald.

    >>> low, high = wilson(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    k, m = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    # Not SciPy's: a run of right and wrong answers needs nothing else of it, and is spared 16 MiB.
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / m
        center = (p + z * z / (2 * m)) / (1 + z * z / m)
        half = z * np.sqrt(p * (1 - p) / m + z * z / (4 * m * m)) / (1 + z * z / m)
    low = np.where(k == 0, 0.0, np.clip(center - half, 0, 1))
    high = np.where(k == m, 1.0, np.clip(center + half, 0, 1))
    empty = m == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def mean_interval(
    values: ArrayLike, clusters: NDArray[np.int64] | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return Student's t interval of a mean; with clusters, from the cluster-robust standard error.

    Args:
        values: finite floats, [n].
        clusters: cluster index of each value, [n], or None where all are independent.
        confidence: two-sided coverage, in (0, 1).

    Returns:
        ``(low, high)``; NaN for both with fewer than two clusters, where no spread can be seen. Values that
        all agree give ``low == high``: that is no certainty but the lack of an estimate of spread; where the
        range of the values is known, show :func:`wilson` instead.

    Source:
        Liang and Zeger 1986; small-sample factor G / (G − 1), G − 1 degrees of freedom.

    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy.special import stdtrit

    x = np.asarray(values, np.float64)
    if x.size == 0:
        return float("nan"), float("nan")
    residuals = x - x.mean()
    sums = (
        residuals if clusters is None else np.bincount(np.unique(clusters, return_inverse=True)[1], weights=residuals)
    )
    groups = sums.size
    if groups < 2:
        return float("nan"), float("nan")
    error = float(np.sqrt(groups / (groups - 1) * np.square(sums).sum()) / x.size)
    half = float(stdtrit(groups - 1, 0.5 + confidence / 2)) * error
    return float(x.mean()) - half, float(x.mean()) + half


def unseen_interval(
    value: float, units: int, bounds: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a number that none of its units moves: as of Clopper–Pearson, where all units agree.

    A share ε of units that would move it to a bound goes unseen with a chance of (1 − ε)^units.

    Args:
        value: within the bounds.
        units: independent ones that it rests on, at least 1.
        bounds: of the value.
        confidence: two-sided, in (0, 1).

    >>> low, high = unseen_interval(1.0, 10, (0.0, 1.0))
    >>> round(low, 3), high  # scipy.stats.binomtest(10, 10).proportion_ci()
    (0.692, 1.0)
    """
    hidden = 1 - (0.5 - confidence / 2) ** (1 / units)
    return value - hidden * (value - bounds[0]), value + hidden * (bounds[1] - value)


def percentile_interval(statistics: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap statistics [B], NaN ones left out; NaN if none is left."""
    finite = statistics[np.isfinite(statistics)]
    if finite.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
