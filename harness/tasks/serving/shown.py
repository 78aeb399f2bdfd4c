"""What a load test shows: sentences, lines over loads, and tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.tasks._cells import CellResult
from harness.tasks._pictured import Chart, Finding, Line, Table
from harness.tasks.serving.figures import ASKED, batch_sizes, of_load
from harness.tasks.serving.search import unsettled
from harness.types import MetricValue

Values = Mapping[str, MetricValue]


@dataclass(frozen=True, slots=True)
class Point:
    """One load: so many requests a second, multiples of one at a time, or clients."""

    amount: float
    policy: str
    key: str
    """``rate``, ``load`` or ``clients``."""

    @property
    def id(self) -> str:
        """Its cell."""
        return f"{self.key}={self.amount:g},policy={self.policy.replace(' ', '-')}"


def findings(
    loads: Sequence[CellResult], cells: Mapping[str, Values], metrics: Values, busy: set[str]
) -> Iterator[Finding]:
    """Say what became of each load, and what of all."""
    for result in loads:
        found = cells[result.cell.id]
        if not found["achieved_rate"].n:
            yield Finding("warning", f"{result.cell.id}: nothing was answered")
            continue
        lost = found["achieved_rate"].total - found["achieved_rate"].n
        if lost:
            yield Finding("warning", f"{result.cell.id}: {lost} of {found['achieved_rate'].total} were not answered")
        if found["sender_late_p99"].value > 5:
            said = f"the sender itself was up to {found['sender_late_p99'].value:.1f} ms late (p99): a busy machine"
            yield Finding("note", f"{result.cell.id}: {said}")
    most = metrics.get("saturation_rate")
    if most and most.n:
        said = f"saturated at {most.value:.1f} answers/s [{most.low:.1f}, {most.high:.1f}]"
        yield Finding("note", f"{said}, by {', '.join(one.cell.id for one in loads if one.cell.id in busy)}")
    elif loads:
        yield Finding("note", "no load asked for more than was done: the saturation point lies above all of them")
    more = metrics.get("throughput_gain")
    if more and more.n:
        better = "beats" if more.value > 1 else "does not beat"
        yield Finding(
            "note", f"at the highest load dynamic batching {better} one at a time: {more.value:.2f}× the rate"
        )


def searched(result: CellResult, most: MetricValue, share: float) -> Iterator[Finding]:
    """Say what a search found, and what of it may be luck."""
    if most.n:
        yield Finding("note", f"highest rate with {share:.0%} in time: {most.value:.1f} requests/s")
    if unsettled(result):
        said = "the best rate was in time but not answered as fast as it was asked; the queue may still have grown"
        yield Finding("warning", f"max_rate: {said}. What is reported was answered; more `requests` tell it better")


def charts(points: Sequence[Point], cells: Mapping[str, Values]) -> Iterator[Chart]:
    """Draw latency and rate over loads, those with clients apart."""
    axes = {
        "rate": "offered rate, requests/s",
        "load": "offered load, multiples of one at a time",
        "clients": "clients that each wait for their answer",
    }
    for key in dict.fromkeys(point.key for point in points):
        for name, label in (("p95", "p95 latency, ms"), ("achieved_rate", "achieved rate, requests/s")):
            lines = []
            for policy in dict.fromkeys(point.policy for point in points):
                mine = [point for point in points if (point.policy, point.key) == (policy, key)]
                amounts = tuple(point.amount for point in mine)
                lines.append(Line(policy, amounts, tuple(_number(cells[point.id].get(name)) for point in mine)))
            title = label.split(",")[0] + (" by clients" if key == "clients" else "")
            yield Chart(title, axes[key], label, tuple(lines), y_scale="log" if name == "p95" else "linear")


def loads_table(loads: Sequence[CellResult], cells: Mapping[str, Values], streamed: bool, called: bool) -> Table:
    """Tell every number of every load."""
    names = [one.name for one in of_load("", streamed, called)]
    rows = [(result.cell.id, *(_number(cells[result.cell.id].get(name)) for name in names)) for result in loads]
    return Table("Loads", ("cell", *names), tuple(rows), "rates in requests a second, times in ms")


def batches_table(loads: Sequence[CellResult]) -> Table:
    """Tell how many batches of each size there were."""
    rows = [(result.cell.id, size, n) for result in loads for size, n in batch_sizes(result).items()]
    return Table("Batches by size", ("cell", "requests in the batch", "batches"), tuple(rows))


def asked_table(loads: Sequence[CellResult]) -> Table:
    """Tell how large requests and answers were: what a rate is worth depends on it."""
    rows: list[tuple[str | float | None, ...]] = []
    for result in loads:
        for name in ASKED:
            known = result.columns[name].worths
            known = known[np.isfinite(known)]
            told = [float(one) for one in np.quantile(known, (0.0, 0.5, 0.95, 1.0))] if known.size else [None] * 4
            rows.append((result.cell.id, name, int(known.size), *told))
    columns = ("cell", "of a request", "known", "least", "median", "95th", "most")
    return Table("Requests and answers", columns, tuple(rows), "of requests that were answered")


def _number(value: MetricValue | None) -> float | None:
    return value.value if value is not None and math.isfinite(value.value) else None
