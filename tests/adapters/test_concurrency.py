"""How many requests go out at a time, in simulated time, against a server that works on many at once as vLLM does."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._served import client as served
from harness.adapters._served.client import Client, Outcome, Secret
from harness.adapters._served.reply import Failure, Reply
from harness.adapters.openai import ChatCompletions, OpenAIAdapter
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.hosts.call import Caller
from harness.seeds import generator
from harness.spec.models import EngineSpec
from harness.suite.bind import Suite
from harness.types import Request, Response
from tests.doubles import Double


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._moment = 0.0
        self._look = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._moment

    def _jump(self, timeout: float | None = None) -> Any:
        ready = self._look(0 if timeout else timeout)
        if not ready and timeout:
            self._moment += timeout
        return ready


def streamed(code: int, content: Any) -> httpx.Response:
    """Return a response whose body is still to be read, as one from a network is."""

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(content).encode()

    return httpx.Response(code, content=body())


@dataclass
class Batching:
    """Works on ``places`` sequences together, a step for all of them, and lets ``queue`` more wait; 429 beyond."""

    places: int
    queue: int
    tokens: int = 5
    step: float = 0.08
    each: float = 0.002
    """Seconds by which a step is longer for each sequence in it."""
    taken: int = 0
    running: int = 0
    poison: str = ""
    """What is answered with 401."""
    dropped: int = 0
    served: int = 0
    work: list[tuple[float, int]] = field(default_factory=list)
    """Since when how many were worked on."""

    def __post_init__(self) -> None:
        self.turn = asyncio.Semaphore(self.places)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.poison and self.poison in request.content.decode():
            return streamed(401, {"error": {"message": "no"}})
        if self.taken >= self.places + self.queue:
            return streamed(429, {"error": {"message": "busy"}})
        self.taken += 1
        try:
            async with self.turn:
                self._now(1)
                try:
                    for _ in range(self.tokens):
                        await asyncio.sleep(self.step + self.each * self.running)
                finally:
                    self._now(-1)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        finally:
            self.taken -= 1
        self.served += 1
        text = hashlib.sha256(request.content).hexdigest()
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return streamed(200, {"choices": [choice], "usage": {"completion_tokens": self.tokens}})

    def _now(self, more: int) -> None:
        self.running += more
        self.work.append((asyncio.get_running_loop().time(), self.running))

    def full(self, begin: float = 0.3, end: float = 0.9) -> float:
        """Return the mean share of places that were worked on, between two shares of the time."""
        first, last = (share * self.work[-1][0] for share in (begin, end))
        spans = [
            (min(after, last) - max(moment, first)) * running
            for (moment, running), (after, _) in zip(self.work, self.work[1:], strict=False)
            if moment < last and after > first
        ]
        return sum(spans) / (last - first) / self.places


Asked = Callable[..., list[Outcome]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Ask a server so many requests by batches, as many batches at a time as the adapter allows."""
    draw = generator("backoff")
    monkeypatch.setattr(served, "backoff", lambda attempt, first, _: draw.uniform(0.0, first * 2.0**attempt))
    made = []

    def run(server: Batching, asked: int | list[Any], lanes: int | None = None, **keys: object) -> list[Outcome]:
        config = OpenAIConfig.model_validate({"base_url": "http://server/v1", "model": "m", "retries": 12, **keys})
        client = Client(config, Secret({}, ()), ChatCompletions(config), JumpingLoop())
        made.append(client)
        client._http = httpx.AsyncClient(transport=httpx.MockTransport(server))
        size = config.batch_size
        if isinstance(asked, int):
            bodies = [{"messages": [{"role": "user", "content": str(number)}]} for number in range(asked)]
            batches = [bodies[start : start + size] for start in range(0, asked, size)]
        else:
            batches, lanes = asked, len(asked)
        found: dict[int, list[Outcome]] = {}
        left = iter(enumerate(batches))

        async def lane() -> None:
            for number, batch in left:
                mine = found[number] = await client._ask_all(batch)
                while any(later(one) for one in mine) and not any(getattr(one.result, "hopeless", 0) for one in mine):
                    waiting = [i for i, one in enumerate(mine) if later(one)]
                    more = await client._ask_all([batch[i] for i in waiting])
                    for i, one in zip(waiting, more, strict=True):
                        mine[i] = one

        async def all_of_them() -> None:
            await asyncio.gather(*(lane() for _ in range(lanes or config.lanes)))

        client._run(all_of_them())
        return [one for number in sorted(found) for one in found[number]]

    yield run
    for client in made:
        client.close()


def later(one: Outcome) -> bool:
    return isinstance(one.result, Failure) and one.result.later


