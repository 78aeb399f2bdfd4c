"""What all requests in flight may hold together: bytes of bodies, and pixels of images, counted before they are had."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import HarnessError

What = Literal["bytes", "pixels"]
_WAIT: Final = 1.0
"""Seconds after which a client is told to try again."""


class Busy(HarnessError):
    """The requests in flight hold so much that this one has to come back later."""

    wait = _WAIT


@dataclass(frozen=True, slots=True)
class Share:
    """What one request holds; given back when the request is over."""

    budget: "Budget"
    held: dict[What, int]

    def take(self, what: What, amount: int) -> None:
        """Hold more.

        Raises:
            Busy: if others hold too much of it.
        """
        self.budget.take(what, amount)
        self.held[what] = self.held.get(what, 0) + amount


class Budget:
    """Two sums over all requests in flight. Safe to use from any thread.

    A request that is alone may always hold what one request may: a budget below that would refuse it for ever.

    >>> budget = Budget({"bytes": 10, "pixels": 10})
    >>> with budget.share() as mine, budget.share() as other:
    ...     mine.take("bytes", 8)
    ...     try:
    ...         other.take("bytes", 3)
    ...     except Busy as refused:
    ...         print(refused)
    the requests in flight hold 8 of 10 bytes; try again later
    >>> budget.held("bytes")
    0
    """

    def __init__(self, most: dict[What, int]) -> None:
        self._most = most
        self._held: dict[What, int] = dict.fromkeys(most, 0)
        self._lock = threading.Lock()

    def held(self, what: What) -> int:
        """Return what all requests hold now."""
        return self._held[what]

    def take(self, what: What, amount: int) -> None:
        """Count ``amount`` more; use :meth:`share`, which gives it back."""
        with self._lock:
            if self._held[what] and self._held[what] + amount > self._most[what]:
                held, most = self._held[what], self._most[what]
                raise Busy(f"the requests in flight hold {held:,} of {most:,} {what}; try again later")
            self._held[what] += amount

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Return what one request counts with, and give back what it holds at the end."""
        share = Share(self, {})
        try:
            yield share
        finally:
            with self._lock:
                for what, amount in share.held.items():
                    self._held[what] -= amount
