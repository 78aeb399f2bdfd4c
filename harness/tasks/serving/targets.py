"""What is put under load: an adapter behind a batcher here, or a server, one call a request."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from harness.hosts.answers import checked
from harness.serve.batcher import Batcher, Done
from harness.tasks._watch import Watch
from harness.types import Adapter, Request, Response


class Target(Protocol):
    """What is put under load."""

    def submit(self, request: Request) -> "Future[Done]":
        """Take a request; may raise where it refuses."""
        ...

    def close(self) -> None: ...


class Sender(Protocol):
    """Requests that only have to be sent."""

    def send(self, number: int) -> "Future[Response]":
        """Send one of them, at once, once, from any thread."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Sends(Protocol):
    """An adapter whose requests can be sent without its own pace, retries and encoding in the way."""

    def sender(self, requests: Sequence[Request], most: int | None) -> Sender:
        """Make requests ready to be sent, at most so many at a time."""
        ...


class Watched:
    """An adapter that is asked one batch after another, each of which is watched; it can nothing else.

    What comes back that is no response is an answer that says so.
    """

    def __init__(self, adapter: Adapter, watch: Watch, step: str) -> None:
        self._adapter = adapter
        self._watch = watch
        self._step = step

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Ask the adapter."""
        with self._watch.during("call", self._step):
            return checked(self._adapter.generate(requests), requests)


class Batching:
    """The adapter behind a dynamic batcher in this process."""

    def __init__(self, batcher: Batcher, timeout: float) -> None:
        self._batcher = batcher
        self._timeout = timeout

    def submit(self, request: Request) -> "Future[Done]":
        """See :class:`Target`."""
        return self._batcher.submit(request, self._timeout)

    def close(self) -> None:
        """Leave nobody waiting."""
        self._batcher.close(drain=False)


class Sending:
    """Requests that an adapter sends to its server by itself, each as soon as it is told."""

    def __init__(self, sender: Sender, requests: Sequence[Request], now: Callable[[], float]) -> None:
        self._sender = sender
        self._numbers = {id(request): number for number, request in enumerate(requests)}
        self._now = now

    def submit(self, request: Request) -> "Future[Done]":
        """See :class:`Target`."""
        start, done = self._now(), Future[Done]()
        done.set_running_or_notify_cancel()

        def ended(future: "Future[Response]") -> None:
            if future.cancelled():
                done.set_exception(ConnectionError("the adapter was closed"))
            elif (cause := future.exception()) is not None:
                done.set_exception(cause)
            else:
                done.set_result(Done(future.result(), 0.0, self._now() - start, 1))

        self._sender.send(self._numbers[id(request)]).add_done_callback(ended)
        return done

    def close(self) -> None:
        """Leave nobody waiting."""
        self._sender.close()


class Calling:
    """One call a request, many at a time, for any other adapter that speaks to a server and may be called so."""

    def __init__(self, adapter: Adapter, connections: int) -> None:
        self._adapter = adapter
        self._pool = ThreadPoolExecutor(connections, "harness-load")

    def submit(self, request: Request) -> "Future[Done]":
        """See :class:`Target`."""
        return self._pool.submit(self._call, request, time.perf_counter())

    def close(self) -> None:
        """Leave nobody waiting."""
        self._pool.shutdown(cancel_futures=True)

    def _call(self, request: Request, asked: float) -> Done:
        start = time.perf_counter()
        (response,) = checked(self._adapter.generate([request]), [request])
        return Done(response, start - asked, time.perf_counter() - start, 1)
