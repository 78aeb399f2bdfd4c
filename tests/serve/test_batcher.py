"""The dynamic batcher: whichever comes first, a bounded queue, and nobody left waiting."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest

from harness.serve.batcher import Batcher, Closed, Done, Policy, QueueFull, TooLate
from harness.types import Request, Response
from tests.doubles import Double

LONG = 30.0


class Model(Double):
    """Answers with the request's id; waits at a gate where there is one."""

    batch_size = 8

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.broken = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.batches.append([request.id for request in requests])
        self.entered.release()
        assert self.gate.wait(LONG)
        if self.broken:
            raise RuntimeError("out of order")
        return [Response(request.id) for request in requests]


Make = Callable[..., tuple[Model, Batcher]]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[tuple[Model, Batcher]] = []

    def build(**policy: Any) -> tuple[Model, Batcher]:
        model = Model()
        made.append((model, Batcher(model, Policy(**policy))))
        return made[-1]

    yield build
    for model, batcher in made:
        model.gate.set()
        batcher.close(drain=False)


def ask(batcher: Batcher, *names: str) -> "list[Future[Done]]":
    return [batcher.submit(Request(name, "?")) for name in names]


def hold(model: Model, batcher: Batcher) -> "Future[Done]":
    """Keep the model busy with one request until its gate opens."""
    model.gate.clear()
    (future,) = ask(batcher, "first")
    assert model.entered.acquire(timeout=LONG)
    return future


def test_a_full_batch_does_not_wait(make: Make) -> None:
    model, batcher = make(max_batch_size=4, max_wait=LONG)
    futures = ask(batcher, *"abcd")
    assert [future.result(LONG).response.text for future in futures] == [*"abcd"]
    assert model.batches == [[*"abcd"]]
    assert [future.result().batch for future in futures] == [4] * 4


def test_a_lonely_request_waits_no_longer_than_it_may(make: Make) -> None:
    _, batcher = make(max_batch_size=4, max_wait=0.01)
    done = ask(batcher, "a")[0].result(LONG)
    assert done.batch == 1
    assert done.queued >= 0.009


def test_what_waits_while_the_model_works_goes_together_in_order(make: Make) -> None:
    model, batcher = make(max_batch_size=3, max_wait=0.0)
    first = hold(model, batcher)
    futures = ask(batcher, *"abcde")
    model.gate.set()
    for future in (first, *futures):
        future.result(LONG)
    assert model.batches == [["first"], [*"abc"], [*"de"]]
    assert dict(batcher.counts.batches) == {1: 1, 3: 1, 2: 1}


def test_a_full_queue_refuses_and_says_when_to_come_back(make: Make) -> None:
    model, batcher = make(max_batch_size=1, max_wait=0.0, max_queue=2)
    hold(model, batcher)
    ask(batcher, "a", "b")
    with pytest.raises(QueueFull) as refused:
        ask(batcher, "c")
    assert refused.value.wait > 0
    assert batcher.counts.refused == 1


def test_a_request_whose_time_ran_out_is_never_asked(make: Make) -> None:
    model, batcher = make(max_batch_size=1, max_wait=0.0)
    hold(model, batcher)
    late = batcher.submit(Request("late", "?"), timeout=0.001)
    time.sleep(0.01)
    model.gate.set()
    with pytest.raises(TooLate):
        late.result(LONG)
    ask(batcher, "next")[0].result(LONG)
    assert [name for batch in model.batches for name in batch] == ["first", "next"]


def test_a_model_that_raises_fails_its_batch_and_goes_on(make: Make) -> None:
    model, batcher = make(max_batch_size=1, max_wait=0.0)
    model.broken = True
    with pytest.raises(RuntimeError, match="out of order"):
        ask(batcher, "a")[0].result(LONG)
    model.broken = False
    assert ask(batcher, "b")[0].result(LONG).response.text == "b"


def test_closing_answers_what_waits_and_takes_no_more(make: Make) -> None:
    model, batcher = make(max_batch_size=2, max_wait=LONG)
    hold_many = ask(batcher, "a")
    model.gate.set()
    assert batcher.close(drain=True)
    assert hold_many[0].result(0).response.text == "a"
    with pytest.raises(Closed):
        ask(batcher, "b")


def test_closing_at_once_leaves_nobody_waiting(make: Make) -> None:
    model, batcher = make(max_batch_size=1, max_wait=0.0)
    hold(model, batcher)
    waiting = ask(batcher, "a", "b")
    assert not batcher.close(drain=False, timeout=0.01), "the model still works"
    for future in waiting:
        with pytest.raises(Closed):
            future.result(0)


def test_a_request_that_was_given_up_does_not_keep_the_others_from_being_told(make: Make) -> None:
    model, batcher = make(max_batch_size=1, max_wait=0.0)
    hold(model, batcher)
    given_up, waiting = ask(batcher, "a", "b")
    assert given_up.cancel()
    assert not batcher.close(drain=False, timeout=0.01), "the model still works"
    assert given_up.cancelled()
    with pytest.raises(Closed):
        waiting.result(0)


def test_many_threads_get_their_own_answers(make: Make) -> None:
    _, batcher = make(max_batch_size=5, max_wait=0.001)
    wrong: list[str] = []

    def client(number: int) -> None:
        for i in range(20):
            name = f"{number}-{i}"
            if ask(batcher, name)[0].result(LONG).response.text != name:
                wrong.append(name)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not wrong
    assert sum(size * n for size, n in batcher.counts.batches.items()) == 160
    with suppress(Closed):
        batcher.close()
