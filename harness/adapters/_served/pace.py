"""How many requests go out at a time: one more with success, half as many when the server is busy."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_START: Final = 4


class Pace:
    """Additive increase, multiplicative decrease, between 1 and ``most``; and a pause when the server asks for one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(most, _START))
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
            while (pause := self._resume - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            yield time.monotonic()
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
        now = time.monotonic()
        self._answered, self._overtook = now, max(self._overtook, sent)
        if (now - sent) * (self.limit + 1) / self.limit <= timeout / 2:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def answered_since(self, moment: float) -> bool:
        """Return whether anything was answered since a moment."""
        return self._answered >= moment

    def crowded(self, sent: float) -> bool:
        """Return whether a request that was sent then, and is late, may have waited for others of ours.

        That is so where some are under way beside it and none that was sent after it has been answered.
        """
        return self._active > 1 and self._overtook <= sent

    def busy(self, sent: float, pause: float | None) -> None:
        """Halve, once for all requests that were under way together.

        Args:
            sent: when the request went out that the server refused.
            pause: seconds for which nobody should ask, where the server said.
        """
        now = time.monotonic()
        if sent > self._cut:
            self._limit = max(1.0, self._limit / 2)
            self._cut = now
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
