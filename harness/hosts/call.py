"""Call an adapter that may raise, hang, die or answer nonsense, and always get one response a request."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from harness.errors import SampleError
from harness.hosts.answers import checked
from harness.hosts.far import Facts, FarAdapter
from harness.hosts.host import Died, Host, Late, Raised
from harness.hosts.thread import ThreadHost
from harness.spec.models import EngineSpec
from harness.types import Adapter, Request, Response, Status

_CLOSED: Final = "the run was closed before the answer came"
_QUIET: Final = 16
"""Calls in a row that bring no answer, after which one that is still waiting is missing."""

NOT_SENT: Final = Response(None, Status.MISSING, "it was not asked", later=True)
"""What stands for the answer to a request that waits."""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of one call."""

    responses: tuple[Response, ...]
    seconds: float
    """Wall-clock time of the call."""
    cached: frozenset[int] = frozenset()
    """Positions of responses that were known already."""


class Caller:
    """Calls an adapter under a time limit, with retries, and replaces it when it hangs or dies.

    Where answers don't depend on their batch, a batch that is too large, too slow or deadly is cut
    into smaller ones, so that only the sample that is to blame is lost.
    """

    def __init__(self, start: Callable[[], Host], policy: EngineSpec) -> None:
        self._start = start
        self._policy = policy
        self._host: Host | None = start()
        self._adapter = self._host.adapter
        self.width = self._host.lanes
        self._loading = threading.Lock()
        self._closed = threading.Event()
        self._largest: int | None = None
        """How many requests fit into memory, once it is known."""

    @classmethod
    def in_thread(cls, load: Callable[[], Adapter], policy: EngineSpec) -> "Caller":
        """Call an adapter that lives in this process."""
        return cls(lambda: ThreadHost(load), policy)

    @property
    def adapter(self) -> Adapter:
        """The adapter in use, or the one that was abandoned last."""
        return self._adapter

    @property
    def host(self) -> Host | None:
        """Where the adapter lives now; None after it was abandoned."""
        return self._host

    def ask(self, requests: Sequence[Request]) -> Called:
        """Return one response a request, whatever the adapter does."""
        start = time.perf_counter()
        responses = self._in_pieces(requests)
        quiet = 0
        while (waiting := [i for i, one in enumerate(responses) if one.later]) and not _hopeless(responses):
            if quiet == _QUIET:
                responses = [replace(one, later=False) for one in responses]
                break
            more = self._in_pieces([requests[i] for i in waiting])
            quiet = quiet + 1 if all(one.later for one in more) else 0
            for i, one in zip(waiting, more, strict=True):
                responses[i] = one
        return Called(tuple(responses), time.perf_counter() - start)

    def _in_pieces(self, requests: Sequence[Request]) -> list[Response]:
        """Ask as many at a time as fit into memory."""
        responses: list[Response] = []
        while len(responses) < len(requests):
            size = self._largest or len(requests)
            responses += self._ask(requests[len(responses) : len(responses) + size])
            if _hopeless(responses):
                responses += [NOT_SENT] * (len(requests) - len(responses))
        return responses

    @contextmanager
    def turn(self) -> Iterator[Adapter]:
        """Give the model to a task that works with it beside the calls, from any thread, alone.

        Raises:
            SampleError: if it does not come free within the time limit, or the run was closed.
        """
        with self._ready().lend(self._policy.timeout) as adapter:
            yield adapter

    def rest(self) -> None:
        """Let go of the adapter until it is asked again; what it says of itself stays known."""
        with self._loading:
            host, self._host = self._host, None
            if host is not None:
                self._adapter = FarAdapter(Facts.of(host.adapter))
        if host is not None:
            host.close()

    def close(self) -> None:
        """Let go of the adapter: no call begins any more, and one that does not end soon is given up."""
        self._closed.set()
        host, self._host = self._host, None
        if host:
            host.close()

    def _ready(self) -> Host:
        with self._loading:
            if self._host is None and not self._closed.is_set():
                self._host = self._start()
                self._adapter = self._host.adapter
            host = self._host
        if host is None or self._closed.is_set():
            self.close()  # what was loaded meanwhile
            raise SampleError(_CLOSED)
        return host

    def _ask(self, requests: Sequence[Request]) -> list[Response]:
        failure = ""
        tries = deaths = 0
        while tries <= self._policy.retries + min(deaths, 1):
            tries += 1
            try:
                host = self._ready()
            except SampleError as error:
                return _all(requests, Status.ERROR, str(error))
            try:
                found = checked(host.ask(requests, self._limit(len(requests)), self._closed), requests)
                return [replace(one, attempts=one.attempts + tries - 1) for one in found] if tries > 1 else found
            except Late:
                if self._closed.is_set():
                    host.stop()
                    return _all(requests, Status.ERROR, _CLOSED)
                return self._late(host, requests)
            except Died as error:
                self._abandon(host)
                failure = str(error)
                deaths += 1
                # Once may be the machine's fault: the same batch is tried elsewhere. Twice is a sample's.
                if deaths > 1 and self._divisible(requests):
                    return self._in_halves(requests)
            except Raised as error:
                if error.hopeless:
                    return [Response(None, Status.ERROR, str(error), hopeless=True)] * len(requests)
                if error.out_of_memory and self._divisible(requests):
                    self._largest = len(requests) // 2
                    return self._in_halves(requests)
                failure = str(error)
        return [replace(one, attempts=tries) for one in _all(requests, Status.ERROR, failure)]

    def _limit(self, size: int) -> float:
        deadline = self._policy.deadline
        return self._policy.timeout if deadline is None else min(self._policy.timeout, deadline * size)

    def _late(self, host: Host, requests: Sequence[Request]) -> list[Response]:
        limit = self._limit(len(requests))
        self._abandon(host)
        if self._policy.deadline is not None and self._divisible(requests):
            return [response for request in requests for response in self._ask([request])]
        said = f"no answer within {limit:g} s; the adapter was abandoned and is loaded anew"
        return _all(requests, Status.TIMEOUT, said)

    def _divisible(self, requests: Sequence[Request]) -> bool:
        return len(requests) > 1 and self._adapter.batch_invariant

    def _in_halves(self, requests: Sequence[Request]) -> list[Response]:
        middle = len(requests) // 2
        return [*self._ask(requests[:middle]), *self._ask(requests[middle:])]

    def _abandon(self, host: Host) -> None:
        host.stop()
        with self._loading:
            if self._host is host:  # and not what another lane has loaded in its place
                self._host = None


def _hopeless(responses: Sequence[Response]) -> bool:
    return any(one.hopeless for one in responses)


def _all(requests: Sequence[Request], status: Status, said: str) -> list[Response]:
    return [Response(None, status, said) for _ in requests]
