"""Work beside the model that may never end: done in threads that nothing waits for, given up where it takes too long.

A read from a dead mount, a decoder or a plug-in's metric cannot be broken off. Its thread is left behind, another takes
up what stood behind it, and since such threads are daemons, the process ends when it wants to.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from harness.errors import ExitCode, HarnessError
from harness.locate import near
from harness.waits import wait_of

A = TypeVar("A")
B = TypeVar("B")

LONGEST: Final = 60.0
"""Seconds that one item may take, unless the suite gives a call of the model more: the slowest perturbations of the
largest pictures take two."""
_GLANCE: Final = 0.2
"""Seconds between looks up, so that a signal is heard and lateness seen."""
_MOST: Final = 16
"""Items that may be given up: each may hold a thread for good, and what failed so often fails on."""


class Stuck(HarnessError):
    """So much took too long that going on would be of no use."""

    exit_code = ExitCode.RUN_FAILED


def patiently(work: Callable[[], A], seconds: float = 0.0) -> A:
    """Do something that reads many files, and give up where one of them does not come.

    Args:
        work: what to do, in a thread of its own. It may take as long as it likes altogether.
        seconds: how long nothing may come of a file, where that is more than ``LONGEST``.

    Raises:
        Stuck: naming the file.
    """
    errand: Errand[None, A] = Errand(lambda _: work(), [None])
    thread = threading.Thread(target=errand.go, daemon=True, name="harness-patience")
    thread.start()
    limit = max(seconds, LONGEST)
    while not errand.over.wait(_GLANCE):
        found = wait_of(thread.ident)
        if found and time.monotonic() - found[1] > limit:
            raise Stuck(f"{near(Path(found[0]))}: nothing of it came for {limit:g} s; is its disk or mount gone?")
    if errand.error is not None:
        raise errand.error
    return errand.results[0]


class Errand(Generic[A, B]):
    """Some items that are worked on one after another."""

    def __init__(self, work: Callable[[A], B], items: Sequence[A]) -> None:
        self.work = work
        self.items = items
        self.results: list[B] = []
        self.error: BaseException | None = None
        self.since: float | None = None
        """When the item that is worked on was begun; None where none is."""
        self.seconds = 0.0
        self.left = threading.Event()
        """Set where nobody wants it any more."""
        self.over = threading.Event()

    def go(self) -> None:
        """Do it, in a thread of its own."""
        begun = time.perf_counter()
        try:
            for item in self.items:
                self.since = time.monotonic()
                result = self.work(item)
                if self.left.is_set():
                    return
                self.results.append(result)
        except BaseException as error:  # noqa: BLE001 - it is raised where the results are wanted
            self.error = error
        self.since = None
        self.seconds = time.perf_counter() - begun
        self.over.set()


class Patience:
    """Threads that work on errands, each in the order of its items.

    Args:
        threads: errands that are worked on at a time.
        seconds: what one item may take, where that is more than ``LONGEST``.
        spent: hears how many seconds an errand took.
    """

    def __init__(self, threads: int = 1, seconds: float = 0.0, spent: Callable[[float], None] = lambda _: None) -> None:
        self._seconds = max(seconds, LONGEST)
        self._spent = spent
        self._inbox: queue.SimpleQueue[Errand[Any, Any] | None] = queue.SimpleQueue()
        self._threads = threads
        self._given_up = 0
        self._closed = False
        for _ in range(threads):
            self._hire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the threads go that are idle; one that is at work goes when it is done, if ever."""
        self._closed = True
        for _ in range(self._threads):
            self._inbox.put(None)

    def begin(self, work: Callable[[A], B], items: Sequence[A]) -> Errand[A, B]:
        """Have some items worked on; :meth:`end` returns what came of them."""
        errand = Errand(work, items)
        self._inbox.put(errand)
        return errand

    def end(self, errand: Errand[A, B], late: Callable[[A, str], B]) -> list[B]:
        """Return what came of each item.

        Args:
            errand: what was begun.
            late: makes the result of an item that took too long, given why.

        Raises:
            Stuck: if too many items took too long.
            Exception: what the work raised.
        """
        results: list[B] = []
        while not errand.over.wait(_GLANCE):
            since = errand.since
            if since is None or time.monotonic() - since <= self._seconds:
                continue
            errand.left.set()
            done = errand.results[:]
            if errand.over.is_set() or len(done) == len(errand.items):
                break
            self.give_up()
            results += [*done, late(errand.items[len(done)], f"no end of it within {self._seconds:g} s")]
            errand = Errand(errand.work, errand.items[len(done) + 1 :])
            self._hire(errand)  # in place of the thread that is stuck
        if errand.error is not None:
            raise errand.error
        return results + errand.results

    def give_up(self) -> None:
        """Count an item that took too long, wherever it was worked on.

        Raises:
            Stuck: if there were too many.
        """
        self._given_up += 1
        if self._given_up > _MOST:
            raise Stuck(
                f"{self._given_up} samples took more than {self._seconds:g} s each to load, perturb or score; is a "
                "disk or a mount gone that their files lie on?"
            )

    def _hire(self, first: Errand[Any, Any] | None = None) -> None:
        threading.Thread(target=self._serve, args=(first,), daemon=True, name="harness-patience").start()

    def _serve(self, errand: Errand[Any, Any] | None) -> None:
        errand = errand or self._inbox.get()
        while errand is not None and not self._closed:
            errand.go()
            self._spent(errand.seconds)
            if errand.left.is_set():
                return  # another one stands in its place
            errand = self._inbox.get()
