"""Draw samples, make intervals, count how often they hold the truth."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage.cells import Cell
from harness.estimate import Estimator, Rows
from harness.estimate.draws import Draws
from harness.stats.intervals import mean_interval, percentile_interval
from harness.stats.quantiles import quantile_interval

DRAWS = 200
"""Of a bootstrap; enough for a percentile in a simulation."""

Way = Callable[[Cell, Rows, int], tuple[float, float, str]]
"""Returns both ends of an interval and how it was made, given a population, a sample and its number."""


@dataclass(frozen=True)
class Held:
    """How one way did."""

    method: str
    """The most frequent one, without the numbers in it."""
    held: float
    """Share of intervals that hold the truth, of those that there are."""
    below: float
    above: float
    width: float
    none: float
    """Share of samples without an interval."""


def covered(cell: Cell, way: Way, runs: int) -> Held:
    """Return how often intervals of samples of a population hold its truth; the same samples whatever the way."""
    rng = np.random.default_rng(17)
    ends, methods = np.empty((runs, 2)), Counter[str]()
    for run in range(runs):
        low, high, method = way(cell, cell.draw(rng), run)
        ends[run] = low, high
        methods[method.split(" (")[0].split(";")[0]] += 1
    there = np.isfinite(ends).all(axis=1)
    low, high = ends[there].T
    method = methods.most_common(1)[0][0]
    if not there.any():
        nan = float("nan")
        return Held(method, nan, nan, nan, nan, 1.0)
    below, above = float((cell.truth < low).mean()), float((cell.truth > high).mean())
    return Held(method, 1 - below - above, below, above, float((high - low).mean()), 1 - float(there.mean()))


def product(cell: Cell, rows: Rows, run: int) -> tuple[float, float, str]:
    """Make the interval as every task does."""
    found = Estimator(rows, (run,), lambda name: cell.binary, resamples=DRAWS).value(cell.statistic)
    return found.low, found.high, found.method


def plainest(cell: Cell, rows: Rows, run: int) -> tuple[float, float, str]:
    """Make it as is most often done: t of a mean, order statistics of a quantile, percentiles of a bootstrap."""
    statistic, only = cell.statistic, rows.cells.get("")
    if (of := statistic.mean_of) is not None and only is not None:
        low, high = mean_interval(rows.read(of).values, only.unit)
        return low, high, "t, clustered"
    if statistic.of["form"] == "quantile":
        found = quantile_interval(rows.read(statistic.of["of"][0]).values, statistic.of["q"])
        return found.low, found.high, "order statistics"
    draws = Draws(rows, seed=(run,), count=DRAWS)
    low, high = percentile_interval(draws.drawn(statistic.of))
    return low, high, "bootstrap percentiles"
