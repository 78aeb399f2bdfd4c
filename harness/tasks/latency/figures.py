"""Figures of one side's calls: quantiles, throughput, contention; and the ratio of two sides."""

import math
from dataclasses import replace
from typing import Final

import numpy as np

from harness.stats.bootstrap import RESAMPLES
from harness.stats.intervals import mean_interval
from harness.stats.quantiles import median_ratio, minimum_n, quantile_interval
from harness.tasks.latency.columns import Floats, complete
from harness.types import Direction, MetricValue, Status

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def value(
    figure: tuple[float, float, float], n: int, total: int, direction: Direction, unit: str, method: str
) -> MetricValue:
    """Return a figure of ``n`` of ``total`` calls that came back."""
    failed = {str(Status.ERROR): total - n} if total > n else {}
    return MetricValue(*figure, n, total, direction, unit, {str(Status.OK): n} | failed, method)


def undefined(total: int, direction: Direction, unit: str, why: str = "") -> MetricValue:
    """Return a figure that cannot be given."""
    return MetricValue(math.nan, math.nan, math.nan, 0, total, direction, unit, {}, why)


def quantile(times: Floats, q: float, rng: np.random.Generator | None = None) -> MetricValue:
    """Return a quantile in milliseconds; undefined from too few calls.

    With ``rng`` it is also kept under bootstrap draws of the calls, for a gate on its ratio between two runs.
    """
    x = times[np.isfinite(times)]
    if x.size < minimum_n(q):
        return undefined(times.size, "lower", "ms", f"needs {minimum_n(q)} calls")
    found = quantile_interval(x, q)
    made = value((found.estimate, found.low, found.high), x.size, times.size, "lower", "ms", found.method)
    if rng is None:
        return made
    drawn = np.quantile(x[rng.integers(0, x.size, (RESAMPLES, x.size))], q, axis=1)
    return replace(made, replicates=drawn)


def throughput(wall: Floats, batch: int) -> MetricValue:
    """Return samples a second, from the mean time of a call on the wall clock in milliseconds."""
    x = wall[np.isfinite(wall)]
    if x.size < 2:
        return undefined(wall.size, "higher", "1/s")
    low, high = mean_interval(x)
    rate = [1000 * batch / time if time > 0 else math.inf for time in (float(x.mean()), high, low)]
    return value((rate[0], rate[1], rate[2]), x.size, wall.size, "higher", "1/s", "t, of the mean time")


def mean(values: Floats, direction: Direction, unit: str) -> MetricValue:
    """Return a mean with Student's t interval."""
    x = values[np.isfinite(values)]
    if x.size < 2:
        return undefined(values.size, direction, unit)
    return value((float(x.mean()), *mean_interval(x)), x.size, values.size, direction, unit, "t")


def contention(wall: Floats, cpu: Floats) -> MetricValue:
    """Return how far wall-clock time lies above CPU time, as a share of it: the median over calls."""
    usable = np.isfinite(wall) & (cpu > 0)
    share = (wall[usable] - cpu[usable]) / cpu[usable]
    if share.size < minimum_n(0.5):
        return undefined(wall.size, "lower", "share", f"needs {minimum_n(0.5)} calls")
    found = quantile_interval(share, 0.5)
    return value((found.estimate, found.low, found.high), share.size, wall.size, "lower", "share", found.method)


def ratio(candidate: Floats, reference: Floats, rng: np.random.Generator) -> MetricValue:
    """Return the ratio of median times, reference by candidate: above 1 the candidate is faster.

    Rounds are drawn as pairs, since what disturbs one call of a round is likely to disturb the other.
    """
    pairs = complete(np.stack([candidate, reference]))
    total = candidate.size
    if not pairs.size or pairs.min() <= 0:
        return undefined(total, "higher", "×")
    found = median_ratio(pairs[0], pairs[1], rng, paired=True, resamples=RESAMPLES)
    return value((found.estimate, found.low, found.high), found.n, total, "higher", "×", found.method)
