"""Confidence intervals for one run: shares (Wilson), means (t, clustered) and functions of sums (bootstrap)."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RESAMPLES: Final = 1000
BCA_LIMIT: Final = 2000
"""Up to so many independent rows the interval is bias-corrected and accelerated; above, it would move nothing."""
_CHUNK: Final = 4_000_000


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


def bootstrap_sums(
    rows: ArrayLike,
    statistic: Callable[[Floats], Floats],
    clusters: NDArray[np.int64] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval of a statistic that depends on the rows through their sum alone.

    Precision, F1, corpus WER, BLEU and calibration error are such statistics. Equal rows are drawn
    together as multinomial counts, which has the same distribution as drawing row by row.

    Args:
        rows: what each sample adds to the sum, [n, k].
        statistic: sums [m, k] → values [m]; NaN where it has no meaning.
        clusters: cluster index of each row, [n]; whole clusters are drawn. None: all rows are independent.
        confidence: two-sided coverage, in (0, 1).
        resamples: number of bootstrap draws.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        ``(low, high)``: BCa up to ``BCA_LIMIT`` independent rows, percentile above; NaN for both with fewer
        than two clusters or where fewer than half of the draws have a value.

    Source:
        Efron 1987, "Better bootstrap confidence intervals".

    >>> low, high = bootstrap_sums([[1, 1], [0, 1], [1, 1], [1, 1]], lambda sums: sums[:, 0] / sums[:, 1])
    >>> 0 <= low < 0.75 < high <= 1
    True
    """
    units = _by_cluster(np.asarray(rows, np.float64), clusters)
    if len(units) < 2:
        return float("nan"), float("nan")
    distinct, counts = np.unique(units, axis=0, return_counts=True)
    draws = _draw(distinct, counts, statistic, resamples, seed)
    draws = draws[np.isfinite(draws)]
    if 2 * len(draws) < resamples:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    levels = np.array([tail, 1 - tail])
    if len(units) <= BCA_LIMIT:
        levels = _bca_levels(distinct, counts, statistic, draws, levels)
    low, high = np.quantile(draws, levels)
    return float(low), float(high)


def _by_cluster(rows: Floats, clusters: NDArray[np.int64] | None) -> Floats:
    if clusters is None or not len(rows):
        return rows
    _, index = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def _draw(
    distinct: Floats, counts: NDArray[np.int64], statistic: Callable[[Floats], Floats], resamples: int, seed: int
) -> Floats:
    rng = np.random.Generator(np.random.PCG64(seed))
    n = int(counts.sum())
    step = max(1, _CHUNK // len(distinct))
    parts = [
        statistic(rng.multinomial(n, counts / n, size=min(step, resamples - start)) @ distinct)
        for start in range(0, resamples, step)
    ]
    return np.concatenate(parts)


def _bca_levels(
    distinct: Floats,
    counts: NDArray[np.int64],
    statistic: Callable[[Floats], Floats],
    draws: Floats,
    levels: Floats,
) -> Floats:
    from scipy.special import ndtr, ndtri

    total = counts @ distinct
    value = float(statistic(total[None])[0])
    below = ((draws < value).sum() + (draws == value).sum() / 2) / len(draws)
    without = statistic(total - distinct)
    usable = np.isfinite(without)
    if not 0 < below < 1 or not np.isfinite(value) or not usable.any():
        return levels
    weights = counts[usable] / counts[usable].sum()
    spread = weights @ without[usable] - without[usable]
    scale = float(counts[usable] @ spread**2)
    power = scale**1.5  # of spreads as small as 1e-133 it is 0
    acceleration = float(counts[usable] @ spread**3) / (6 * power) if power > 0 else 0.0
    bias = float(ndtri(below))
    shifted = bias + ndtri(levels)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)), np.float64)
