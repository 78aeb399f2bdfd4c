"""Paired bootstrap: the same resampled samples for every column, so that what they share cancels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._door import Floats, at_least, inside, minus, tied, vector
from harness.stats.draws import BCA_LIMIT, Units, draw_totals, row_weights, units_of
from harness.stats.limits import acceleration_of, summarise
from harness.stats.results import Comparison, checked_span, nothing

Weighted = Callable[[Floats], ArrayLike]
"""A statistic as a function of weights: [b, n], 0 or more, → [b]."""
Method = Literal["auto", "percentile", "bca"]

RESAMPLES: Final = 2_000
"""Draws for a pull request; take 10,000 for a release."""
_CHUNK: Final = 4_000_000
_CHUNK_CELLS: Final = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """How to draw."""

    resamples: int = RESAMPLES
    """Number of draws, B ≥ 1."""
    method: Method = "auto"
    clusters: ArrayLike | None = None
    """A label for each row, [n]; whole clusters are drawn. None: every row is its own."""
    strata: ArrayLike | None = None
    """A label for each row, [n]; each stratum keeps its number of clusters. A cluster lies in one stratum."""


def bootstrap_mean(
    differences: ArrayLike,
    rng: np.random.Generator,
    resampling: Resampling = Resampling(),
    confidence: float = 0.95,
    margin: float = 0.0,
    span: float | None = None,
) -> Comparison:
    """Return the paired bootstrap of a mean difference.

    Drawing n rows with replacement is drawing how often each *distinct* difference comes, one
    multinomial count a value. Scores take few distinct differences, so 10⁵ samples × 10⁴ resamples
    take a fraction of a second. Above ``BCA_LIMIT`` units with many distinct values, 128 groups of
    neighbouring values are drawn so (the 64 most extreme values stand alone), and what a group's
    sum varies by, given its count, is added as a normal deviate: mean and variance of the draws
    are exact, their skewness very nearly.

    Where all draws agree, see :func:`harness.stats.results.without_spread`; a p-value is never below
    1 / (B + 1).

    Args:
        differences: candidate − baseline, above zero is better, [n], finite.
        rng: the only source of randomness.
        resampling: number of draws, method, clusters, strata.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.
        span: the largest possible absolute difference; for data without spread only.

    Returns:
        A comparison; NaN with ``n = 0`` for no data.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Efron 1987 (BCa); Davison and Hinkley 1997, chapter 5 (strata, p-values).

    >>> result = bootstrap_mean([0.0, 0.0, 1.0, -1.0, 0.0, 1.0], np.random.default_rng(0))
    >>> round(result.estimate, 3), result.low < 0 < result.high, result.method
    (0.167, True, 'bootstrap BCa')
    """
    d = vector("differences", differences)
    units = units_of(d.size, resampling.clusters, resampling.strata)
    _check(resampling, confidence, margin)
    if d.size == 0:
        return nothing("bootstrap", confidence, margin)
    sums = tied(np.bincount(units.of_row, weights=d, minlength=units.count).astype(np.float64), 0.0)
    sizes = np.bincount(units.of_row, minlength=units.count).astype(np.float64)
    totals, rows = np.zeros(resampling.resamples), np.zeros(resampling.resamples)
    for part in units.strata:
        drawn = draw_totals(sums[part], sizes[part], resampling.resamples, rng)
        totals += drawn[0]
        rows += drawn[1]
    estimate = float(d.mean())
    limit = checked_span(span, float(np.abs(d).max()))
    acceleration = None
    if _wants_bca(resampling.method, units.count) and units.count > 1:
        acceleration = acceleration_of((d.sum() - sums) / np.maximum(d.size - sizes, 1e-300), units)
    return summarise(estimate, totals / rows, acceleration, units, confidence, margin, limit)


def bootstrap_paired(
    baseline: Weighted,
    candidate: Weighted,
    n: int,
    rng: np.random.Generator,
    resampling: Resampling = Resampling(),
    confidence: float = 0.95,
    margin: float = 0.0,
    span: float | None = None,
) -> Comparison:
    """Return the paired bootstrap of a difference of aggregate metrics: the same weights on both sides.

    Args:
        baseline: the metric of the baseline as a function of weights [b, n] → [b], such as
            :func:`harness.stats.roc.weighted_auroc`; see :func:`row_by_row` for one that takes [n].
        candidate: the same for the candidate; above ``baseline`` is better (negate both where lower is).
        n: samples, in the same order on both sides.
        rng: the only source of randomness.
        resampling: number of draws, method, clusters, strata (the class, for ROC).
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.
        span: by how much the difference can change at most if the samples of a share ε are exchanged,
            divided by ε; for data without spread only.

    Returns:
        A comparison; NaN with ``n = 0`` for no data. Draws in which a metric has no value are left out,
        with a warning; NaN but for the estimate where fewer than half are left.

    Raises:
        ValueError: if an argument is not as described.

    >>> x, y = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 2.0, 5.0, 3.0])
    >>> result = bootstrap_paired(lambda w: w @ x / 4, lambda w: w @ y / 4, 4, np.random.default_rng(0))
    >>> result.estimate, result.clusters, result.resamples
    (0.375, 4, 2000)
    """
    at_least("n", n, 0)
    units = units_of(n, resampling.clusters, resampling.strata)
    _check(resampling, confidence, margin)
    if n == 0:
        return nothing("bootstrap", confidence, margin)

    def difference(weights: Floats) -> Floats:
        values = minus(np.asarray(candidate(weights), np.float64), np.asarray(baseline(weights), np.float64))
        if values.shape != (len(weights),):
            raise ValueError(f"candidate, baseline: {len(weights)} rows of weights gave shape {values.shape}")
        return values

    estimate = float(difference(np.ones((1, n)))[0])
    limit = checked_span(span, abs(estimate))
    draws = np.concatenate([difference(w) for w in row_weights(units, resampling.resamples, rng)])
    acceleration = None
    if _wants_bca(resampling.method, units.count) and units.count > 1:
        acceleration = acceleration_of(_jackknife(difference, units), units)
    return summarise(estimate, draws, acceleration, units, confidence, margin, limit)


def row_by_row(statistic: Callable[[Floats], float]) -> Weighted:
    """Return a statistic of one row of weights [n] as one of many rows [b, n].

    >>> row_by_row(lambda w: float(w[0]))(np.array([[1.0, 0.0], [3.0, 0.0]])).tolist()
    [1.0, 3.0]
    """

    def of_rows(weights: Floats) -> Floats:
        return np.array([statistic(row) for row in weights], np.float64)

    return of_rows


def resampled_means(
    columns: Floats, resamples: int, rng: np.random.Generator, clusters: NDArray[np.int64] | None = None
) -> Floats:
    """Return the mean of every column under every resample.

    Args:
        columns: values [n, k]; NaN marks a value that does not count, in its own column alone.
        resamples: how many resamples, B.
        rng: the only source of randomness.
        clusters: cluster index of each row, [n]; whole clusters are then drawn. None: every row is its own.

    Returns:
        Means [B, k]; NaN where a resample holds no value of a column.
    """
    present = ~np.isnan(columns)
    sums, counts = np.where(present, columns, 0.0), present.astype(np.float64)
    if clusters is not None:
        _, index = np.unique(clusters, return_inverse=True)
        groups = int(index.max()) + 1 if index.size else 0
        sums, counts = _by_group(sums, index, groups), _by_group(counts, index, groups)
    n = len(sums)
    if n == 0:
        return np.full((resamples, columns.shape[1]), np.nan)
    out = np.empty((resamples, columns.shape[1]))
    step = max(1, _CHUNK_CELLS // n)
    for start in range(0, resamples, step):
        stop = min(resamples, start + step)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=stop - start).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[start:stop] = (weights @ sums) / (weights @ counts)
    return out


def draw_weights(
    n: int,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Iterator[Floats]:
    """Yield how often each of n samples is drawn, [b, n], a few resamples at a time, B rows in all.

    With a generator seeded from the suite, two runs over the same samples get the same draws, so that a metric under
    them (``MetricValue.replicates``) is compared draw by draw. Samples that failed keep their place: a metric leaves
    them out by itself.

    Args:
        n: samples, failed ones among them.
        rng: the only source of randomness.
        resamples: B, 1 or more.
        clusters: a label for each sample, [n]; whole clusters are then drawn.
        strata: a label for each sample, [n]; each stratum is drawn by itself and keeps its size.

    Raises:
        ValueError: if an argument is not as described.

    >>> weights = np.concatenate(list(draw_weights(4, np.random.default_rng(0), 3)))
    >>> weights.shape, weights.sum(axis=1).tolist()
    ((3, 4), [4.0, 4.0, 4.0])
    """
    at_least("resamples", resamples, 1)
    if n:
        yield from row_weights(units_of(n, clusters, strata), resamples, rng)


def percentile_interval(statistics: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap statistics [B], NaN ones left out; NaN if none is left."""
    finite = statistics[np.isfinite(statistics)]
    if finite.size == 0:
        return float("nan"), float("nan")
    tail = 0.5 - confidence / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def _by_group(values: Floats, index: NDArray[np.intp], groups: int) -> Floats:
    return np.stack([np.bincount(index, weights=column, minlength=groups) for column in values.T], axis=1)


def _check(resampling: Resampling, confidence: float, margin: float) -> None:
    at_least("resamples", resampling.resamples, 1)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    if resampling.method not in ("auto", "percentile", "bca"):
        raise ValueError(f"method: must be 'auto', 'percentile' or 'bca', got {resampling.method!r}")


def _wants_bca(method: Method, units: int) -> bool:
    return method == "bca" or (method == "auto" and units <= BCA_LIMIT)


def _jackknife(statistic: Callable[[Floats], Floats], units: Units) -> Floats:
    """Return the statistic without each unit in turn, [units]."""
    without = np.empty(units.count)
    step = max(1, _CHUNK // max(1, units.of_row.size))
    for start in range(0, units.count, step):
        left_out = np.arange(start, min(units.count, start + step))
        without[left_out] = statistic((units.of_row[None, :] != left_out[:, None]).astype(np.float64))
    return without
