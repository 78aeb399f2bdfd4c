"""Ctrl-C that lets the batch in flight end: the first one asks, the second one insists."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""SIGTERM as well: it is how a scheduler takes its machine back."""


@contextmanager
def graceful() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; the second raises ``KeyboardInterrupt``.

    Only the main thread hears signals: in any other, or where somebody else handles them, nothing is changed.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def hear(_: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        sys.stderr.write("\nstopping after the batch in flight; once more to stop at once\n")

    own = (signal.default_int_handler, signal.SIG_DFL)
    ours = [number for number in _SIGNALS if before[number] in own]
    for number in ours:
        signal.signal(number, hear)
    try:
        yield asked
    finally:
        for number in ours:
            signal.signal(number, before[number])
