"""How far the pipeline prepares ahead of the model: as far as pictures fit, and never out of order."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.pipeline import Pipeline
from harness.engine.prepare import ahead
from harness.patience import Patience

BATCHES = 200


@given(
    count=st.integers(0, 60),
    least=st.integers(0, 5),
    rooms=st.lists(st.integers(0, 20), min_size=60, max_size=60),
)
def test_items_come_in_order_and_no_more_are_begun_than_there_is_room_for(
    count: int, least: int, rooms: list[int]
) -> None:
    begun: list[int] = []

    def begin(item: int) -> Callable[[], int]:
        begun.append(item)
        return lambda: item

    seen, last = [], 0
    for item in ahead(begin, range(count), least, lambda item: rooms[item]):
        seen.append(item)
        waiting = len(begun) - len(seen)
        assert waiting <= max(least, *rooms[: item + 1])
        assert waiting <= max(least, last + 1), "one more at a time"
        last = waiting
    assert seen == begun == [*range(count)]


@pytest.mark.parametrize(("size", "room"), [(0, 64), (1 << 20, 64), (4 << 20, 16), (1 << 30, 2)])
def test_small_pictures_lie_ready_in_numbers_and_large_ones_do_not(size: int, room: int) -> None:
    """The model works until no more is prepared; then as many lie ready as there is room for."""
    prepared: list[int] = []
    still, asked = threading.Event(), threading.Semaphore(0)

    def prepare(patience: Patience, batch: Any) -> Callable[[], Any]:
        begun = patience.begin(prepared.append, [batch])

        def wait() -> Any:
            patience.end(begun, lambda *_: None)
            return SimpleNamespace(size=size, number=batch)

        return wait

    def ask(ready: Any) -> Any:
        if ready.number == BATCHES // 2:  # by then the room has grown
            asked.release()
            assert still.wait(30)
        return SimpleNamespace(seconds=0.0)

    stop = threading.Event()
    pipeline = Pipeline(prepare, ask, workers=1, width=1, stop=stop, grace=1.0)
    found: list[int] = []

    def read() -> None:
        found.extend(answered.ready.number for answered in pipeline.run(iter(range(BATCHES))))  # type: ignore[arg-type,attr-defined]

    reader = threading.Thread(target=read)
    reader.start()
    assert asked.acquire(timeout=30)
    before = -1
    while before != len(prepared):  # until nothing more comes
        before = len(prepared)
        threading.Event().wait(0.3)
    still.set()
    reader.join(30)
    beyond = before - BATCHES // 2 - 1
    assert room <= beyond <= room + 3, "beside those that stand between the stages"
    assert found == [*range(BATCHES)]
