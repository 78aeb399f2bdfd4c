"""An open loop: requests come when they come, whether or not the ones before are answered."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.seeds import generator
from harness.serve.batcher import Batcher, Done
from harness.types import Adapter, Request, Response, Status

_NEAR: Final = 0.002
"""Seconds before an arrival in which the sender looks at the clock without sleeping."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a load."""

    number: int
    arrival: float
    """Seconds from the start at which it was due."""
    late: float
    """Seconds that it was sent after that: the sender's own fault, and part of the latency."""
    latency: float
    """Seconds from when it was due to the answer."""
    queued: float
    computed: float
    batch: int
    error: str | None = None
    first: float = float("nan")
    """Seconds from when it was due to the first token, where the answer came token by token."""
    between: float = float("nan")
    """Mean seconds between two of its tokens."""


class Target(Protocol):
    """What is put under load."""

    def submit(self, request: Request) -> "Future[Done]":
        """Take a request; may raise where it refuses."""
        ...

    def close(self) -> None: ...


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


class Calling:
    """One call a request, many at a time: for an adapter that speaks to a server, which has its own queue."""

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
        (response,) = self._adapter.generate([request])
        return Done(response, start - asked, time.perf_counter() - start, 1)


def arrivals(rate: float, count: int, *seed: str | int) -> NDArray[np.float64]:
    """Return the seconds at which ``count`` requests of a Poisson process come.

    Args:
        rate: requests a second, above 0.
        count: how many.
        seed: what the process is drawn from.

    >>> bool((np.diff(arrivals(10.0, 5, "x")) > 0).all())
    True
    """
    return np.cumsum(generator(*seed).exponential(1 / rate, count))


def drive(target: Target, requests: Sequence[Request], due: NDArray[np.float64], patience: float) -> list[Sent]:
    """Send every request when it is due and wait for all answers.

    Latency counts from when a request was due, not from when it was sent: a sender that falls behind a
    slow server must not make it look fast ("coordinated omission").

    Args:
        target: what is under load.
        requests: taken in turn.
        due: seconds from the start, rising.
        patience: seconds to wait for answers after the last request.
    """
    ended = [float("nan")] * len(due)
    futures: list[Future[Done] | str] = []
    late = []
    done = threading.Event()
    left = threading.Semaphore(0)

    def stamp(number: int) -> Callable[["Future[Done]"], None]:
        def note(_: "Future[Done]") -> None:
            ended[number] = time.perf_counter()
            left.release()

        return note

    start = time.perf_counter()
    for number, moment in enumerate(due):
        _wait(start + float(moment), done)
        late.append(time.perf_counter() - start - float(moment))
        try:
            future = target.submit(requests[number % len(requests)])
        except HarnessError as cause:
            futures.append(str(cause))
            left.release()
            continue
        future.add_done_callback(stamp(number))
        futures.append(future)
    until = time.perf_counter() + patience
    for _ in futures:
        if not left.acquire(timeout=max(0.0, until - time.perf_counter())):
            break
    return list(_collected(futures, due, late, ended, start))


def _wait(moment: float, event: threading.Event) -> None:
    """Sleep until shortly before a moment, then watch the clock: sleeping alone wakes up to a millisecond late."""
    ahead = moment - time.perf_counter()
    if ahead > _NEAR:
        event.wait(ahead - _NEAR)
    while time.perf_counter() < moment:
        time.sleep(0)


def _collected(
    futures: "Sequence[Future[Done] | str]",
    due: NDArray[np.float64],
    late: Sequence[float],
    ended: Sequence[float],
    start: float,
) -> Iterator[Sent]:
    nan = float("nan")
    for number, future in enumerate(futures):
        when = float(due[number])
        error = future if isinstance(future, str) else _problem(future)
        if error is not None or isinstance(future, str):
            yield Sent(number, when, late[number], nan, nan, nan, 0, error)
            continue
        done = future.result()
        latency = ended[number] - start - when
        first, between = _tokens(done.response, latency)
        yield Sent(number, when, late[number], latency, done.queued, done.computed, done.batch, None, first, between)


def _tokens(response: Response, latency: float) -> tuple[float, float]:
    """Return when the first token came and the time between two, NaN where the adapter doesn't say.

    Whatever a request waited for before it was sent counts: the first token is as long before the end as the others
    took.
    """
    nan = float("nan")
    if "ttft" not in response.seconds:
        return nan, nan
    between = response.seconds.get("inter_token_latency", nan)
    after = between * ((response.tokens_out or 1) - 1) if between == between else 0.0  # noqa: PLR0124 - NaN
    return latency - after, between


def _problem(future: "Future[Done]") -> str | None:
    if not future.done():
        future.cancel()
        return "no answer before the test gave up"
    if future.cancelled():
        return "cancelled"
    cause = future.exception()
    if cause is not None:
        return f"{type(cause).__name__}: {cause}"
    response = future.result().response
    return None if response.status is Status.OK else response.error or str(response.status)
