"""The other models that tasks bring, a judge or a reference: loaded once, watched like the run's own."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from harness.engine.ask import Model
from harness.errors import UsageError
from harness.hosts.call import Caller
from harness.hosts.far import Lender
from harness.hosts.host import Host
from harness.hosts.process import ProcessHost
from harness.hosts.thread import ThreadHost
from harness.record.store import ResponseStore
from harness.spec.models import EngineSpec
from harness.tasks import Brings, Task
from harness.types import AdapterHandle

_KEY: Final = "role/{task}/{role}"


@contextmanager
def bring(
    tasks: Iterable[Task], policy: EngineSpec, store: ResponseStore, *, simulated: bool
) -> Iterator[Mapping[tuple[str, str], Model]]:
    """Load what tasks bring, and let go of it in the end; tasks that bring the same adapter share one copy.

    Args:
        tasks: of the run.
        policy: time limits and retries, and whether models live in processes of their own.
        store: of the run; it remembers what the models were.
        simulated: whether the run's own model is a simulation.

    Raises:
        AdapterError: if one cannot be loaded.
        UsageError: if one is a simulation beside a real model, or is another than when the run began.
    """
    with ExitStack() as stack:
        loaded: dict[str, Model] = {}
        found: dict[tuple[str, str], Model] = {}
        for task in tasks:
            for role, handle in task.roles.items() if isinstance(task, Brings) else ():
                told = json.dumps(handle.describe(), sort_keys=True, default=str)
                if told not in loaded:
                    caller = Caller(_start(handle, policy, stack), policy)
                    stack.callback(caller.close)
                    loaded[told] = _model(caller)
                if loaded[told].simulated and not simulated:
                    said = f"task {task.name!r} brings {handle.name!r} as its {role}, which is a simulation"
                    raise UsageError(f"{said}: its word about a real model would be worth nothing")
                found[task.name, role] = loaded[told]
                _check_unchanged(store, task.name, role, loaded[told].fingerprint)
        yield found


def _start(handle: AdapterHandle, policy: EngineSpec, stack: ExitStack) -> Callable[[], Host]:
    if policy.isolation != "process":
        return lambda: ThreadHost(handle.load)
    lender = Lender(handle.load)
    stack.callback(lender.close)
    return lambda: ProcessHost(handle.load, lender, policy.load_timeout)


def _model(caller: Caller) -> Model:
    adapter: Any = caller.adapter
    facts = (str(adapter.fingerprint()), bool(adapter.simulated), bool(adapter.batch_invariant), adapter.batch_size)
    return Model(caller.ask, *facts, turn=threading.Lock())


def _check_unchanged(store: ResponseStore, task: str, role: str, fingerprint: str) -> None:
    key = _KEY.format(task=task, role=role)
    before = store.recall(key)
    if before not in (None, fingerprint):
        said = f"the {role} of task {task!r} changed since the run was begun (fingerprint {fingerprint[:12]})"
        raise UsageError(f"{said}; `harness run … --fresh` begins a new run")
    store.remember({key: fingerprint})