def texts(outcomes: Sequence[Outcome]) -> list[str]:
    assert all(isinstance(one.result, Reply) for one in outcomes), next(
        one.result for one in outcomes if not isinstance(one.result, Reply)
    )
    return [one.result.text for one in outcomes if isinstance(one.result, Reply)]


@pytest.mark.parametrize(("places", "queue", "full"), [(64, 10_000, 0.98), (32, 8, 0.98), (48, 0, 0.85), (4, 2, 0.95)])
def test_a_server_is_kept_full_without_a_time_out_and_answers_are_those_of_one_at_a_time(
    ask: Asked, places: int, queue: int, full: float
) -> None:
    server = Batching(places, queue)
    found = ask(server, 800, concurrency="auto", timeout=30.0)
    assert server.dropped == 0, "no request was given up"
    assert server.full() >= full
    alone = Batching(places, queue)
    assert texts(found)[:40] == texts(ask(alone, 40, concurrency=1))


def test_a_batch_at_a_time_leaves_a_server_waiting_for_the_last_of_each(ask: Asked) -> None:
    one, several = Batching(32, 64, tokens=10), Batching(32, 64, tokens=10)
    ask(one, 480, lanes=1, concurrency="auto", batch_size=36, timeout=60.0)
    ask(several, 480, concurrency="auto", batch_size=36, timeout=60.0)
    assert one.full() < 0.75
    assert several.full() > 0.9


def test_no_more_wait_at_a_slow_server_than_come_back_in_half_the_time(ask: Asked) -> None:
    server = Batching(2, 10_000, tokens=12)  # a second each, two at a time
    found = ask(server, 120, concurrency="auto", timeout=10.0)
    texts(found)
    assert server.dropped == 0
    assert max(one.took for one in found if one.took is not None) < 10.0 * 2
    assert server.full() > 0.95


def test_calls_at_a_time_know_nothing_of_each_others_failures(ask: Asked) -> None:
    """What stops a call (a bad key, say) is no news to the requests of another that were answered."""
    server = Batching(8, 100, poison="bad")
    bad = [{"messages": [{"role": "user", "content": f"bad {number}"}]} for number in range(3)]
    good = [{"messages": [{"role": "user", "content": f"good {number}"}]} for number in range(3)]
    found = ask(server, [bad, good], concurrency=1)
    assert [getattr(one.result, "hopeless", None) or getattr(one.result, "later", None) for one in found[:3]] == [
        True
    ] * 3
    assert len(set(texts(found[3:]))) == 3


def test_what_outlived_its_call_is_waited_for_on_by_whoever_asks_for_it_again(ask: Asked) -> None:
    """Two calls at a time, each longer than a deadline: every request is worked on once."""
    server = Batching(2, 100, tokens=12)
    found = ask(server, 24, lanes=2, concurrency=4, batch_size=12, deadline=4.0, timeout=4.0)
    assert len(set(texts(found))) == 24
    assert server.served == 24


class Counting(Double):
    """May be called from three threads at a time."""

    lanes = 3


def test_an_adapter_is_called_from_as_many_threads_as_it_says(bind: Callable[[str], Suite], tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=30)

    class Meeting(Counting):
        def generate(self, requests: Sequence[Request]) -> list[Response]:
            together.wait()
            return [Response("met") for request in requests]

    caller = Caller.in_thread(Meeting, EngineSpec())
    assert caller.width == 3
    caller.close()
    data = "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 24}}\n"
    suite = bind(f"{data}tasks:\n  t: {{kind: qa, dataset: d, metrics: [exact_match]}}\n")
    _, record = run_suite(suite, Meeting.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
    assert record.status == "complete", record.reason


def test_a_task_that_is_lent_the_model_has_it_alone() -> None:
    caller = Caller.in_thread(Counting, EngineSpec(timeout=0.2))
    with caller.turn(), pytest.raises(Exception, match="did not come free"), caller.turn():
        pass
    with caller.turn() as adapter:
        assert adapter is caller.adapter
    caller.close()


def test_auto_takes_batches_into_account_and_changes_no_fingerprint() -> None:
    plain = OpenAIConfig.model_validate({"base_url": "http://server/v1", "model": "m"})
    auto = plain.model_copy(update={"concurrency": "auto", "batch_size": 10})
    assert (plain.most, plain.lanes, auto.most, auto.lanes) == (8, 1, 40, 5)
    adapters = [
        OpenAIAdapter.from_config(one, Path()) for one in (plain, plain.model_copy(update={"concurrency": "auto"}))
    ]
    assert len({one.fingerprint() for one in adapters}) == 1
    for one in adapters:
        one.close()
