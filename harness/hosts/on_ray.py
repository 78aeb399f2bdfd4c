"""Ask copies of the model on a Ray cluster: the same plan, the same batches, the same scores, more hands."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final

from harness.errors import AdapterError, UsageError
from harness.extras import install
from harness.hosts.answers import checked
from harness.hosts.call import Called, Caller
from harness.hosts.dispatch import dispatch
from harness.hosts.far import Facts, FarAdapter, Lender
from harness.hosts.host import Died, Load, Raised, await_answer
from harness.spec.models import EngineSpec
from harness.types import Adapter, Request

_LOADING: Final = 600.0
"""Seconds that a copy of the model may take to find a place in the cluster and to load."""
_NOTICED: Final = 60.0
"""Seconds within which a cluster learns that a machine died; until then it may send a new copy of the model there."""
_PAUSE: Final = 2.0


class Worker:
    """What lives on Ray: one copy of the model."""

    def __init__(self, load: Load) -> None:
        self._adapter = load()

    def facts(self) -> Facts:
        """Say what the adapter says about itself."""
        return Facts.of(self._adapter)

    def ask(self, requests: Sequence[Request]) -> tuple[Any, tuple[str, bool, bool] | None]:
        """Return the answer, or in words what the adapter raised."""
        try:
            return checked(dispatch(self._adapter, requests), requests), None
        except Exception as error:  # noqa: BLE001 - whatever a model raises is recorded against its samples
            return None, Raised.of(error).told


class RayHost:
    """One actor. When it or its machine dies, the caller starts another wherever the cluster has room."""

    lanes = 1

    def __init__(self, load: Load, lender: Lender) -> None:
        import ray

        self._lender = lender
        actor: Any = ray.remote(num_cpus=1, max_restarts=0)(Worker)
        start = time.monotonic()
        try:
            while True:
                self._actor = actor.remote(load)
                try:
                    facts = ray.get(self._actor.facts.remote(), timeout=_LOADING)
                    break
                except ray.exceptions.RayActorError as cause:
                    if cause.actor_init_failed or time.monotonic() - start > _NOTICED:
                        raise
                    time.sleep(_PAUSE)
        except ray.exceptions.GetTimeoutError as cause:
            ray.kill(self._actor)
            raise AdapterError(f"the cluster had no room for a copy of the model within {_LOADING:g} s") from cause
        except ray.exceptions.RayError as cause:
            raise AdapterError(f"a copy of the model cannot be loaded on Ray: {_last_line(cause)}") from cause
        self.adapter: Adapter = FarAdapter(facts)

    @property
    def actor(self) -> Any:
        """Ray's handle."""
        return self._actor

    def ask(self, requests: Sequence[Request], timeout: float, closed: threading.Event) -> Any:
        import ray

        try:
            pending = self._actor.ask.remote(requests)
            await_answer(lambda seconds: bool(ray.wait([pending], timeout=seconds)[0]), timeout, closed)
            answer, raised = ray.get(pending)
        except ray.exceptions.RayError as cause:
            raise Died(f"the worker died: {_last_line(cause)}") from cause
        if raised is not None:
            raise Raised(*raised)
        return answer

    def lend(self, timeout: float) -> AbstractContextManager[Adapter]:
        return self._lender.lend(timeout)

    def stop(self) -> None:
        import ray

        with suppress(Exception):  # it may be gone already, and the cluster with it
            ray.kill(self._actor)

    def close(self) -> None:
        self.stop()


class RayExecutor:
    """A pool of actors with one copy of the model each; a batch goes to the first that is free."""

    def __init__(self, load: Load, policy: EngineSpec, address: str | None = None, workers: int | None = None) -> None:
        ray = _ray()
        self._started = not ray.is_initialized()
        if self._started:
            told = {"address": address} if address else {"include_dashboard": False}
            try:
                ray.init(log_to_driver=False, logging_level="ERROR", configure_logging=False, **told)
            except (ConnectionError, RuntimeError, ValueError) as cause:
                raise UsageError(f"Ray cannot be reached: {_last_line(cause)}") from cause
        self.width = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._lender = Lender(load)
        self._callers: list[Caller] = []
        self._free: queue.SimpleQueue[Caller] = queue.SimpleQueue()
        try:
            self._load_all(load, policy)
        except BaseException:
            self.close()
            raise

    @property
    def adapter(self) -> Adapter:
        return self._callers[0].adapter

    @property
    def hosts(self) -> list[RayHost]:
        """The actors at work."""
        return [host for caller in self._callers if isinstance(host := caller.host, RayHost)]

    def ask(self, requests: Sequence[Request]) -> Called:
        caller = self._free.get()
        try:
            return caller.ask(requests)
        finally:
            self._free.put(caller)

    @contextmanager
    def turn(self) -> Iterator[Adapter]:
        with self._callers[0].turn() as adapter:
            yield adapter

    def rest(self) -> None:
        """The copies stay where they are, on machines that may be others; the one that was lent here goes."""
        self._lender.close()

    def close(self) -> None:
        import ray

        for caller in self._callers:
            caller.close()
        self._lender.close()
        if self._started:
            ray.shutdown()

    def _load_all(self, load: Load, policy: EngineSpec) -> None:
        """Load all copies at a time; they must be copies of one model."""
        failures: list[BaseException] = []

        def start() -> None:
            try:
                self._callers.append(Caller(lambda: RayHost(load, self._lender), policy))
            except BaseException as error:  # noqa: BLE001 - it is raised where all have been waited for
                failures.append(error)

        threads = [threading.Thread(target=start, daemon=True) for _ in range(self.width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        prints = {caller.adapter.fingerprint() for caller in self._callers}
        if len(prints) > 1:
            raise AdapterError(f"the cluster's machines load different models ({len(prints)} fingerprints)")
        for caller in self._callers:
            self._free.put(caller)


def _ray() -> Any:
    try:
        import ray
    except ImportError as cause:
        raise UsageError(f"--executor ray needs Ray: {install('ray')}") from cause
    return ray


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
