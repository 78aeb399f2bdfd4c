"""Keep the model busy: prepare ahead of it, ask, and hand its answers over for scoring while it goes on."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from harness.engine.ask import Exchanged
from harness.engine.plan import Batch
from harness.engine.prepare import Prepared, ahead
from harness.patience import Patience

_GLANCE: Final = 0.2
"""Seconds between looks up while waiting: whether somebody wants the run to stop."""

_AHEAD: Final = 64
"""Batches that may lie ready: corruptions of one cell take ten times as long as those of the next."""
_BYTES: Final = 64 << 20
"""Bytes of pictures that may lie ready."""

T = TypeVar("T")

STAGES: Final = ("prepare", "model", "idle", "wait", "score", "store")
"""What is timed: making requests, the model's calls, the model waiting for work, whoever iterates waiting for answers,
scoring, writing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch and what came of it."""

    ready: Prepared
    done: Exchanged


class Pipeline:
    """Three stages with short queues between them: prepare, ask, and whoever iterates.

    The order is the plan's. Nothing waits for a slower stage longer than it must, and no stage runs
    further ahead than the queues are long, so that memory stays flat: pictures of 64 MiB or of two batches a worker
    lie ready, whichever is more, and no more than 64 batches.
    """

    def __init__(
        self,
        prepare: Callable[[Patience, Batch], Callable[[], Prepared]],
        ask: Callable[[Prepared], Exchanged],
        *,
        workers: int,
        width: int,
        stop: threading.Event,
        grace: float,
        patience: float = 0.0,
    ) -> None:
        """Lay the stages out.

        Args:
            prepare: begins to make requests of a batch, in ``workers`` threads.
            ask: gets the answers, in ``width`` threads.
            workers: batches that are prepared at a time.
            width: batches that are asked at a time.
            stop: when it is set, no more batches are asked.
            grace: seconds that a batch in flight then has to end.
            patience: seconds that it may take to prepare a sample.
        """
        self._prepare = prepare
        self._ask = ask
        self._workers = workers
        self._width = width
        self._stop = stop
        self._grace = grace
        self._patience = patience
        self._closed = threading.Event()
        self._deadline = float("inf")
        self.timings = dict.fromkeys(STAGES, 0.0)
        self._adding = threading.Lock()
        self._asker = threading.local()
        self._largest = 1

    def run(self, batches: Iterator[Batch]) -> Generator[Answered, None, None]:
        """Yield every batch with its answers.

        Once ``stop`` is set, the batches in flight are yielded as far as they end in time, and no others.

        Raises:
            Exception: what reading the data, or replacing an adapter that was abandoned, raised.
        """
        out: _Queue = queue.Queue(self._width)
        self._begun = time.perf_counter()
        askers = ThreadPoolExecutor(self._width, thread_name_prefix="harness-ask")
        feeder = threading.Thread(target=self._feed, args=(batches, askers, out), daemon=True, name="harness-feed")
        feeder.start()
        try:
            while True:
                item = self._next(out)
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                ready, future = item
                called = self._result(future)
                if called is not None:
                    yield Answered(ready, called)
        finally:
            self._closed.set()
            askers.shutdown(wait=False, cancel_futures=True)

    def add(self, stage: str, seconds: float) -> None:
        """Count time that a stage took."""
        with self._adding:
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    def _feed(
        self,
        batches: Iterator[Batch],
        askers: ThreadPoolExecutor,
        out: "_Queue",
    ) -> None:
        last: BaseException | None = None
        try:
            with (
                Patience(self._workers, self._patience, partial(self.add, "prepare")) as patience,
                closing(ahead(partial(self._prepare, patience), batches, 2 * self._workers, self._room)) as prepared,
            ):
                for ready in prepared:
                    if self._stop.is_set() or self._closed.is_set():
                        break
                    if not self._put(out, (ready, askers.submit(self._ask_timed, ready))):
                        break
        except BaseException as error:  # noqa: BLE001 - it is raised where the answers are read
            last = error
        if last is not None:
            self._put(out, last)
        self._put(out, None)

    def _room(self, ready: Prepared) -> int:
        """Return how many batches may lie ready, were all as large as the largest so far."""
        self._largest = max(self._largest, ready.size)
        return min(_AHEAD, _BYTES // self._largest)

    def _ask_timed(self, ready: Prepared) -> Exchanged:
        start = time.perf_counter()
        called = self._ask(ready)
        self.add("idle", start - getattr(self._asker, "since", self._begun))
        self.add("model", called.seconds)
        self._asker.since = time.perf_counter()
        return called

    def _next(self, out: "_Queue") -> "_Item":
        """Wait for the next batch; None where there is none, or the run is to stop and it does not come in time."""
        start = time.perf_counter()
        while True:
            try:
                item = out.get(timeout=_GLANCE)
            except queue.Empty:
                if self._overdue():
                    return None
                continue
            self.add("wait", time.perf_counter() - start)
            return item

    def _result(self, future: "Future[Exchanged]") -> Exchanged | None:
        """Wait for an answer; None where the run is to stop and it did not come in time."""
        start = time.perf_counter()
        while True:
            overdue = self._overdue()
            if overdue or (self._stop.is_set() and future.cancel()):
                return None
            try:
                called = future.result(timeout=_GLANCE)
            except TimeoutError:
                if future.done():
                    raise
                continue
            self.add("wait", time.perf_counter() - start)
            return called

    def _overdue(self) -> bool:
        """Return whether the run is to stop, and what is in flight has had its time."""
        if self._stop.is_set():
            self._deadline = min(self._deadline, time.monotonic() + self._grace)
        return time.monotonic() > self._deadline

    def _put(self, out: "queue.Queue[T]", item: T) -> bool:
        while not self._closed.is_set():
            try:
                out.put(item, timeout=_GLANCE)
                return True
            except queue.Full:
                continue
        return False


_Item = tuple[Prepared, Future[Exchanged]] | BaseException | None
_Queue = queue.Queue[_Item]
