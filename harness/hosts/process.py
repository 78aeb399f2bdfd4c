"""An adapter in a process of its own, which can be killed."""

import multiprocessing
import signal
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from harness.collecting import collect_rarely
from harness.errors import AdapterError
from harness.hosts.answers import checked
from harness.hosts.dispatch import dispatch
from harness.hosts.far import Facts, FarAdapter, Lender
from harness.hosts.host import Died, Late, Load, Raised, await_answer, how_it_ended
from harness.types import Adapter, Request

_BYE: Final = 5.0
"""Seconds that a process has to close its adapter before it is killed."""


class ProcessHost:
    """A process that owns one adapter. It is killed when it hangs, and its death costs nobody else anything."""

    lanes = 1

    def __init__(self, load: Load, lender: Lender, patience: float = 600.0) -> None:
        """Load the adapter there.

        Args:
            load: loads it.
            lender: loads it here too, for whoever wants the model itself.
            patience: seconds that loading may take.

        Raises:
            AdapterError: if it cannot be loaded, or not in time.
        """
        context = multiprocessing.get_context("spawn")  # a fork of threads that hold locks may hang for ever
        self._lender = lender
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(load, theirs), daemon=True, name="harness-adapter")
        self._process.start()
        theirs.close()
        try:
            if not self._pipe.poll(patience):
                self.stop()
                raise AdapterError(f"the adapter was not loaded within {patience:g} s (`engine: load_timeout`)")
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
        return how_it_ended(self._process.exitcode)


def _live(load: Load, pipe: Connection) -> None:
    """Load the adapter and answer until told to go: what the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that was started by the user
    collect_rarely()
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
                answer = checked(dispatch(adapter, requests), requests)
                pipe.send((answer, raised))
            except (EOFError, OSError):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
                pipe.send((None, Raised.of(error).told))
    with suppress(Exception):
        adapter.close()
