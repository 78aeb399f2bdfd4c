"""The load test: latency from when a request was due, batching against one at a time, mistakes in the suite."""

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import AdapterError, SpecError
from harness.record.schema import TaskRecord
from harness.serve.batcher import Batcher, Done, Policy
from harness.suite.bind import Suite
from harness.tasks import Observation
from harness.tasks.serving.figures import MEASURES, block
from harness.tasks.serving.load import Sent, arrivals, drive
from harness.tasks.serving.search import achieved
from harness.tasks.serving.targets import Batching, Calling
from harness.types import Request, Response, Status
from tests.doubles import Double
from tests.tasks.figures import Seen, figures_of, observed

STEP = 0.01
"""Seconds of a call of the sleeping model, whatever its batch."""


class Sleeper(Double):
    """Takes the same time for any batch, so that batching multiplies its throughput."""

    batch_size = 8

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        time.sleep(STEP)
        return [Response("slept") for _ in requests]


REQUESTS = [Request("r", "?")]


def test_arrivals_are_a_poisson_process_that_repeats() -> None:
    times = arrivals(50.0, 20_000, "a", 1)
    gaps = np.diff(times, prepend=0)
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.05)
    assert np.array_equal(times, arrivals(50.0, 20_000, "a", 1))
    assert not np.array_equal(times, arrivals(50.0, 20_000, "a", 2))


def test_latency_counts_from_when_a_request_was_due_even_if_it_was_sent_late() -> None:
    class Stuck:
        """Does not take a second request before the first is answered, as a blocking client does."""

        def submit(self, request: Request) -> "Future[Done]":
            time.sleep(0.03)
            future: Future[Done] = Future()
            future.set_result(Done(Response("x"), 0.0, 0.03, 1))
            return future

        def close(self) -> None: ...

    sent = drive(Stuck(), REQUESTS, np.array([0.0, 0.001, 0.002]), 5.0)
    assert [one.latency >= 0.029 * (i + 1) - 0.003 for i, one in enumerate(sent)] == [True] * 3
    assert sent[2].late >= 0.05, "how late it was sent is told too"


def test_refused_requests_are_errors_and_the_others_are_answered() -> None:
    target = Batching(Batcher(Sleeper(), Policy(1, 0.0, max_queue=2)), 10)
    sent = drive(target, REQUESTS, np.zeros(20), 10.0)
    target.close()
    refused = [one for one in sent if one.error]
    assert refused
    assert all("queue is full" in str(one.error) for one in refused)
    assert all(one.latency > 0 for one in sent if one.error is None)


def test_a_server_is_called_many_at_a_time() -> None:
    together = threading.Barrier(10, timeout=30)

    class Meeting(Sleeper):
        """Answers only once ten calls are under way."""

        def generate(self, requests: Sequence[Request]) -> list[Response]:
            together.wait()
            return [Response("met") for _ in requests]

    target = Calling(Meeting(), connections=10)
    sent = drive(target, REQUESTS, np.zeros(10), 60.0)
    target.close()
    assert [one.error for one in sent] == [None] * 10


Load = Callable[..., TaskRecord]


