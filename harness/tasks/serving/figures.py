"""Figures of one load: latency, rates, batches, goodput."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.seeds import generator
from harness.stats.bootstrap import percentile_interval
from harness.stats.intervals import wilson
from harness.stats.quantiles import minimum_n
from harness.tasks._base import CellResult
from harness.types import Direction, MetricValue, Status

MEASURES: Final = (
    "arrival_s", "late_ms", "latency_ms", "queue_ms", "compute_ms", "batch", "offered", "achieved", "slo_ms"
)  # fmt: skip
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
NAMES: Final = (
    "offered_rate", "achieved_rate", *QUANTILES, "queue_p50", "compute_p50", "mean_batch", "goodput", "goodput_rate",
    "sender_late_p99",
)  # fmt: skip
_BLOCKS: Final = 20
_RESAMPLES: Final = 500

Floats = NDArray[np.float64]


def load_figures(result: CellResult, seed: int) -> dict[str, MetricValue]:
    """Return the figures of a load; undefined where nothing came back."""
    columns = {name: result.columns[name].worths for name in MEASURES}
    statuses = result.columns["latency_ms"].statuses
    answered = np.isfinite(columns["latency_ms"])
    total = sum(count for status, count in statuses.items() if status != Status.UNDEFINED)

    def value(figure: tuple[float, float, float], direction: Direction, unit: str, method: str = "") -> MetricValue:
        return MetricValue(*figure, int(answered.sum()), total, direction, unit, statuses, method)

    def blocks(of: Callable[[Floats], float], name: str) -> tuple[float, float, float]:
        x = columns[name][answered]
        return of(x), *_block_interval(x, of, seed)

    if not answered.any():
        undefined = (math.nan,) * 3
        return {name: MetricValue(*undefined, 0, total, "lower", "", statuses) for name in NAMES}
    method = f"bootstrap of {_BLOCKS} blocks"
    found = {"offered_rate": value((_constant(columns["offered"]), math.nan, math.nan), "higher", "1/s", "declared")}
    arrival, latency = columns["arrival_s"][answered], columns["latency_ms"][answered]
    span = float((arrival + latency / 1000).max() - arrival.min())
    achieved = len(arrival) / span if span > 0 else math.nan
    found["achieved_rate"] = value((achieved, *percentile_interval(rate_draws(result, seed))), "higher", "1/s", method)
    for name, q in QUANTILES.items():
        if len(latency) < minimum_n(q):
            undefined_value = (math.nan,) * 3
            found[name] = MetricValue(
                *undefined_value, 0, total, "lower", "ms", statuses, f"needs {minimum_n(q)} answers"
            )
            continue
        found[name] = value(blocks(_quantile(q), "latency_ms"), "lower", "ms", method)
    found["queue_p50"] = value(blocks(_quantile(0.5), "queue_ms"), "lower", "ms", method)
    found["compute_p50"] = value(blocks(_quantile(0.5), "compute_ms"), "lower", "ms", method)
    found["mean_batch"] = value(blocks(_mean, "batch"), "higher", "requests", method)
    slo = _constant(columns["slo_ms"])
    kept = int((latency <= slo).sum())
    low, high = wilson(kept, total)
    found["goodput"] = value((kept / total, float(low), float(high)), "higher", "share", "Wilson")
    found["goodput_rate"] = value((kept / span if span > 0 else math.nan, math.nan, math.nan), "higher", "1/s")
    late = columns["late_ms"][answered]
    found["sender_late_p99"] = value((float(np.quantile(late, 0.99)), math.nan, math.nan), "lower", "ms")
    return found


def rate_draws(result: CellResult, seed: int) -> Floats:
    """Return bootstrap draws of the achieved rate, from whole stretches of the times between answers."""
    arrival, latency = result.columns["arrival_s"].worths, result.columns["latency_ms"].worths
    answered = np.isfinite(latency)
    ends = np.sort(arrival[answered] + latency[answered] / 1000)
    gaps = np.diff(ends, prepend=arrival[answered].min()) if ends.size else ends
    means = _block_draws(gaps, _mean, seed)
    return np.asarray(1 / means[means > 0], np.float64)


def gain(mine: CellResult, base: CellResult, seed: int) -> MetricValue:
    """Return the ratio of achieved rates, with both sides drawn independently."""
    rates = [load_figures(result, seed)["achieved_rate"] for result in (mine, base)]
    n = min(rate.n for rate in rates)
    if not n:
        return MetricValue(math.nan, math.nan, math.nan, 0, 0, "higher", "×")
    draws = [rate_draws(result, seed + place) for place, result in enumerate((mine, base))]
    size = min(map(len, draws))
    interval = percentile_interval(draws[0][:size] / draws[1][:size])
    value = rates[0].value / rates[1].value
    return MetricValue(
        value, *interval, n, n, "higher", "×", {str(Status.OK): n}, "ratio of achieved rates, bootstrap of blocks"
    )


def batch_sizes(result: CellResult) -> Mapping[int, int]:
    """Return how many batches of each size there were."""
    sizes = result.columns["batch"].worths
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)].astype(int)
    return {int(size): int((sizes == size).sum() // size) for size in np.unique(sizes)}


def _block_interval(x: Floats, of: Callable[[Floats], float], seed: int) -> tuple[float, float]:
    """Return a bootstrap interval from whole stretches: neighbours in a queue wait for the same thing."""
    return percentile_interval(_block_draws(x, of, seed))


def _block_draws(x: Floats, of: Callable[[Floats], float], seed: int) -> Floats:
    count = min(_BLOCKS, len(x))
    if count < 2:
        return np.empty(0)
    parts = np.array_split(x, count)
    rng = generator(seed, "serving blocks")
    return np.array([of(np.concatenate([parts[i] for i in rng.integers(0, count, count)])) for _ in range(_RESAMPLES)])


def _quantile(q: float) -> Callable[[Floats], float]:
    return lambda x: float(np.quantile(x, q))


def _mean(x: Floats) -> float:
    return float(x.mean())


def _constant(x: Floats) -> float:
    known = x[np.isfinite(x)]
    return float(known[0]) if known.size else math.nan
