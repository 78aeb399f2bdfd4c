"""Where an adapter lives: in a thread of this process, or in a process of its own that can be killed."""

import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

from pydantic import BaseModel

from harness.adapters._halving import is_out_of_memory
from harness.engine.answers import checked
from harness.engine.dispatch import dispatch
from harness.errors import AdapterError, SampleError
from harness.types import Adapter, Request, Response

_GLANCE: Final = 0.5
"""Seconds between looks up while waiting: whether the run was closed meanwhile."""
_BYE: Final = 5.0
"""Seconds that a process has to close its adapter before it is killed."""

Load = Callable[[], Adapter]


class Late(Exception):
    """No answer came in time, or nobody wants it any more."""


class Died(Exception):
    """The adapter's process is gone."""


class Raised(Exception):
    """What an adapter raised, in words: an exception of a library may not survive the way between processes."""

    def __init__(self, said: str, out_of_memory: bool) -> None:
        self.out_of_memory = out_of_memory
        super().__init__(said)

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Put an exception into words."""
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
    while not comes(max(0.0, min(_GLANCE, deadline - time.monotonic()))):
        if time.monotonic() >= deadline or closed.is_set():
            raise Late


class Host(Protocol):
    """Has an adapter and asks it, one batch at a time."""

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


class ThreadHost:
    """One thread that owns one adapter. A call that never returns leaves the thread behind, and the adapter with it."""

    def __init__(self, load: Load) -> None:
        self.adapter = load()
        self._turn = threading.Lock()  # models are not made to be used by two threads at once
        self._inbox: queue.SimpleQueue[Sequence[Request] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True, name="harness-adapter").start()

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        self._inbox.put(requests)
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer, error = self._outbox.get(timeout=max(0.0, min(_GLANCE, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline or closed.is_set():
                    raise Late from None
                continue
            if error is not None:
                raise Raised.of(error) from error
            return answer

    @contextmanager
    def lend(self, timeout: float) -> Iterator[Adapter]:
        if not self._turn.acquire(timeout=timeout):
            raise SampleError(f"the model did not come free within {timeout:g} s")
        try:
            yield self.adapter
        finally:
            self._turn.release()

    def stop(self) -> None:
        self._inbox.put(None)  # should the call ever return

    def close(self) -> None:
        self.stop()
        with suppress(Exception):  # the run is recorded already; a model that goes badly takes nothing with it
            self.adapter.close()

    def _serve(self) -> None:
        while (requests := self._inbox.get()) is not None:
            try:
                with self._turn:
                    answer = dispatch(self.adapter, requests)
                self._outbox.put((answer, None))
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                self._outbox.put((None, error))


@dataclass(frozen=True, slots=True)
class Facts:
    """What an adapter says about itself."""

    simulated: bool
    capabilities: frozenset[str]
    batch_invariant: bool
    batch_size: int
    fingerprint: str

    @classmethod
    def of(cls, adapter: Adapter) -> Self:
        """Ask an adapter."""
        return cls(
            bool(adapter.simulated),
            frozenset(map(str, adapter.capabilities)),
            bool(adapter.batch_invariant),
            int(adapter.batch_size),
            str(adapter.fingerprint()),
        )


class FarAdapter:
    """Stands for an adapter that lives elsewhere: knows what it says about itself, and cannot be asked."""

    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.simulated = facts.simulated
        self.capabilities = facts.capabilities
        self.batch_invariant = facts.batch_invariant
        self.batch_size = facts.batch_size

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> Self:
        raise NotImplementedError("it is loaded elsewhere")

    def fingerprint(self) -> str:
        return self._facts.fingerprint

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        raise NotImplementedError("it is asked elsewhere")

    def close(self) -> None:
        """There is nothing here to let go of."""


class Lender:
    """Loads an adapter in this process too, once somebody wants it itself: to attack it, or to time it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._turn = threading.Lock()
        self._adapter: Adapter | None = None

    @contextmanager
    def lend(self, timeout: float) -> Iterator[Adapter]:
        if not self._turn.acquire(timeout=timeout):
            raise SampleError(f"the model did not come free within {timeout:g} s")
        try:
            self._adapter = self._adapter or self._load()
            yield self._adapter
        finally:
            self._turn.release()

    def close(self) -> None:
        if self._adapter is not None:
            with suppress(Exception):
                self._adapter.close()


class ProcessHost:
    """A process that owns one adapter. It is killed when it hangs, and its death costs nobody else anything."""

    def __init__(self, load: Load, lender: Lender) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of threads that hold locks may hang for ever
        self._lender = lender
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(load, theirs), daemon=True, name="harness-adapter")
        self._process.start()
        theirs.close()
        try:
            facts, said = self._pipe.recv()
        except (EOFError, OSError) as cause:
            self._process.join(_BYE)
            raise AdapterError(f"the adapter's process ended while it loaded ({self._end()})") from cause
        if facts is None:
            raise AdapterError(said)
        self.adapter: Adapter = FarAdapter(facts)

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        try:
            self._pipe.send(requests)
            await_answer(self._pipe.poll, timeout, closed)
            answer, raised = self._pipe.recv()
        except (EOFError, OSError) as cause:
            self._process.join(_BYE)
            raise Died(f"the adapter's process died: {self._end()}") from cause
        except Late:
            raise
        except Exception as cause:  # an answer is made of its own types, and anything may go wrong where they are read
            said = f"what the adapter answered cannot be read outside its process: {type(cause).__name__}: {cause}"
            raise Raised(said, out_of_memory=False) from cause
        if raised is not None:
            raise Raised(*raised)
        return answer

    def lend(self, timeout: float) -> AbstractContextManager[Adapter]:
        return self._lender.lend(timeout)

    def stop(self) -> None:
        self._process.kill()
        self._process.join(_BYE)
        self._pipe.close()

    def close(self) -> None:
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(_BYE)
        self.stop()

    def _end(self) -> str:
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"


def _live(load: Load, pipe: Connection) -> None:
    """Load the adapter and answer until told to go: what the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that was started by the user
    try:
        adapter = load()
        pipe.send((Facts.of(adapter), ""))
    except BaseException as error:  # noqa: BLE001 - it is said where the run is
        pipe.send((None, str(error)))
        return
    with suppress(EOFError, OSError):  # nobody is there any more
        while (requests := pipe.recv()) is not None:
            answer, raised = None, None
            try:
                answer = checked(dispatch(adapter, requests), len(requests))
                pipe.send((answer, raised))
            except (EOFError, OSError):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                told = Raised.of(error)
                pipe.send((None, (str(told), told.out_of_memory)))
    with suppress(Exception):
        adapter.close()