@pytest.fixture
def load(bind: Callable[[str], Suite], tmp_path: Path) -> Load:
    def run(keys: str, dataset: str = "{type: charts, limit: 4}") -> TaskRecord:
        suite = bind(
            f"suite: s\nversion: 1\ndatasets: {{d: {dataset}}}\ntasks:\n  t: {{kind: serving, dataset: d, {keys}}}\n"
        )
        _, record = run_suite(suite, Sleeper.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
        assert record.status == "complete", record.reason
        return record.tasks["t"]

    return run


def test_requests_share_batches_under_load_and_the_rates_of_both_policies_are_compared(load: Load) -> None:
    task = load("loads: [0.3, 4], requests: 80, max_batch_size: 8")
    assert [*task.cells] == [
        "load=0.3,policy=dynamic",
        "load=0.3,policy=one-at-a-time",
        "load=4,policy=dynamic",
        "load=4,policy=one-at-a-time",
    ]
    gain = task.metrics["throughput_gain"]
    assert gain.value is not None
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low <= gain.value <= gain.high
    mean_batch = task.metrics["mean_batch"].value
    assert mean_batch is not None
    assert mean_batch > 1
    assert task.metrics["p95"].value is None, "80 answers are too few"
    sizes = next(table for table in task.tables if table.name == "Batches by size")
    assert {row[1] for row in sizes.rows if row[0] == "load=4,policy=one-at-a-time"} == {1}
    assert any("one at a time" in finding.text for finding in task.findings)


class Streaming(Double):
    """Takes 4 ms to its first token and 1 ms to each of four more, by its own account."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        time.sleep(0.008)
        return [Response("a b", tokens_out=5, seconds={"ttft": 0.004, "inter_token_latency": 0.001}) for _ in requests]


STREAMED = (
    "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 4}}\ntasks:\n  t: {kind: serving, dataset: d, "
    "through: calls, rates: [200.0], requests: 20, streamed: true}\n"
)


def test_where_answers_are_streamed_the_first_token_and_the_time_between_are_measured(
    bind: Callable[[str], Suite], tmp_path: Path
) -> None:
    options = RunOptions(out=tmp_path / "runs")
    _, record = run_suite(bind(STREAMED), Streaming.choice(tmp_path), options, Silent())
    task = record.tasks["t"]
    assert task.metrics["inter_token_p50"].value == pytest.approx(1.0)
    first, whole = task.metrics["ttft_p50"].value, task.metrics["p50"].value
    assert first is not None
    assert whole is not None
    assert first == pytest.approx(whole - 4, abs=1e-6), "what a request waited for counts, its later tokens don't"
    assert "ttft_p50" in next(table for table in task.tables if table.name == "Loads").columns


def test_an_adapter_that_does_not_stream_is_told_how(bind: Callable[[str], Suite], tmp_path: Path) -> None:
    options = RunOptions(out=tmp_path / "runs")
    with pytest.raises(AdapterError, match="`stream: true` in its file"):
        run_suite(bind(STREAMED), Sleeper.choice(tmp_path), options, Silent())


def test_a_tag_that_a_row_lacks_costs_that_row(load: Load, tmp_path: Path) -> None:
    rows = [{"question": "?", "answer": "a"}, {"question": "?", "answer": "a", "tags": {"kind": "bill"}}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    keys = "prompt: '{{ tags.kind }}', rates: [200.0], requests: 4, baseline: false"
    assert load(keys, "{type: jsonl, path: rows.jsonl}").metrics["achieved_rate"].n == 4
    with pytest.raises(AdapterError, match=r"no sample that can be used: UndefinedError: .*maker"):
        load(keys.replace("kind", "maker"), "{type: jsonl, path: rows.jsonl}")


def test_the_search_brackets_the_highest_rate_that_meets_the_objective(load: Load) -> None:
    task = load("rates: [20], requests: 40, slo_ms: 60, search: 5, baseline: false, max_batch_size: 1")
    found = task.metrics["max_rate"]
    assert found.value is not None
    assert found.low == found.value
    assert found.value < 1 / STEP, "no more than the model can do"
    assert found.high is not None
    assert found.high > found.low


@pytest.fixture
def sent(bind: Callable[[str], Suite]) -> Callable[..., Seen]:
    """The figures of two loads with answers after so many milliseconds; None is one that never came."""

    def of(*loads: Sequence[float | None]) -> Seen:
        keys = f"dataset: d, rates: [10.0], requests: {len(loads[0])}, slo_ms: 100"
        data = "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 4}}\n"
        task = bind(f"{data}tasks:\n  t: {{kind: serving, {keys}}}\n").tasks["t"]
        results = []
        for cell, latencies in zip(task.cells(), loads, strict=True):
            requests = [
                Observation(
                    f"{number:06d}",
                    dict.fromkeys(MEASURES, 1.0)
                    | {"arrival_s": number / 10, "latency_ms": latency or math.nan, "slo_ms": 100.0, "offered": 10.0},
                    Status.ERROR if latency is None else Status.OK,
                    cluster=block(cell.id, number, len(latencies)),
                )
                for number, latency in enumerate(latencies)
            ]
            results.append(observed(cell, requests))
        return figures_of(task, results)

    return of


def test_a_request_without_an_answer_was_not_in_time_and_has_no_latency(sent: Callable[..., Seen]) -> None:
    found = sent([50.0] * 30 + [150.0] * 20 + [None] * 10, [50.0] * 60)
    assert found.metrics["goodput"].value == pytest.approx(30 / 60)
    assert (found.metrics["p50"].n, found.metrics["p50"].total) == (50, 60)
    assert found.metrics["achieved_rate"].value == pytest.approx(50 / (4.9 + 0.15))
    assert found.metrics["goodput_rate"].value == pytest.approx(30 / (4.9 + 0.15))
    assert found.metrics["throughput_gain"].value == pytest.approx(50 / 5.05 / (60 / 5.95))
    assert found.metrics["offered_rate"].value == 10
    assert "rate=10,policy=dynamic: 10 of 60 were not answered" in [one.text for one in found.findings]


def test_neighbours_in_a_queue_are_drawn_together(sent: Callable[..., Seen]) -> None:
    rng = np.random.default_rng(0)
    queued = np.repeat(rng.permutation(np.repeat([40.0, 160.0], 10)), 20)
    mixed = rng.permutation(queued)
    wide, narrow = (sent(times, times).metrics["goodput"] for times in (queued, mixed))
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low), "20 stretches of 20 alike say as much as 20 requests"


def test_a_load_is_compared_by_ratios_and_what_was_declared_or_searched_for_is_not(sent: Callable[..., Seen]) -> None:
    told = {one.name: one for one in sent([50.0] * 30, [50.0] * 30).statistics}
    assert "gate it by `max_ratio`" in told["p50"].refusal
    assert not told["p50"].untestable
    assert told["offered_rate"].untestable == "it is declared, not measured"


@given(
    gaps=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40),
    service=st.floats(0.001, 1.0),
    lost=st.sets(st.integers(0, 39), max_size=10),
)
def test_a_rate_that_was_achieved_is_never_more_than_was_asked_or_can_be_served(
    gaps: list[float], service: float, lost: set[int]
) -> None:
    sent, free = [], 0.0
    for number, due in enumerate(np.cumsum(gaps)):
        free = max(free, due) + service
        error = "lost" if number in lost else None
        sent.append(Sent(number, due, 0.0, free - due, free - service - due, service, 1, error))
    rate = achieved(sent)
    assert rate <= (1 + 1e-9) / service
    assert rate * sum(gaps) <= len(gaps) * (1 + 1e-9) or len(lost) > 0


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("dataset: d", "either `rates` or `loads`"),
        ("dataset: d, rates: [1.0], loads: [1.0]", "either `rates` or `loads`"),
        ("dataset: d, rates: [-1.0]", "lie above 0"),
        ("dataset: d, rates: [1.0], streamed: true", "`through: calls`"),
        ("dataset: e, rates: [1.0]", "no dataset is called 'e'"),
        ("dataset: d, rates: [1.0], prompt: '{{ x }}'", "not x"),
    ],
    ids=str,
)
def test_a_mistake_is_found_before_anything_runs(bind: Callable[[str], Suite], keys: str, said: str) -> None:
    text = (
        f"suite: s\nversion: 1\ndatasets: {{d: {{type: charts, limit: 4}}}}\ntasks:\n  t: {{kind: serving, {keys}}}\n"
    )
    with pytest.raises(SpecError, match=said):
        bind(text)
