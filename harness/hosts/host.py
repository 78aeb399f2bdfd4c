"""What a host does for the adapter that lives there, and how that goes wrong."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, Self

from harness.errors import HopelessError, is_out_of_memory
from harness.types import Adapter, Request

GLANCE: Final = 0.5
"""Seconds between looks up while waiting: whether the run was closed meanwhile."""

Load = Callable[[], Adapter]


class Late(Exception):
    """No answer came in time, or nobody wants it any more."""


class Died(Exception):
    """The adapter's process is gone."""


class Raised(Exception):
    """What an adapter raised, in words: an exception of a library may not survive the way between processes."""

    def __init__(self, said: str, out_of_memory: bool, hopeless: bool = False) -> None:
        self.out_of_memory = out_of_memory
        self.hopeless = hopeless
        super().__init__(said)

    @property
    def told(self) -> tuple[str, bool, bool]:
        """What makes it again in another process."""
        return str(self), self.out_of_memory, self.hopeless

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Put an exception into words."""
        if isinstance(error, HopelessError):
            return cls(str(error), out_of_memory=False, hopeless=True)
        return cls(f"the adapter raised {type(error).__name__}: {error}", is_out_of_memory(error))


def await_answer(comes: Callable[[float], bool], timeout: float, closed: threading.Event) -> None:
    """Wait until an answer is there.

    Args:
        comes: waits for so many seconds and tells whether the answer came.
        timeout: seconds to wait altogether.
        closed: set where nobody wants the answer any more.

    Raises:
        Late: if it did not come in time, or nobody wants it.
    """
    deadline = time.monotonic() + timeout
    while not comes(max(0.0, min(GLANCE, deadline - time.monotonic()))):
        if time.monotonic() >= deadline or closed.is_set():
            raise Late


def how_it_ended(code: int | None) -> str:
    """Return what an exit code says, as ``subprocess`` gives it.

    >>> how_it_ended(3), how_it_ended(-11)
    ('exit code 3', 'signal SIGSEGV')
    """
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


class Host(Protocol):
    """Has an adapter and asks it."""

    @property
    def lanes(self) -> int:
        """How many batches it asks at a time."""
        ...

    @property
    def adapter(self) -> Adapter:
        """The adapter, or what is known of one that lives elsewhere."""
        ...

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        """Return the adapter's answer.

        Raises:
            Late: after ``timeout`` seconds, or when ``closed`` is set.
            Died: if the adapter took its process with it.
            Raised: what the adapter raised.
        """
        ...

    def lend(self, timeout: float) -> AbstractContextManager[Adapter]:
        """Give the adapter itself away for a while.

        Raises:
            SampleError: if it does not come free in time.
        """
        ...

    def stop(self) -> None:
        """Let go of an adapter that no longer answers."""
        ...

    def close(self) -> None:
        """Let go of the adapter."""
        ...
