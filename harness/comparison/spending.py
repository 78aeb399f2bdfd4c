"""What an answer of a run took, in seconds and in money, with intervals; and which runs others make superfluous."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.record import Run
from harness.record.arrow import as_numpy, where
from harness.record.spent import paid
from harness.stats.intervals import mean_interval

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Amount:
    """A mean over answers with its interval."""

    value: float
    low: float
    high: float
    n: int
    unit: str


def seconds_of(run: Run, task: str) -> Amount | None:
    """Return the wall-clock seconds that an answer of a task took; None where nobody was asked.

    Answers of one call share its time, so calls are the independent units. A record of an earlier version has the time
    of each batch, of which its answers have equal shares.
    """
    part = where(run.plain_table(), "task", task)
    batches = as_numpy(part["batch"], 0).astype(np.int64)
    cells = np.unique(np.array(part["cell"].to_pylist(), str), return_inverse=True)[1]
    units = np.unique(np.stack([cells, batches]), axis=1, return_inverse=True)[1].ravel() if len(batches) else batches
    if "seconds" in part.column_names:
        values = _floats(part, "seconds")
    else:
        counts = np.bincount(units, minlength=1)[units] if len(units) else units
        values = _floats(part, "batch_seconds") / np.maximum(counts, 1)
    known = np.isfinite(values)
    return _amount(values[known], units[known], "s")


def price_of(run: Run, task: str) -> Amount | None:
    """Return what an answer of a task cost by the prices of the adapter's file; None without prices or counts."""
    prices = run.record.adapter.config.get("prices")
    if not isinstance(prices, Mapping):
        return None
    part = where(run.plain_table(), "task", task)
    read, written = (part[name].to_pylist() for name in ("tokens_in", "tokens_out"))
    costs = np.array([_nan(paid(prices, *pair)) for pair in zip(read, written, strict=True)], np.float64)
    groups = [cluster or identity for cluster, identity in zip(*(part[n].to_pylist() for n in ("cluster", "sample_id")),
                                                               strict=True)]  # fmt: skip
    units = np.unique(np.array(groups, str), return_inverse=True)[1]
    known = np.isfinite(costs)
    return _amount(costs[known], units[known], str(prices.get("currency") or ""))


@dataclass(frozen=True, slots=True)
class Point:
    """One run on two axes: what it costs and what it reaches."""

    name: str
    cost: Amount
    reach: tuple[float, float | None, float | None]
    """What it reaches, oriented so that more is better, and the interval of it."""


@dataclass(frozen=True, slots=True)
class Dominated:
    """A run that another makes superfluous: no dearer and no worse, and better in one of the two."""

    by: int
    beyond: bool
    """Whether neither pair of intervals overlaps: it is no matter of chance."""


def dominated(points: Sequence[Point]) -> dict[int, Dominated]:
    """Return the points that another one dominates, by place; the dominating one is the best of those that do.

    >>> one, other = Amount(1, 0.9, 1.1, 9, "s"), Amount(2, 1.9, 2.1, 9, "s")
    >>> dominated([Point("a", one, (0.9, 0.8, 0.95)), Point("b", other, (0.5, 0.4, 0.6))])
    {1: Dominated(by=0, beyond=True)}
    """
    found = {}
    for i, point in enumerate(points):
        better = [
            j
            for j, other in enumerate(points)
            if other.cost.value <= point.cost.value
            and other.reach[0] >= point.reach[0]
            and (other.cost.value, -other.reach[0]) != (point.cost.value, -point.reach[0])
        ]
        if better:
            sure = [j for j in better if _apart(points[j], point)]
            best = max(sure or better, key=lambda j: (points[j].reach[0], -points[j].cost.value))
            found[i] = Dominated(best, bool(sure))
    return found


def _apart(better: Point, worse: Point) -> bool:
    low, high = better.reach[1], worse.reach[2]
    return better.cost.high < worse.cost.low and low is not None and high is not None and low > high


def _amount(values: Floats, units: NDArray[np.int64], unit: str) -> Amount | None:
    if not values.size:
        return None
    low, high = mean_interval(values, units)
    return Amount(float(values.mean()), max(low, 0.0) if math.isfinite(low) else low, high, int(values.size), unit)


def _floats(part: "pa.Table", name: str) -> Floats:
    return np.array([_nan(value) for value in part[name].to_pylist()], np.float64)


def _nan(value: Any) -> float:
    return math.nan if value is None else float(value)
