"""A function of ours in a process of its own, that may hang or die: what it sends, what it was doing, and its end."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from harness.hosts.host import GLANCE, Died, Late, how_it_ended
from harness.hosts.pulse import Doing, Pulse

_BYE: Final = 5.0
"""Seconds that the process has to end when it is told to, before it is killed."""
_START: Final = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import harness.hosts.apart as a; a.begin()"
"""Not by ``multiprocessing``: its children run the script again that started this one."""
_OVER: Final = object()


class Unwanted(Exception):
    """Nobody wants what it does any more."""


class Apart:
    """A process that runs ``target(link)``; it and all that it starts are killed where they don't end by themselves."""

    def __init__(self, target: Callable[["Link"], None], files: Sequence[int] = ()) -> None:
        """Start it.

        Args:
            target: a function of a module, by whose name the process finds it.
            files: open descriptors that it shares, under the same numbers.
        """
        self._pulse = Pulse.new()
        told = [json.dumps([*map(str, sys.path)]), target.__module__, target.__qualname__, str(self._pulse.file)]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-c", _START, *told],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, pass_fds=files,
        )  # fmt: skip
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._outbox: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True, name="harness-apart").start()

    def send(self, message: Any) -> None:
        """Send something that can be pickled.

        Raises:
            Died: if nobody is there.
        """
        try:
            pickle.dump(message, self._outbox)
            self._outbox.flush()
        except OSError as cause:
            raise self._died() from cause

    def receive(self, limits: Mapping[Doing, float], unwanted: Callable[[], bool]) -> Any:
        """Return what it sends next.

        Args:
            limits: seconds that it may be at one thing, by kind; others may take as long as they like.
            unwanted: whether nobody wants it any more.

        Raises:
            Late: if it is at one thing for too long.
            Died: if the process ended.
            Unwanted: if nobody wants it any more.
        """
        count, since = -1, time.monotonic()
        while True:
            beat = self._pulse.last()
            if beat.count != count:
                count, since = beat.count, time.monotonic()
            limit = limits.get(beat.doing, float("inf"))
            left = since + limit - time.monotonic()
            try:
                message = self._inbox.get(timeout=max(0.001, min(GLANCE, left)))
            except queue.Empty:
                if unwanted():
                    raise Unwanted from None
                if self._pulse.last().count == count and time.monotonic() - since >= limit:
                    raise Late from None
                # A process that it forked may hold the pipe open beyond its end.
                if self._process.poll() is not None and self._inbox.empty():
                    raise self._died() from None
                continue
            if message is _OVER:
                raise self._died()
            return message

    def step(self) -> tuple[Doing, str]:
        """Return what it does, or did last."""
        beat = self._pulse.last()
        return beat.doing, beat.step

    def close(self) -> None:
        """Let it end, and kill it where it does not."""
        with suppress(Died, subprocess.TimeoutExpired):
            self.send(None)
            if self._process.wait(_BYE) == 0:
                self._let_go()
                return
        self.kill()

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._let_go()

    def _let_go(self) -> None:
        self._process.wait()
        with suppress(OSError):
            self._outbox.close()
        self._pulse.close()

    def _died(self) -> Died:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_BYE)
        return Died(how_it_ended(self._process.returncode))

    def _read(self, stream: BinaryIO) -> None:
        with suppress(Exception), stream:  # what is cut off by its death is no message
            while True:
                self._inbox.put(pickle.load(stream))  # noqa: S301 - from a process that we started
        self._inbox.put(_OVER)


class Link:
    """The process's own end."""

    def __init__(self, inbox: BinaryIO, outbox: BinaryIO, pulse: Pulse) -> None:
        self._outbox = outbox
        self._orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.say = pulse.say
        threading.Thread(target=self._listen, args=(inbox,), daemon=True, name="harness-link").start()

    @classmethod
    def take(cls, pulse: Path) -> Self:
        """Take standard input and output away from whatever else runs here: what a model prints is no message."""
        inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        shared = Pulse.of(pulse)
        with suppress(OSError):  # the memory stays, and no file is left behind where both are killed
            pulse.unlink()
        return cls(inbox, outbox, shared)

    def receive(self) -> Any:
        """Return what is sent next; None where there is nothing more to do."""
        return self._orders.get()

    def send(self, message: Any) -> None:
        """Send something that can be pickled."""
        pickle.dump(message, self._outbox)
        self._outbox.flush()

    def _listen(self, inbox: BinaryIO) -> None:
        with suppress(Exception):
            while (message := pickle.load(inbox)) is not None:  # noqa: S301 - from whoever started this process
                self._orders.put(message)
            self._orders.put(None)
            return
        _end()  # whoever started this is gone, and a call that hangs would go on for ever


def begin() -> None:
    """Run what the command line names: the first thing that the process does."""
    module, name, pulse = sys.argv[2:5]
    sys.argv[1:] = []
    for number in (signal.SIGINT, signal.SIGTERM):  # these are for whoever started it; what it starts hears them
        signal.signal(number, lambda *_: None)
    link = Link.take(Path(pulse))
    getattr(import_module(module), name)(link)


def _end() -> None:
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
