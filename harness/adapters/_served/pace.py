"""How many requests go out at a time: more with success, fewer when the server is busy."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_START: Final = 4
_REFUSED: Final = 0.8
"""What of the limit is left to an eager client that is refused."""


class Pace:
    """Additive increase, multiplicative decrease, between 1 and ``most``; and a pause when the server asks for one.

    Who is ``eager`` wants to keep a server of its own full: it doubles in each round until the server is busy or slow
    for the first time, and gives up a fifth where it is refused. What is under way then still fills a server that lets
    a quarter as many wait as it works on; half of it would leave places empty. A time-out halves it all the same: it
    costs an answer, and a refusal costs nothing.
    """

    def __init__(self, most: int, *, eager: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._limit = float(min(most, _START))
        self._doubling = eager
        self._refused = _REFUSED if eager else 0.5
        self._active = 0
        self._cut = float("-inf")
        self._answered = float("-inf")
        self._overtook = float("-inf")
        self._resume = float("-inf")
        self._turn = asyncio.Condition()

    @property
    def limit(self) -> int:
        """Requests that may go out at a time, now."""
        return int(self._limit)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """Wait for a turn; gives the time at which it came."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._active < self.limit)
            self._active += 1
        try:
            while (pause := self._resume - self._now()) > 0:
                await asyncio.sleep(pause)
            yield self._now()
        finally:
            self._active -= 1
            async with self._turn:
                self._turn.notify_all()

    def succeeded(self, sent: float, timeout: float) -> None:
        """Allow a little more: one more request after each round of successes, as long as that leaves time to answer.

        Args:
            sent: when the request went out that was answered.
            timeout: seconds in which an answer must come. Where requests wait for each other at the server, each has
                to wait longer for every one more: no more than brings them to half of it.
        """
        now = self._now()
        self._answered, self._overtook = now, max(self._overtook, sent)
        # What comes back now was sent when there were half as many: twice as long is what the next will take.
        self._doubling = self._doubling and (now - sent) * 4 <= timeout
        if (now - sent) * (self.limit + 1) / self.limit <= timeout / 2:
            self._limit = min(float(self._most), self._limit + (1.0 if self._doubling else 1 / self._limit))

    def answered_since(self, moment: float) -> bool:
        """Return whether anything was answered since a moment."""
        return self._answered >= moment

    def crowded(self, sent: float) -> bool:
        """Return whether a request that was sent then, and is late, may have waited for others of ours.

        That is so where some are under way beside it and none that was sent after it has been answered.
        """
        return self._active > 1 and self._overtook <= sent

    def busy(self, sent: float, pause: float | None, *, late: bool = False) -> None:
        """Allow fewer, once for all requests that were under way together.

        Args:
            sent: when the request went out that the server refused.
            pause: seconds for which nobody should ask, where the server said.
            late: whether it was not refused, but never answered.
        """
        now = self._now()
        if sent > self._cut:
            self._limit = max(1.0, self._limit * (0.5 if late else self._refused))
            self._cut = now
            self._doubling = False
        if pause is not None:
            self._resume = max(self._resume, now + pause)


def backoff(attempt: int, first: float, longest: float) -> float:
    """Return seconds to wait after the failed attempt number ``attempt``, from 0: chance below a doubling bound.

    The chance spreads clients that failed together, and has no part in any score.
    """
    return secrets.SystemRandom().uniform(0.0, min(longest, first * 2.0 ** min(attempt, 60)))


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, None where it says nothing readable.

    >>> retry_after("3"), retry_after("soon"), retry_after(None)
    (3.0, None, None)
    >>> retry_after("Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC))
    30.0
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        seconds = (then - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None
