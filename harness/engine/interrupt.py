"""Ctrl-C that lets the batch in flight end: the first one asks, the second one insists."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from harness.errors import ExitCode

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""SIGTERM as well: it is how a scheduler takes its machine back."""
_LAST: Final = 5.0
"""Seconds after the second signal in which what is in memory may still be saved."""


@contextmanager
def graceful() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; the second raises ``KeyboardInterrupt``.

    Where that cannot be raised, because the main thread is inside of a library that does not return, the process ends
    all the same, with exit code 130: every answer that was counted is in the store.

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
        with _insisting(ours):
            yield asked
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextmanager
def _insisting(ours: list[signal.Signals]) -> Iterator[None]:
    """End the process some seconds after the second signal, whatever the main thread is doing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    others = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if others != -1 or not ours:  # an event loop listens there
        signal.set_wakeup_fd(others)
        os.close(reader)
        os.close(writer)
        yield
        return
    over = threading.Event()

    def watch() -> None:
        heard = 0
        while heard < 2 and (numbers := os.read(reader, 16)):
            heard += sum(number in ours for number in numbers)
        if heard >= 2 and not over.wait(_LAST):
            os.write(2, b"\nstopped at once; what was counted is stored, and `harness resume` goes on with it\n")
            os._exit(ExitCode.INTERRUPTED)
        over.wait()
        os.close(reader)

    threading.Thread(target=watch, daemon=True, name="harness-insisting").start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(others)
        over.set()
        os.close(writer)
