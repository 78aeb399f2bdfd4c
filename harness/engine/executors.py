"""Who asks the model: this process, a process of its own, or a Ray cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from harness.engine.options import RunOptions
from harness.hosts.call import Called, Caller
from harness.hosts.far import Lender
from harness.hosts.process import ProcessHost
from harness.spec.models import EngineSpec
from harness.suite.adapters import AdapterChoice
from harness.types import Adapter, Request


class Executor(Protocol):
    """Answers batches of the plan."""

    @property
    def adapter(self) -> Adapter:
        """The adapter, or what is known of one that lives elsewhere: enough to plan with, not to ask."""
        ...

    @property
    def width(self) -> int:
        """How many batches it answers at a time."""
        ...

    def ask(self, requests: Sequence[Request]) -> Called:
        """Return one response a request, whatever the adapter does; called by ``width`` threads."""
        ...

    def turn(self) -> AbstractContextManager[Adapter]:
        """Lend the model itself to a task, to nobody else meanwhile."""
        ...

    def rest(self) -> None:
        """Let go of the model until it is asked again, so that no second copy of it is in memory meanwhile."""
        ...

    def close(self) -> None:
        """Let go of the model; calls that are still going on are given up."""
        ...


class ProcessExecutor(Caller):
    """Asks an adapter that lives in a process of its own."""

    def __init__(self, choice: AdapterChoice, policy: EngineSpec) -> None:
        self._lender = Lender(choice.load)
        super().__init__(lambda: ProcessHost(choice.load, self._lender, policy.load_timeout), policy)

    def rest(self) -> None:
        super().rest()
        self._lender.close()

    def close(self) -> None:
        super().close()
        self._lender.close()


def make_executor(choice: AdapterChoice, policy: EngineSpec, options: RunOptions) -> Executor:
    """Load the adapter where the suite or the caller wants it.

    Raises:
        AdapterError: if it cannot be loaded.
        UsageError: if the executor is not installed.
    """
    kind = options.executor or ("process" if policy.isolation == "process" else "local")
    if kind == "ray":
        from harness.hosts.on_ray import RayExecutor

        return RayExecutor(choice.load, policy, options.ray_address, options.ray_workers)
    if kind == "process":
        return ProcessExecutor(choice, policy)
    return Caller.in_thread(choice.load, policy)
