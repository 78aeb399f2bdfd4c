"""An adapter in a thread of this process."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from harness.errors import SampleError
from harness.hosts.dispatch import dispatch
from harness.hosts.host import GLANCE, Late, Load, Raised
from harness.types import Adapter, Request

_LAST: Final = 1.0
"""Seconds that a call still has when the run is closed; a run that is stopped gave it ``grace`` before."""


class ThreadHost:
    """One thread that owns one adapter. A call that never returns leaves the thread behind, and the adapter with it."""

    def __init__(self, load: Load) -> None:
        self.adapter = load()
        self._turn = threading.Lock()  # models are not made to be used by two threads at once
        self._inbox: queue.SimpleQueue[Sequence[Request] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="harness-adapter")
        self._thread.start()

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        self._inbox.put(requests)
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer, error = self._outbox.get(timeout=max(0.0, min(GLANCE, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline or closed.is_set():
                    raise Late from None
                continue
            if error is not None:
                raise Raised.of(error) from error
            return answer

    @contextmanager
    def lend(self, timeout: float) -> Iterator[Adapter]:
        if not self._turn.acquire(timeout=timeout):
            raise SampleError(f"the model did not come free within {timeout:g} s")
        try:
            yield self.adapter
        finally:
            self._turn.release()

    def stop(self) -> None:
        self._stopped.set()
        self._inbox.put(None)  # should the call ever return

    def close(self) -> None:
        self.stop()
        self._thread.join(_LAST)  # a call that goes on must not find its model closed, nor outlive the run
        with suppress(Exception):  # the run is recorded already; a model that goes badly takes nothing with it
            self.adapter.close()

    def _serve(self) -> None:
        while (requests := self._inbox.get()) is not None:
            try:
                with self._turn:
                    if self._stopped.is_set():
                        return
                    answer = dispatch(self.adapter, requests)
                self._outbox.put((answer, None))
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                self._outbox.put((None, error))
