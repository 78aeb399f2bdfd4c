"""A clock in which nothing takes time, and a streaming server of known capacity that goes by it."""

import heapq
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from harness.types import Request, Response, Status
from tests.doubles import Double


class SimulatedClock:
    """Jumps from one event to the next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def at(self, moment: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, event))

    def until(self, moment: float) -> None:
        while self._events and self._events[0][0] <= moment:
            self._step()
        self._now = max(self._now, moment)

    def take(self, ended: threading.Semaphore, until: float) -> bool:
        while not ended.acquire(blocking=False):
            if not self._events or self._events[0][0] > until:
                self._now = max(self._now, until)
                return False
            self._step()
        return True

    def _step(self) -> None:
        moment, _, event = heapq.heappop(self._events)
        self._now = max(self._now, moment)
        event()


@dataclass
class Streaming(Double):
    """So many places, each of which answers one request at a time in ``service`` seconds, first come first served."""

    clock: SimulatedClock
    places: int = 1
    service: float = 0.1
    first: float = 0.02
    """Seconds to the first token, from when a place takes the request on."""
    tokens: int = 5
    lost: Callable[[int], bool] = lambda number: False
    free: list[float] = field(default_factory=list)

    def sender(self, requests: Sequence[Request], most: int | None) -> "Streaming":
        self.free = [self.clock.now()] * self.places
        return self

    def send(self, number: int) -> "Future[Response]":
        start = max(self.clock.now(), heapq.heappop(self.free))
        heapq.heappush(self.free, start + self.service)
        future: Future[Response] = Future()
        between = (self.service - self.first) / max(1, self.tokens - 1)
        seconds = {"ttft": start - self.clock.now() + self.first}
        seconds |= {"inter_token_latency": between} if self.tokens > 1 else {}
        answer = Response("x", tokens_out=self.tokens, seconds=seconds)
        if self.lost(number):
            answer = Response(None, Status.ERROR, "lost")
        self.clock.at(start + self.service, lambda: future.set_result(answer))
        return future

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.clock.until(self.clock.now() + self.service)
        return [Response("x", tokens_out=self.tokens, seconds={"ttft": self.first})] * len(requests)
