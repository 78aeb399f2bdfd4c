"""What a load says, as statistics of its requests: latency, rates, batches, goodput."""

from collections.abc import Mapping, Sequence
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
from harness.tasks._cells import CellResult
from harness.tasks.serving.saturated import KEPT_UP
from harness.types import Direction, MetricValue, Status

MEASURES: Final = (
    "arrival_s", "late_ms", "latency_ms", "queue_ms", "compute_ms", "batch", "offered", "achieved", "slo_ms"
)  # fmt: skip
STREAMED: Final = ("ttft_ms", "inter_token_ms")
"""What is measured beside it where answers come token by token."""
ASKED: Final = ("tokens_out", "images", "megapixels", "characters")
"""What is known beside it of requests to a server, and of their answers."""
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
    Number("goodput", "Share of requests that were answered within the objective.", paired=False),
    _timed("goodput_rate", "Answers within the objective, a second.", "higher", "1/s"),
    _timed(
        "output_rate",
        "Tokens of answers a second, from the first request to the last answer; only with `through: calls`.",
        "higher",
        "1/s",
    ),
    _timed(
        "saturation_rate",
        "Answers a second under the loads that asked for more than the server does: rates of which it answered "
        f"under {100 * KEPT_UP:g} %, and numbers of clients that are answered no faster than fewer. None where no load "
        "was so high.",
        "higher",
        "1/s",
    ),
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
        "The highest rate at which the best probe of a search was answered with `in_time` (95 %) of its requests "
        "within the objective.",
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
    "tokens_out": ColumnSpec("none", "tokens", POSITIVE),
    "images": ColumnSpec("none", "images", POSITIVE),
    "megapixels": ColumnSpec("none", "megapixels", POSITIVE),
    "characters": ColumnSpec("none", "characters", POSITIVE),
    "gap": ColumnSpec("lower", "s", POSITIVE),
    "busy_gap": ColumnSpec("lower", "s", POSITIVE),
    "good": ColumnSpec("higher", binary=True),
}
"""What statistics read of a request."""
_BLOCKS: Final = 20

Floats = NDArray[np.float64]


def block(cell: str, number: int, requests: int) -> str:
    """Return the stretch of a load that a request belongs to: neighbours in a queue wait for the same thing."""
    return f"{cell} {number * _BLOCKS // max(_BLOCKS, requests):02d}"


def within(took: Mapping[str, Floats], limits: Mapping[str, float]) -> NDArray[np.bool_]:
    """Tell which requests met every limit, [n]; an answer of one token has no time between tokens, and meets that one.

    >>> took = {"latency_ms": np.array([900.0, 900.0, np.nan]), "inter_token_ms": np.array([60.0, np.nan, np.nan])}
    >>> within(took, {"inter_token_ms": 50.0})
    array([False,  True, False])
    """
    good = np.isfinite(took["latency_ms"])
    for name, limit in limits.items():
        good &= (took[name] <= limit) | (np.isnan(took[name]) & (name == "inter_token_ms"))
    return good


def made(task: str, result: CellResult, limits: Mapping[str, float], busy: bool) -> MadeRows:
    """Return, for each request, its share of the time that the load took, and whether it was in time.

    Args:
        task: its name.
        result: a load.
        limits: most milliseconds by column; without any, latency is held to what the load was measured with.
        busy: whether more was asked than the server does; the same seconds then stand as those of a busy server, too.
    """
    arrival, latency = (result.columns[name].worths for name in ("arrival_s", "latency_ms"))
    gap, answered = np.zeros(len(latency)), np.flatnonzero(np.isfinite(latency))
    if answered.size:
        gap[answered] = shares(arrival[answered], latency[answered] / 1000)
    # A request without an answer adds no time and was not in time; one that was never sent says nothing.
    never = result.columns["latency_ms"].among(Status.MISSING)
    kept = within({name: result.columns[name].worths for name in (*limits, "latency_ms")}, limits)
    good = (kept if limits else latency <= result.columns["slo_ms"].worths).astype(np.float64)
    gap[never] = good[never] = np.nan
    busy_gap = np.where(np.isfinite(latency), gap, np.nan) if busy else np.full(len(gap), np.nan)
    return MadeRows(task, result.cell.id, result.ids, {"gap": gap, "good": good, "busy_gap": busy_gap})


def shares(arrival: Floats, latency: Floats) -> Floats:
    """Return each request's share of the time from the first arrival to the last answer, in seconds, [n].

    Every moment belongs in equal parts to the requests under way, one at which there are none to the next that comes.
    They sum up to the whole; the time between answers would, too, but where answers come in waves one request of each
    has it all, and a stretch of the load may have none.

    >>> shares(np.array([0.0, 1.0, 4.0]), np.array([2.0, 2.0, 1.0]))
    array([1.5, 1.5, 2. ])
    """
    moments = np.concatenate([arrival, arrival + latency])
    order = np.argsort(moments, kind="stable")
    under_way = np.cumsum(np.repeat([1, -1], len(arrival))[order])[:-1]
    spans = np.diff(moments[order])
    each = np.concatenate([[0.0], np.cumsum(np.where(under_way > 0, spans / np.maximum(under_way, 1), 0.0))])
    own = np.empty(len(moments))
    own[order] = each
    found = own[len(arrival) :] - own[: len(arrival)]
    idle = np.flatnonzero(under_way == 0)
    found[order[idle + 1]] += spans[idle]
    return found


def of_load(cell: str, streamed: bool = False, called: bool = False, closed: bool = False) -> list[Statistic]:
    """Return the numbers of one load, those of tokens too where answers came from a server, and so."""

    def read(name: str) -> Node:
        return column(name, cell)

    latency = read("latency_ms")
    told: dict[str, Node] = {
        **({} if closed else {"offered_rate": stored()}),
        "achieved_rate": achieved_rate(cell),
        **{name: quantile(latency, q, minimum_n(q)) for name, q in QUANTILES.items()},
        "queue_p50": quantile(read("queue_ms"), 0.5),
        "compute_p50": quantile(read("compute_ms"), 0.5),
        "mean_batch": mean(read("batch")),
        "goodput": mean(read("good")),
        "goodput_rate": ratio(total(read("good")), total(read("gap"))),
        **({"output_rate": ratio(total(read("tokens_out")), total(read("gap")))} if called else {}),
        "sender_late_p99": quantile(read("late_ms"), 0.99),
    }
    if streamed:
        parts = {name.removesuffix("_ms"): read(name) for name in STREAMED}
        told |= {
            f"{part}_{name}": quantile(of, QUANTILES[name], minimum_n(QUANTILES[name]))
            for part, of in parts.items()
            for name in ("p50", "p95")
        }
    return [NUMBERS[name].over(of) for name, of in told.items()]


def saturation(cells: Sequence[str]) -> Statistic:
    """Return how many answers a second come while more is asked for, over all loads that did."""
    gap = column("busy_gap", *cells)
    return NUMBERS["saturation_rate"].over(ratio(count(gap), total(gap)))


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
