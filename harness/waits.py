"""Which file each thread waits for, and since when: so that whoever loses patience can name it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_WAITS: Final[dict[int, tuple[str, float]]] = {}
"""By thread."""


@contextmanager
def waiting(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say that this thread waits for a file."""
    _WAITS[threading.get_ident()] = (os.fspath(path), time.monotonic())
    try:
        yield
    finally:
        _WAITS.pop(threading.get_ident(), None)


def wait_of(thread: int | None) -> tuple[str, float] | None:
    """Return what a thread waits for, and since when by the monotonic clock; None where it does not wait."""
    return None if thread is None else _WAITS.get(thread)


class Beating:
    """A file whose every piece that comes begins the wait for the next: a large one on a slow disk is no dead one."""

    def __init__(self, file: Any, path: str) -> None:
        self._file = file
        self._path = path

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read a piece."""
        if threading.get_ident() in _WAITS:
            _WAITS[threading.get_ident()] = (self._path, time.monotonic())
        return int(self._file.readinto(buffer))
