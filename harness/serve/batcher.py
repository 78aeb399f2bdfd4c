"""Collect single requests into batches: as many as fit, or as many as came within a short wait, whichever is first."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Protocol

from harness.errors import HarnessError
from harness.types import Request, Response

_PATIENCE: Final = 0.5
"""The longest that the worker sleeps without looking up, in seconds."""
_HABIT: Final = 0.2
"""Weight of the newest batch in the running mean of the time a request takes."""


class QueueFull(HarnessError):
    """There is no room; come back later."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        """Seconds after which there should be room."""
        super().__init__(f"the queue is full; try again in {wait:.1f} s")


class Closed(HarnessError):
    """The batcher takes no more requests."""


class TooLate(HarnessError):
    """The request's time ran out before the model got to it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are collected."""

    max_batch_size: int = 8
    max_wait: float = 0.005
    """Seconds that the first request of a batch waits for others."""
    max_queue: int = 256
    """Requests that may wait; more are refused."""


@dataclass(frozen=True, slots=True)
class Done:
    """An answer, and what it took."""

    response: Response
    queued: float
    """Seconds from arrival to the start of its batch."""
    computed: float
    """Seconds of its batch in the model."""
    batch: int
    """Requests in its batch."""


@dataclass(slots=True)
class _Waiting:
    request: Request
    arrived: float
    deadline: float
    future: "Future[Done]"


@dataclass(slots=True)
class Counts:
    """What a batcher has done since it was made."""

    batches: Counter[int] = field(default_factory=Counter)
    """Batches by size."""
    queued: float = 0.0
    """Seconds in the queue, added up over requests."""
    computed: float = 0.0
    """Seconds in the model, added up over batches."""
    refused: int = 0
    late: int = 0
    failed: int = 0


class Generates(Protocol):
    """What a batcher asks: an adapter, or what stands before one."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Answer a batch."""
        ...


class Batcher:
    """One model, one thread that calls it, one bounded queue. Safe to submit to from any thread."""

    def __init__(self, adapter: Generates, policy: Policy, clock: Callable[[], float] = time.perf_counter) -> None:
        self._adapter = adapter
        self._policy = policy
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._busy = 0
        self._each = 0.05
        self.counts = Counts()
        self._thread = threading.Thread(target=self._work, daemon=True, name="harness-batcher")
        self._thread.start()

    def submit(self, request: Request, timeout: float = 3600.0) -> "Future[Done]":
        """Queue a request.

        Args:
            request: what to ask.
            timeout: seconds after which it need not be answered any more.

        Returns:
            A future; it raises :class:`TooLate`, or what the adapter raised.

        Raises:
            QueueFull: if there is no room.
            Closed: if the batcher is closing.
        """
        now = self._clock()
        future: Future[Done] = Future()
        with self._changed:
            if self._closed:
                raise Closed("the server is closing")
            if len(self._waiting) >= self._policy.max_queue:
                self.counts.refused += 1
                raise QueueFull(max(0.1, self._each * len(self._waiting)))
            self._waiting.append(_Waiting(request, now, now + timeout, future))
            self._changed.notify_all()
        return future

    @property
    def depth(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """How many requests the model works on."""
        return self._busy

    def close(self, drain: bool = True, timeout: float = 60.0) -> bool:
        """Take no more requests and stop.

        Args:
            drain: answer what waits first; otherwise it fails with :class:`Closed`.
            timeout: seconds to wait for the model.

        Returns:
            Whether everything was done in time.
        """
        with self._changed:
            self._closed = True
            left = [] if drain else list(self._waiting)
            if not drain:
                self._waiting.clear()
            self._changed.notify_all()
        for waiting in left:
            if waiting.future.set_running_or_notify_cancel():  # whoever gave up waiting is told nothing
                waiting.future.set_exception(Closed("the server is closing"))
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (batch := self._collect()) is not None:
            live = [waiting for waiting in batch if self._in_time(waiting)]
            if live:
                self._busy = len(live)
                self._answer(live)
                self._busy = 0

    def _collect(self) -> list[_Waiting] | None:
        """Wait for a batch; None once the batcher is closed and empty."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait(_PATIENCE)
            until = self._waiting[0].arrived + self._policy.max_wait
            while len(self._waiting) < self._policy.max_batch_size and not self._closed:
                left = until - self._clock()
                if left <= 0:
                    break
                self._changed.wait(min(left, _PATIENCE))
            size = min(len(self._waiting), self._policy.max_batch_size)
            return [self._waiting.popleft() for _ in range(size)]

    def _in_time(self, waiting: _Waiting) -> bool:
        if not waiting.future.set_running_or_notify_cancel():
            return False
        if self._clock() <= waiting.deadline:
            return True
        self.counts.late += 1
        waiting.future.set_exception(TooLate("the request waited longer than its time limit"))
        return False

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        start = self._clock()
        try:
            responses = list(self._adapter.generate([waiting.request for waiting in batch]))
            if len(responses) != len(batch):
                raise HarnessError(f"the adapter gave {len(responses)} responses to {len(batch)} requests")
        except BaseException as cause:  # noqa: BLE001 - whatever a model raises fails its batch, never the server
            self.counts.failed += len(batch)
            for waiting in batch:
                waiting.future.set_exception(cause)
            return
        took = self._clock() - start
        self._each += _HABIT * (took / len(batch) - self._each)
        self.counts.batches[len(batch)] += 1
        self.counts.computed += took
        for waiting, response in zip(batch, responses, strict=True):
            queued = start - waiting.arrived
            self.counts.queued += queued
            waiting.future.set_result(Done(response, queued, took, len(batch)))
