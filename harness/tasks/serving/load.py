"""Loads: an open loop, where requests come when they come, and a closed one, where clients wait for their answers."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.seeds import generator
from harness.serve.batcher import Done
from harness.tasks.serving.targets import Target
from harness.types import Request, Response, Status

_NEAR: Final = 0.002
"""Seconds before an arrival in which the sender looks at the clock without sleeping."""
_NAN: Final = float("nan")


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
    first: float = _NAN
    """Seconds from when it was due to the first token, where the answer came token by token."""
    between: float = _NAN
    """Mean seconds between two of its tokens."""
    tokens: float = _NAN
    """Tokens of its answer, where somebody counted them."""


class Clock(Protocol):
    """What time it is, and how to wait; a test brings one of its own, in which nothing takes time."""

    def now(self) -> float:
        """Return seconds since some moment."""
        ...

    def until(self, moment: float) -> None:
        """Return at a moment, not before."""
        ...

    def take(self, ended: threading.Semaphore, until: float) -> bool:
        """Wait for one more answer; return whether it came before a moment."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        """See :class:`Clock`."""
        return time.perf_counter()

    def until(self, moment: float) -> None:
        """Sleep until shortly before a moment, then watch the clock: sleeping alone wakes up to a millisecond late."""
        ahead = moment - time.perf_counter()
        if ahead > _NEAR:
            time.sleep(ahead - _NEAR)
        while time.perf_counter() < moment:
            time.sleep(0)

    def take(self, ended: threading.Semaphore, until: float) -> bool:
        """See :class:`Clock`."""
        return ended.acquire(timeout=max(0.0, until - time.perf_counter()))


REAL: Final[Clock] = RealClock()


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


def drive(
    target: Target, requests: Sequence[Request], due: NDArray[np.float64], patience: float, clock: Clock = REAL
) -> list[Sent]:
    """Send every request when it is due and wait for all answers.

    Latency counts from when a request was due, not from when it was sent: a sender that falls behind a
    slow server must not make it look fast ("coordinated omission").

    Args:
        target: what is under load.
        requests: taken in turn.
        due: seconds from the start, rising.
        patience: seconds to wait for answers after the last request.
        clock: by which all of it goes.
    """
    load = _Load(target, requests, clock)
    for moment in due:
        load.send(float(moment))
    return load.answers(patience)


def revolve(
    target: Target, requests: Sequence[Request], clients: int, count: int, patience: float, clock: Clock = REAL
) -> list[Sent]:
    """Let clients ask one request after the other, each its next one as soon as its last is answered.

    A request is due when the answer before it came. Such a load never asks for more than the server does: it tells
    how fast that is, and nothing of how long somebody waits who comes unasked.

    Args:
        target: what is under load.
        requests: taken in turn.
        clients: how many ask at a time.
        count: requests in all.
        patience: seconds to wait for an answer; where none comes, what was not sent stays unsent.
        clock: by which all of it goes.
    """
    load = _Load(target, requests, clock)
    for number in range(count):
        due = 0.0 if number < clients else load.freed(patience)
        if due is None:
            break
        load.send(due)
    return load.answers(patience)


class _Load:
    """What was sent so far, and what came of it."""

    def __init__(self, target: Target, requests: Sequence[Request], clock: Clock) -> None:
        self._target = target
        self._requests = requests
        self._clock = clock
        self._sent: list[tuple[float, float, Future[Done] | str]] = []
        self._ended: dict[int, float] = {}
        self._order: list[int] = []
        self._taken = 0
        self._left = threading.Semaphore(0)
        self._start = clock.now()

    def send(self, due: float) -> None:
        """Send the next request when it is due."""
        self._clock.until(self._start + due)
        number, late = len(self._sent), self._clock.now() - self._start - due
        try:
            future = self._target.submit(self._requests[number % len(self._requests)])
        except HarnessError as cause:
            self._sent.append((due, late, str(cause)))
            self._note(number)
            return
        self._sent.append((due, late, future))
        future.add_done_callback(self._noting(number))

    def freed(self, patience: float) -> float | None:
        """Return when the next client had its answer; None where no answer comes any more."""
        if not self._clock.take(self._left, self._clock.now() + patience):
            return None
        self._taken += 1
        return self._ended[self._order[self._taken - 1]]

    def answers(self, patience: float) -> list[Sent]:
        """Wait for what is under way, so many seconds in all, and return everything."""
        until = self._clock.now() + patience
        while self._taken < len(self._sent) and self._clock.take(self._left, until):
            self._taken += 1
        return list(self._collected())

    def _noting(self, number: int) -> Callable[["Future[Done]"], None]:
        return lambda _: self._note(number)

    def _note(self, number: int) -> None:
        self._ended[number] = self._clock.now() - self._start
        self._order.append(number)
        self._left.release()

    def _collected(self) -> Iterator[Sent]:
        for number, (due, late, future) in enumerate(self._sent):
            error = future if isinstance(future, str) else _problem(future)
            if error is not None or isinstance(future, str):
                yield Sent(number, due, late, _NAN, _NAN, _NAN, 0, error)
                continue
            done = future.result()
            latency = self._ended[number] - due
            first, between = _tokens(done.response, latency)
            tokens = _NAN if done.response.tokens_out is None else float(done.response.tokens_out)
            parts = (done.queued, done.computed, done.batch)
            yield Sent(number, due, late, latency, *parts, None, first, between, tokens)


def _tokens(response: Response, latency: float) -> tuple[float, float]:
    """Return when the first token came and the time between two, NaN where the adapter doesn't say.

    Whatever a request waited for before it was sent counts: the first token is as long before the end as the others
    took.
    """
    if "ttft" not in response.seconds:
        return _NAN, _NAN
    between = response.seconds.get("inter_token_latency", _NAN)
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
