"""What a load says, as statistics of its requests: latency, rates, batches, goodput."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.estimate import (
    POSITIVE,
    ColumnSpec,
    Node,
    Number,
    Statistic,
    column,
    count,
    glossary_of,
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
STREAMED: Final = ("ttft_ms", "inter_token_ms")
"""What is measured beside it where answers come token by token."""
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FOUND: Final = "a search found it, by probes that its own answers chose; gate it by `min`"


def _timed(name: str, meaning: str, direction: Direction, unit: str) -> Number:
    return Number(name, meaning, direction, unit, POSITIVE, paired=False)


NUMBERS: Final = glossary_of(
    Number(
        "offered_rate",
        "Requests a second that the load sends, whether or not the ones before are answered.",
        unit="1/s",
        bounds=POSITIVE,
        untestable="it is declared, not measured",
    ),
    _timed("achieved_rate", "Answers a second, from the first request to the last answer.", "higher", "1/s"),
    *(
        _timed(
            name,
            f"Latency, {name[1:]}th percentile, from when a request was due to its answer; none from fewer than "
            f"{minimum_n(q)} answers.",
            "lower",
            "ms",
        )
        for name, q in QUANTILES.items()
    ),
    *(
        _timed(
            f"ttft_{name}",
            f"Time to the first token, {name[1:]}th percentile, from when a request was due; only of a task with "
            "`streamed`.",
            "lower",
            "ms",
        )
        for name in ("p50", "p95")
    ),
    *(
        _timed(
            f"inter_token_{name}",
            f"Mean time between two tokens of an answer, {name[1:]}th percentile over answers; only of a task with "
            "`streamed`.",
            "lower",
            "ms",
        )
        for name in ("p50", "p95")
    ),
    _timed("queue_p50", "Median time that a request waits for its batch to start.", "lower", "ms"),
    _timed("compute_p50", "Median time in the model, of the batch that a request was part of.", "lower", "ms"),
    _timed("mean_batch", "Mean size of the batch that a request was part of.", "higher", "requests"),
    Number("goodput", "Share of requests that were answered within the latency objective.", paired=False),
    _timed("goodput_rate", "Answers within the latency objective, a second.", "higher", "1/s"),
    _timed(
        "sender_late_p99",
        "How late the sender itself was, 99th percentile: where it is not small beside the latency, the load was not "
        "what was declared.",
        "lower",
        "ms",
    ),
    _timed(
        "throughput_gain",
        "How many times the rate of one request at a time dynamic batching achieves, under the highest load.",
        "higher",
        "×",
    ),
    Number(
        "max_rate",
        "The highest rate at which the best probe of a search was answered with its p95 within the objective.",
        unit="1/s",
        bounds=POSITIVE,
        untestable=_FOUND,
    ),
)
"""The numbers of a load test."""
COLUMNS: Final[Mapping[str, ColumnSpec]] = {
    **{
        name: ColumnSpec("lower", "ms", POSITIVE)
        for name in ("late_ms", "latency_ms", "queue_ms", "compute_ms", *STREAMED)
    },
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


def of_load(cell: str, streamed: bool = False) -> list[Statistic]:
    """Return the numbers of one load, those of single tokens too where answers came so."""

    def read(name: str) -> Node:
        return column(name, cell)

    latency = read("latency_ms")
    told: Mapping[str, Node] = {
        "offered_rate": stored(),
        "achieved_rate": achieved_rate(cell),
        **{name: quantile(latency, q, minimum_n(q)) for name, q in QUANTILES.items()},
        "queue_p50": quantile(read("queue_ms"), 0.5),
        "compute_p50": quantile(read("compute_ms"), 0.5),
        "mean_batch": mean(read("batch")),
        "goodput": mean(read("good")),
        "goodput_rate": ratio(total(read("good")), total(read("gap"))),
        "sender_late_p99": quantile(read("late_ms"), 0.99),
    }
    if streamed:
        parts = {name.removesuffix("_ms"): read(name) for name in STREAMED}
        of_tokens = {
            f"{part}_{name}": quantile(of, QUANTILES[name], minimum_n(QUANTILES[name]))
            for part, of in parts.items()
            for name in ("p50", "p95")
        }
        told = {**told, **of_tokens}
    return [NUMBERS[name].over(of) for name, of in told.items()]


def achieved_rate(cell: str) -> Node:
    """Answers a second, from the first request to the last answer."""
    return ratio(count(column("latency_ms", cell)), total(column("gap", cell)))


def gain(cell: str, base: str) -> Statistic:
    """Return how many times the rate of another load is achieved."""
    return NUMBERS["throughput_gain"].over(ratio(achieved_rate(cell), achieved_rate(base)))


def max_rate() -> Statistic:
    """Return the highest rate that meets the objective."""
    return NUMBERS["max_rate"].over(stored())


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
