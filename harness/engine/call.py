"""Call an adapter that may raise, hang, answer too little or answer nonsense, and always get one response a request."""

import operator
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.engine.dispatch import dispatch
from harness.errors import SampleError
from harness.types import Adapter, Request, Response, Status

_GLANCE: Final = 0.5
"""Seconds between looks up while waiting: a Ctrl-C that comes just before a wait is noticed only after it."""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of one call."""

    responses: tuple[Response, ...]
    seconds: float
    """Wall-clock time of the call."""
    cached: frozenset[int] = frozenset()
    """Positions of responses that were known already."""


class _Worker:
    """One thread that owns one adapter. A call that never returns leaves the thread behind, and the adapter with it."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.turn = threading.Lock()
        """Whoever works with the model holds it: models are not made to be used by two threads at once."""
        self._inbox: queue.SimpleQueue[Sequence[Request] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True, name="harness-adapter").start()

    def ask(
        self, requests: Sequence[Request], timeout: float, closed: threading.Event
    ) -> tuple[Any, BaseException | None]:
        """Return the adapter's answer or what it raised.

        Raises:
            queue.Empty: if it takes longer than ``timeout`` seconds, or nobody wants it any more.
        """
        self._inbox.put(requests)
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self._outbox.get(timeout=max(0.0, min(_GLANCE, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline or closed.is_set():
                    raise

    def stop(self) -> None:
        self._inbox.put(None)

    def _serve(self) -> None:
        while (requests := self._inbox.get()) is not None:
            try:
                with self.turn:
                    answer = dispatch(self.adapter, requests)
                self._outbox.put((answer, None))
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                self._outbox.put((None, error))


class Caller:
    """Calls an adapter under a time limit, with retries, and replaces it after a time-out."""

    def __init__(self, load: Callable[[], Adapter], timeout: float, retries: int) -> None:
        self._load = load
        self._timeout = timeout
        self._retries = retries
        self._adapter = load()
        self._worker: _Worker | None = _Worker(self._adapter)
        self._loading = threading.Lock()
        self._closed = threading.Event()

    @property
    def adapter(self) -> Adapter:
        """The adapter in use, or the one that was abandoned last."""
        return self._adapter

    def ask(self, requests: Sequence[Request]) -> Called:
        """Return one response a request, whatever the adapter does."""
        start = time.perf_counter()
        responses = self._ask(requests)
        return Called(tuple(responses), time.perf_counter() - start)

    @contextmanager
    def turn(self) -> Iterator[Adapter]:
        """Give the model to a task that works with it beside the calls, from any thread, alone.

        Raises:
            SampleError: if it does not come free within the time limit.
        """
        worker = self._ready()
        if not worker.turn.acquire(timeout=self._timeout):
            raise SampleError(f"the model did not come free within {self._timeout:g} s")
        try:
            yield worker.adapter
        finally:
            worker.turn.release()

    def close(self) -> None:
        """Let go of the adapter; a call that is still going on is given up."""
        self._closed.set()
        if self._worker:
            self._worker.stop()
            self._worker = None
            with suppress(Exception):  # the run is recorded already; a model that goes badly takes nothing with it
                self._adapter.close()

    def _ready(self) -> _Worker:
        with self._loading:
            if self._worker is None:
                self._adapter = self._load()
                self._worker = _Worker(self._adapter)
            return self._worker

    def _ask(self, requests: Sequence[Request]) -> list[Response]:
        failure = ""
        for _ in range(self._retries + 1):
            try:
                answer, error = self._ready().ask(requests, self._timeout, self._closed)
            except queue.Empty:
                if self._worker:
                    self._worker.stop()  # should the call ever return
                self._worker = None
                said = f"no answer within {self._timeout:g} s; the adapter was abandoned and is loaded anew"
                return [Response(None, Status.TIMEOUT, said) for _ in requests]
            if error is None:
                return _checked(answer, len(requests))
            failure = f"the adapter raised {type(error).__name__}: {error}"
        return [Response(None, Status.ERROR, failure) for _ in requests]


def _checked(answer: Any, count: int) -> list[Response]:
    if isinstance(answer, (str, bytes)) or not isinstance(answer, Sequence):
        said = f"the adapter returned {type(answer).__name__} instead of a list of responses"
        return [Response(None, Status.ERROR, said) for _ in range(count)]
    if len(answer) > count:
        said = f"the adapter returned {len(answer)} responses to {count} requests; which belongs to which is unknown"
        return [Response(None, Status.ERROR, said) for _ in range(count)]
    said = f"the adapter returned {len(answer)} responses to {count} requests"
    missing = [Response(None, Status.MISSING, said)] * (count - len(answer))
    return [_checked_one(response) for response in answer] + missing


def _checked_one(response: Any) -> Response:
    if not isinstance(response, Response):
        return Response(None, Status.ERROR, f"the adapter returned {response!r:.80} instead of a Response")
    if response.status == Status.OK and response.vector is None and not isinstance(response.text, str):
        return Response(None, Status.ERROR, f"the adapter answered {response.text!r:.80} instead of text")
    if response.status != Status.OK and response.status not in (Status.ERROR, Status.TIMEOUT, Status.MISSING):
        return Response(None, Status.ERROR, f"the adapter gave the status {response.status!r}")
    try:
        return replace(
            response,
            error=None if response.error is None else str(response.error),
            tokens_in=_count(response.tokens_in),
            image_tokens=_count(response.image_tokens),
            tokens_out=_count(response.tokens_out),
        )
    except (TypeError, ValueError) as cause:
        return Response(None, Status.ERROR, f"the adapter counted tokens wrongly: {cause}")


def _count(value: Any) -> int | None:
    """Return a number of tokens as a plain integer, whatever library it comes from."""
    if value is None:
        return None
    count = operator.index(value)
    if not 0 <= count < 1 << 63:
        raise ValueError(f"{count} tokens")
    return count
