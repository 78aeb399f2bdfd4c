"""Once a run is over, however it ended, nobody asks its model any more."""

import threading
import time
from collections.abc import Sequence
from typing import ClassVar

import pytest

from harness.cli._progress import Silent
from harness.engine.keep import Keeper
from harness.engine.run import RunOptions, run_suite
from harness.errors import SampleError
from harness.hosts.call import Caller
from harness.spec.models import EngineSpec
from harness.types import Request, Response, Status
from tests.doubles import Double

ONE = [Request(id="r", images=(), prompt="?")]


class Slow(Double):
    """Says what happens to it."""

    batch_size = 2
    loaded: ClassVar[int] = 0
    saw: ClassVar[list[str]] = []
    begun: ClassVar[threading.Event] = threading.Event()

    def __init__(self) -> None:
        type(self).loaded += 1

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        self.saw.append("begin")
        self.begun.set()
        time.sleep(0.2)
        self.saw.append("end")
        return super().generate(requests)

    def close(self) -> None:
        self.saw.append("closed")


@pytest.fixture(autouse=True)
def anew() -> None:
    Slow.loaded = 0
    Slow.saw.clear()
    Slow.begun.clear()


def test_a_call_that_is_going_on_ends_before_its_model_is_closed() -> None:
    caller = Caller.in_thread(Slow, EngineSpec())
    asking = threading.Thread(target=caller.ask, args=(ONE,))
    asking.start()
    assert Slow.begun.wait(10)
    caller.close()
    assert Slow.saw == ["begin", "end", "closed"]
    asking.join()


def test_a_model_that_was_closed_is_neither_asked_nor_loaded_anew() -> None:
    caller = Caller.in_thread(Slow, EngineSpec(retries=2))
    caller.close()
    (response,) = caller.ask(ONE).responses
    assert (response.status, response.error) == (Status.ERROR, "the run was closed before the answer came")
    with pytest.raises(SampleError, match="the run was closed"), caller.turn():
        pass
    assert (Slow.loaded, Slow.saw) == (1, ["closed"])


def test_a_batch_that_waits_for_the_model_when_the_run_is_closed_is_never_asked() -> None:
    caller = Caller.in_thread(Slow, EngineSpec())
    with caller.turn():
        asking = threading.Thread(target=caller.ask, args=(ONE,))
        asking.start()
        closing = threading.Thread(target=caller.close)
        closing.start()
        closing.join()
    asking.join()
    assert Slow.saw == ["closed"]


def test_a_model_that_is_loaded_while_the_run_is_closed_is_closed_too() -> None:
    loading, closed = threading.Event(), threading.Event()

    def load() -> Slow:
        if Slow.loaded:
            loading.set()
            assert closed.wait(10)
        return Slow()

    caller = Caller.in_thread(load, EngineSpec(timeout=0.05))
    assert caller.ask(ONE).responses[0].status == Status.TIMEOUT
    asking = threading.Thread(target=caller.ask, args=(ONE,))
    asking.start()
    assert loading.wait(10)
    caller.close()
    closed.set()
    asking.join()
    assert Slow.loaded == 2
    assert Slow.saw.count("closed") == 1
    assert Slow.saw.count("begin") == 1


class Breaks(BaseException):
    """Nobody catches it, and whoever keeps it keeps what was going on alive."""


def test_a_run_that_breaks_asks_no_more_though_its_traceback_is_kept(bind, write, tmp_path, monkeypatch) -> None:
    write("d.jsonl", "\n".join(f'{{"id": "{i}", "question": "?", "answer": "a"}}' for i in range(40)))
    suite = bind(
        "suite: s\nversion: 1\ndatasets: {d: {type: jsonl, path: d.jsonl}}\n"
        "tasks: {qa: {kind: qa, dataset: d, metrics: [exact_match]}}\n"
    )

    def breaks(*_: object) -> None:
        raise Breaks

    monkeypatch.setattr(Keeper, "keep", breaks)
    with pytest.raises(Breaks) as kept:
        run_suite(suite, Slow.choice(tmp_path), RunOptions(tmp_path / "runs", grace=0), Silent())
    saw = [*Slow.saw]
    assert saw[-2:] == ["end", "closed"]
    time.sleep(0.5)
    assert Slow.saw == saw
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("harness-feed")]
    assert (kept.type, names) == (Breaks, [])
