"""Whether preparing in processes is worth starting them: seen from how a run goes that prepares in threads."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from harness.cpu import idle_seconds

T = TypeVar("T")

_WINDOW: Final = 4.0
"""Seconds that are looked at before a decision, and after that before the next."""
_WAITING: Final = 0.7
"""The share of them in which nothing lay ready, above which preparation holds the run up."""
_USED: Final = 0.7, 0.85
"""Threads that use less of one core wait for a disk, say; those that use more of as many cores as they could have hold
each other up no more than processes would."""
_IDLE: Final = 0.25
"""Cores that must have lain idle, where the system tells: on a busy machine processes find none that threads do not."""
_LEFT: Final = 15.0
"""Seconds of work in which processes pay for being started, several times over."""


class Worth:
    """Looks on while batches are begun and waited for, a few seconds at a time."""

    def __init__(self, left: int, cores: int) -> None:
        """Begin to look.

        Args:
            left: samples that are still to be prepared.
            cores: how many threads could work at a time.
        """
        self._left = left
        self._cores = cores
        self._waited, self._begun = 0.0, 0
        """Seconds in which nothing lay ready, and samples, since this look was begun."""
        self._since, self._cpu, self._idle = time.perf_counter(), time.process_time(), idle_seconds()

    def wait(self, wait: Callable[[], T]) -> T:
        """Wait for a batch, and take the time."""
        start = time.perf_counter()
        found = wait()
        self._waited += time.perf_counter() - start
        return found

    def shown(self, samples: int) -> bool:
        """Return whether processes are worth it, now that so many more samples are begun."""
        wall = time.perf_counter() - self._since
        if wall < _WINDOW:
            self._begun += samples
            return False
        self._left -= self._begun
        used = (time.process_time() - self._cpu) / wall
        idle, before = idle_seconds(), self._idle
        free = idle is None or before is None or idle - before > _IDLE * wall
        held_up = self._waited > _WAITING * wall and _USED[0] < used < _USED[1] * self._cores
        found = held_up and free and self._left * wall > _LEFT * max(1, self._begun)
        self._waited, self._begun = 0.0, samples
        self._since, self._cpu, self._idle = time.perf_counter(), time.process_time(), idle
        return found
