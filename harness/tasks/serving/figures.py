"""What a load says, as statistics of its requests: latency, rates, batches, goodput."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.estimate import (
    POSITIVE,
    ColumnSpec,
    Node,
    Statistic,
    column,
    count,
    mean,
    quantile,
    ratio,
    stored,
    total,
)
from harness.record.rows import MadeRows
from harness.stats.quantiles import minimum_n
from harness.tasks._base import CellResult
from harness.types import Direction, MetricValue, Status

MEASURES: Final = (
    "arrival_s", "late_ms", "latency_ms", "queue_ms", "compute_ms", "batch", "offered", "achieved", "slo_ms"
)  # fmt: skip
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
COLUMNS: Final[Mapping[str, ColumnSpec]] = {
    **{name: ColumnSpec("lower", "ms", POSITIVE) for name in ("late_ms", "latency_ms", "queue_ms", "compute_ms")},
    "batch": ColumnSpec("higher", "requests", POSITIVE),
    "gap": ColumnSpec("lower", "s", POSITIVE),
    "good": ColumnSpec("higher", binary=True),
}
"""What statistics read of a request."""
_BLOCKS: Final = 20

Floats = NDArray[np.float64]


def block(cell: str, number: int, requests: int) -> str:
    """Return the stretch of a load that a request belongs to: neighbours in a queue wait for the same thing."""
    return f"{cell} {number * _BLOCKS // max(_BLOCKS, requests):02d}"


def made(task: str, result: CellResult) -> MadeRows:
    """Return, for each request, the seconds between its answer and the one before, and whether it was in time."""
    arrival, latency = (result.columns[name].worths for name in ("arrival_s", "latency_ms"))
    gap, answered = np.zeros(len(latency)), np.flatnonzero(np.isfinite(latency))
    if answered.size:
        ends = arrival[answered] + latency[answered] / 1000
        order = np.argsort(ends, kind="stable")
        gap[answered[order]] = np.diff(ends[order], prepend=arrival[answered].min())
    # A request without an answer adds no time and was not in time; one that was never sent says nothing.
    never = result.columns["latency_ms"].among(Status.MISSING)
    good = (latency <= result.columns["slo_ms"].worths).astype(np.float64)
    gap[never] = good[never] = np.nan
    return MadeRows(task, result.cell.id, result.ids, {"gap": gap, "good": good})


def of_load(cell: str) -> list[Statistic]:
    """Return the numbers of one load."""

    def read(name: str) -> Node:
        return column(name, cell)

    def told(name: str, of: Node, direction: Direction, unit: str) -> Statistic:
        return Statistic(name, of, direction, unit, POSITIVE, paired=False)

    latency = read("latency_ms")
    return [
        Statistic("offered_rate", stored(), unit="1/s", bounds=POSITIVE, untestable="it is declared, not measured"),
        told("achieved_rate", achieved_rate(cell), "higher", "1/s"),
        *(told(name, quantile(latency, q, minimum_n(q)), "lower", "ms") for name, q in QUANTILES.items()),
        told("queue_p50", quantile(read("queue_ms"), 0.5), "lower", "ms"),
        told("compute_p50", quantile(read("compute_ms"), 0.5), "lower", "ms"),
        told("mean_batch", mean(read("batch")), "higher", "requests"),
        Statistic("goodput", mean(read("good")), paired=False),
        told("goodput_rate", ratio(total(read("good")), total(read("gap"))), "higher", "1/s"),
        told("sender_late_p99", quantile(read("late_ms"), 0.99), "lower", "ms"),
    ]


def achieved_rate(cell: str) -> Node:
    """Answers a second, from the first request to the last answer."""
    return ratio(count(column("latency_ms", cell)), total(column("gap", cell)))


def gain(cell: str, base: str) -> Statistic:
    """Return how many times the rate of another load is achieved."""
    return Statistic(
        "throughput_gain", ratio(achieved_rate(cell), achieved_rate(base)), "higher", "×", POSITIVE, paired=False
    )


def max_rate() -> Statistic:
    """Return the highest rate that meets the objective."""
    why = "a search found it, by probes that its own answers chose; gate it by `min`"
    return Statistic("max_rate", stored(), unit="1/s", bounds=POSITIVE, untestable=why)


def offered(result: CellResult) -> MetricValue:
    """Return the rate that a load was sent at."""
    rates = result.columns["offered"].worths
    known, statuses = rates[np.isfinite(rates)], result.columns["latency_ms"].statuses
    nan = float("nan")
    answered = int(np.isfinite(result.columns["latency_ms"].worths).sum())
    asked = sum(number for status, number in statuses.items() if status != Status.UNDEFINED)
    value = float(known[0]) if known.size else nan
    return MetricValue(value, nan, nan, answered, asked, "higher", "1/s", statuses, "declared")


def batch_sizes(result: CellResult) -> Mapping[int, int]:
    """Return how many batches of each size there were."""
    sizes = result.columns["batch"].worths
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)].astype(int)
    return {int(size): int((sizes == size).sum() // size) for size in np.unique(sizes)}
