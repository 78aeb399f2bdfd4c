"""An adapter in threads of this process."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from harness.errors import SampleError
from harness.hosts.dispatch import dispatch
from harness.hosts.freed import keep_freed
from harness.hosts.host import GLANCE, Late, Load, Raised
from harness.types import Adapter, Request

_LAST: Final = 1.0
"""Seconds that a call still has when the run is closed; a run that is stopped gave it ``grace`` before."""

_Outbox = queue.SimpleQueue[tuple[Any, BaseException | None]]


class ThreadHost:
    """Threads that own one adapter. A call that never returns leaves its thread behind, and the adapter with it.

    One thread, unless the adapter says by ``lanes`` that it may be called from so many at a time.
    """

    def __init__(self, load: Load) -> None:
        keep_freed()
        self.adapter = load()
        self.lanes = int(getattr(self.adapter, "lanes", 1))
        self._turns = [threading.Lock() for _ in range(self.lanes)]
        """One a thread: models are not made to be used by a task while they are called."""
        self._inbox: queue.SimpleQueue[tuple[Sequence[Request], _Outbox] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(turn,), daemon=True, name="harness-adapter")
            for turn in self._turns
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        outbox: _Outbox = queue.SimpleQueue()
        self._inbox.put((requests, outbox))
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer, error = outbox.get(timeout=max(0.0, min(GLANCE, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline or closed.is_set():
                    raise Late from None
                continue
            if error is not None:
                raise Raised.of(error) from error
            return answer

    @contextmanager
    def lend(self, timeout: float) -> Iterator[Adapter]:
        until = time.monotonic() + timeout
        with ExitStack() as taken:
            for turn in self._turns:
                if not turn.acquire(timeout=max(0.0, until - time.monotonic())):
                    raise SampleError(f"the model did not come free within {timeout:g} s")
                taken.callback(turn.release)
            yield self.adapter

    def stop(self) -> None:
        self._stopped.set()
        for _ in self._threads:
            self._inbox.put(None)  # should the call ever return

    def close(self) -> None:
        self.stop()
        until = time.monotonic() + _LAST
        for thread in self._threads:  # a call that goes on must not find its model closed, nor outlive the run
            thread.join(max(0.0, until - time.monotonic()))
        with suppress(Exception):  # the run is recorded already; a model that goes badly takes nothing with it
            self.adapter.close()

    def _serve(self, turn: threading.Lock) -> None:
        while (asked := self._inbox.get()) is not None:
            requests, outbox = asked
            try:
                with turn:
                    if self._stopped.is_set():
                        return
                    answer = dispatch(self.adapter, requests)
                outbox.put((answer, None))
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                outbox.put((None, error))
