"""The load test by a simulated clock against a server whose capacity and waiting times are known."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from harness.suite.bind import Suite
from harness.tasks import Bench
from harness.tasks.serving.load import arrivals, drive, revolve
from harness.tasks.serving.targets import Sending
from harness.tasks.serving.task import ServingTask
from harness.types import Request
from tests.tasks.figures import Seen, figures_of, observed
from tests.tasks.simulated import SimulatedClock, Streaming

REQUESTS = [Request(str(number), "?") for number in range(7)]
Told = Callable[..., Seen]


@pytest.fixture
def load(bind: Callable[[str], Suite]) -> Told:
    """Return the figures of a task with some keys against a server."""

    def run(keys: str, **server: Any) -> Seen:
        data = "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 4}}\n"
        task = bind(f"{data}tasks:\n  t: {{kind: serving, dataset: d, through: calls, streamed: true, {keys}}}\n")
        found = task.tasks["t"]
        assert isinstance(found, ServingTask)
        found.clock = clock = SimulatedClock()
        adapter = Streaming(clock, **server)

        @contextmanager
        def turn() -> Iterator[Streaming]:
            yield adapter

        bench = Bench(None, turn)  # type: ignore[arg-type]
        return figures_of(found, [observed(cell, list(found.measure(cell, bench))) for cell in found.cells()])

    return run


def waiting(rate: float, service: float, within: float) -> float:
    """Return the share of M/D/1 that waits at most so long (Erlang 1909; Tijms 2003, 9.2)."""
    terms = [
        math.exp(-rate * (k * service - within)) * (rate * (k * service - within)) ** k / math.factorial(k)
        for k in range(int(within / service) + 1)
    ]
    return (1 - rate * service) * math.fsum(terms)


def test_an_open_loop_waits_as_lindleys_recursion_says() -> None:
    clock, service = SimulatedClock(), 0.1
    due = arrivals(8.0, 300, "lindley")
    server = Streaming(clock, service=service)
    sent = drive(Sending(server.sender(REQUESTS, None), REQUESTS, clock.now), REQUESTS, due, 60.0, clock)
    free, ends = 0.0, []
    for moment in due:
        free = max(free, moment) + service
        ends.append(free)
    assert [one.latency for one in sent] == pytest.approx([end - moment for end, moment in zip(ends, due, strict=True)])
    assert [one.first for one in sent] == pytest.approx([one.latency - (service - 0.02) for one in sent])
    assert max(one.late for one in sent) == pytest.approx(0.0)


@pytest.mark.parametrize(("clients", "rate"), [(1, 10.0), (3, 30.0), (4, 40.0), (9, 40.0)])
def test_clients_are_answered_as_fast_as_there_are_places_and_no_faster(clients: int, rate: float) -> None:
    clock = SimulatedClock()
    server = Streaming(clock, places=4)
    target = Sending(server.sender(REQUESTS, None), REQUESTS, clock.now)
    sent = revolve(target, REQUESTS, clients, 360, 60.0, clock)
    assert len(sent) / max(one.arrival + one.latency for one in sent) == pytest.approx(rate)
    under_way = [sum(two.arrival <= one.arrival < two.arrival + two.latency - 1e-9 for two in sent) for one in sent]
    assert max(under_way) == clients, "never more than there are clients"


def test_a_client_that_hears_nothing_stops_the_load_and_the_rest_stays_unsent() -> None:
    clock = SimulatedClock()
    server = Streaming(clock, service=1000.0)
    sent = revolve(Sending(server.sender(REQUESTS, None), REQUESTS, clock.now), REQUESTS, 2, 50, 5.0, clock)
    assert [one.error for one in sent] == ["no answer before the test gave up"] * 2


@pytest.mark.parametrize("places", [3, 8])
def test_the_saturation_point_is_the_capacity_of_the_server(load: Told, places: int) -> None:
    capacity = places / 0.1
    told = load(
        f"rates: [{0.5 * capacity}, {1.4 * capacity}], clients: [2, {2 * places}, {6 * places}], requests: 400, "
        "slo_ms: 500",
        places=places,
    )
    found = told.metrics["saturation_rate"]
    assert found.value == pytest.approx(capacity, rel=0.01)
    assert found.low <= found.value <= found.high
    said = next(one.text for one in told.findings if one.text.startswith("saturated"))
    busy = f"rate={1.4 * capacity:g},policy=calls, clients={2 * places},policy=calls, clients={6 * places},policy=calls"
    assert said.endswith(f"by {busy}")


def test_where_no_load_was_too_high_there_is_no_saturation_point(load: Told) -> None:
    told = load("rates: [2, 8], clients: [1, 2], requests: 400, slo_ms: 500", places=4)
    assert told.metrics["saturation_rate"].n == 0
    assert any("lies above all of them" in one.text for one in told.findings)


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_goodput_is_what_queueing_theory_says(load: Told, busy: float) -> None:
    """Within the statement's own interval, and within 0.03 of the truth at 5,000 requests."""
    told = load(f"rates: [{10 * busy}], requests: 5000, slo: {{ttft: 0.17}}")
    expected = waiting(10 * busy, 0.1, 0.17 - 0.02)
    found = told.metrics["goodput"]
    assert found.value == pytest.approx(expected, abs=0.03)
    assert found.low - 0.01 <= expected <= found.high + 0.01
    rate = told.metrics["goodput_rate"].value
    assert rate == pytest.approx(found.value * told.metrics["achieved_rate"].value)


def test_the_search_ends_at_the_rate_at_which_theory_has_as_many_in_time(load: Told) -> None:
    told = load("rates: [1], requests: 2000, slo: {ttft: 0.17}, search: 9, in_time: 0.9")
    found = told.metrics["max_rate"].value
    rates = np.linspace(1, 9.9, 400)
    expected = rates[np.searchsorted([-waiting(rate, 0.1, 0.15) for rate in rates], -0.9)]
    assert found == pytest.approx(expected, rel=0.05)


def test_every_objective_that_is_named_must_be_met(load: Told) -> None:
    keys = "rates: [1], requests: 200, slo: {{ttft: 5, inter_token_latency: {}}}"
    fast, slow = (load(keys.format(limit)).metrics["goodput"].value for limit in (0.021, 0.019))
    assert (fast, slow) == (1.0, 0.0), "80 ms for four tokens after the first are 20 ms each"
    lone = load(keys.format(0.019), tokens=1).metrics
    assert lone["goodput"].value == 1.0, "one token has no time between two"


def test_tokens_and_sizes_of_what_was_asked_are_told(load: Told) -> None:
    told = load("clients: [4], requests: 200, slo_ms: 500", places=2, tokens=7, lost=lambda number: number == 3)
    assert told.metrics["achieved_rate"].total - told.metrics["achieved_rate"].n == 50, "every fourth request"
    assert told.metrics["output_rate"].value == pytest.approx(7 * told.metrics["achieved_rate"].value)
    assert "offered_rate" not in told.metrics, "clients offer nothing: they wait"
    sizes = {row[1]: row for row in next(one for one in told.tables if one.name == "Requests and answers").rows}
    assert sizes["tokens_out"][3:] == (7.0, 7.0, 7.0, 7.0)
    assert sizes["images"][3:] == (1.0, 1.0, 1.0, 1.0)
    assert sizes["megapixels"][3] > 0
    assert sizes["characters"][3] > 0
