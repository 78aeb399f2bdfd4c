"""Have tasks measure by themselves, where a model that hangs or dies costs a step of theirs and not the run."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harness.engine.executors import Executor
from harness.engine.keep import Keeper
from harness.engine.manifest import Manifest
from harness.engine.measured import main
from harness.engine.options import Progress
from harness.engine.plan import Plan, chunks
from harness.engine.sessions import Clock
from harness.hosts.apart import Apart, Unwanted
from harness.hosts.host import Died, Late
from harness.hosts.pulse import Doing
from harness.patience import LONGEST
from harness.record.store import ResponseStore
from harness.registry import registry
from harness.spec.models import EngineSpec
from harness.suite.adapters import AdapterChoice
from harness.tasks import Bench, Cell, Loss, Measures, Notes, Observation, Task
from harness.types import Status

_OBSERVATIONS: Final = 32
"""Written in one transaction."""
_LOSSES: Final = 16
"""Steps of one cell that may be lost; what loses so many goes on so."""
_START: Final = 600.0
"""Seconds that the process may take to read the suite."""
_NOTED: Final = "noted/{task}"

Measured = tuple[int, Task, Measures, Cell]
"""A cell to measure, its task in both its parts, and the place of its first observation."""


class Measuring:
    """Measures cells and stores what tasks observe, a few observations a transaction.

    A task that calls models is measured in a process of its own, unless the suite says ``isolation: thread``. A step
    that hangs there (``timeout``, ``load_timeout``) or dies is lost: its process is killed, and the cell is measured
    anew without it.
    """

    def __init__(
        self,
        manifest: Manifest,
        store: ResponseStore,
        choice: AdapterChoice,
        policy: EngineSpec,
        plan: Plan,
        executor: Executor,
        say: Callable[[str], None],
    ) -> None:
        self._manifest = manifest
        self._store = store
        self._choice = choice
        self._policy = policy
        self._plan = plan
        self._executor = executor
        self._say = say
        self._apart: Apart | None = None
        self._here = policy.isolation == "thread"
        self._losses: dict[str, dict[str, Loss]] = {}
        """Of each task: by step, why it can't be taken."""
        self._tries = Counter[tuple[str, str, str]]()
        patience = max(policy.timeout, LONGEST)
        self._limits: Mapping[Doing, float] = {
            "call": policy.timeout, "load": policy.load_timeout, "data": patience,
        }  # fmt: skip

    def recall(self) -> None:
        """Tell tasks what was noted of them before the run was continued."""
        for task in self._plan.tasks:
            noted = self._store.recall(_NOTED.format(task=task.name))
            if noted and isinstance(task, Notes):
                task.recall(json.loads(noted))

    def measure(
        self,
        item: Measured,
        keeper: Keeper,
        stop: threading.Event,
        progress: Progress,
        clock: Clock,
        failed: Callable[[], str],
    ) -> str:
        """Let a task observe one cell; return why the run failed meanwhile, or nothing.

        A cell that was begun is begun anew.

        Args:
            item: what to measure.
            keeper: stores what was observed.
            stop: is set where the user wants the run to stop.
            progress: who watches.
            clock: of the session.
            failed: says why the run has failed, or nothing.
        """
        place, task, measures, cell = item
        formers = self._store.drop_cell(task.name, cell.id)
        given_up: Loss | None = None
        while True:
            keeper.recount()
            start, done, number = time.perf_counter(), 0, 0
            try:
                for seen in self._seen(task, measures, cell, stop, given_up):
                    clock.timings["model"] += time.perf_counter() - start
                    keeper.observe(task, cell, number, seen, place + done, formers)
                    progress.advance(f"{task.name}/{cell.id}", len(seen), keeper.failed)
                    done, number = done + len(seen), number + 1
                    if reason := failed():
                        return reason
                    if stop.is_set():
                        return ""
                    start = time.perf_counter()
            except Unwanted:
                return ""
            except _StepLost as lost:
                given_up = self._lose(task, cell, lost)
                self._store.drop_cell(task.name, cell.id)
                progress.advance(f"{task.name}/{cell.id}", -done, keeper.failed)
                continue
            self._store.finish_cell(task.name, cell.id)
            return ""

    def close(self) -> None:
        """Let the process go that measures; one that does not end is killed."""
        apart, self._apart = self._apart, None
        if apart is not None:
            apart.close()

    def _seen(
        self, task: Task, measures: Measures, cell: Cell, stop: threading.Event, given_up: Loss | None
    ) -> Iterator[tuple[Observation, ...]]:
        """Yield what a task observes in a cell, a few at a time.

        Raises:
            _StepLost: if its process hangs or dies.
            Unwanted: if it is to stop.
        """
        if given_up is not None:
            yield from chunks(self._none(task, measures, cell, given_up), _OBSERVATIONS)
        elif getattr(task, "calls_models", False) and (apart := self._process(stop)):
            yield from self._from(apart, task, cell, stop)
        else:
            patience = self._policy.patience
            bench = Bench(self._choice, self._executor.turn, self._plan.limit, self._plan.draw, patience=patience)
            yield from chunks(measures.measure(cell, bench), _OBSERVATIONS)
            if isinstance(task, Notes):
                self._note(task, task.noted())

    def _from(self, apart: Apart, task: Task, cell: Cell, stop: threading.Event) -> Iterator[tuple[Observation, ...]]:
        complete = False
        try:
            apart.send((task.name, cell.id, self._losses.get(task.name, {})))
            kind = ""
            while kind != "done":
                kind, told = apart.receive(self._limits, stop.is_set)
                if kind == "seen":
                    yield told
                elif kind == "raised":
                    raise told
                elif kind == "lost":
                    raise _StepLost(told[0], told[1], Status.ERROR, tries=self._policy.retries)
                else:
                    complete = True
                    self._note(task, told)
            return
        except (Late, Died) as error:
            lost = self._ended(apart, error)
        except BaseException:  # somebody stops, or a task raised: the next cell has a process that is whole
            self._kill()
            raise
        if stop.is_set():
            raise Unwanted
        if not complete:
            raise lost
        self._say(f"{task.name}/{cell.id} is measured; then, {lost.step}: {lost.said}")

    def _ended(self, apart: Apart, error: Late | Died) -> "_StepLost":
        """Return what was lost with a process that hangs or died, and see that it is gone."""
        doing, step = apart.step()
        self._kill()
        if isinstance(error, Died):  # once may be the machine's fault
            return _StepLost(step, f"its process died: {error}", Status.ERROR, tries=self._policy.retries + 1)
        limit = self._limits[doing]
        said = {
            "call": f"no answer within {limit:g} s",
            "load": f"not loaded within {limit:g} s (`engine: load_timeout`)",
            "data": f"no end of it within {limit:g} s",
        }[doing]
        return _StepLost(step, f"{said}; its process was killed", Status.TIMEOUT)

    def _process(self, stop: threading.Event) -> Apart | None:
        """Return the process that measures, started where there is none; None where it can't be elsewhere.

        Raises:
            Unwanted: if it is to stop.
        """
        if self._here or self._apart is not None:
            return self._apart
        if not _elsewhere(self._choice):
            self._here = True
            return None
        said = ""
        try:
            self._apart = Apart(main)
            self._apart.send(self._manifest.model_dump_json())
            kind, said = self._apart.receive({"data": _START}, stop.is_set)
        except (Late, Died, OSError) as error:
            kind, said = "refused", f"it did not start: {error}"
        if kind == "refused":
            self._say(f"warning: tasks are measured in this process, where a hang holds the run; in one apart: {said}")
            self._here = True
            self._kill()
            return None
        self._executor.rest()
        return self._apart

    def _lose(self, task: Task, cell: Cell, lost: "_StepLost") -> Loss | None:
        """Take note of a step that was lost; return why the cell is given up, or None where it is begun anew."""
        key = (task.name, cell.id, lost.step)
        self._tries[key] += 1
        loss = Loss(lost.status, f"{lost.step}: {lost.said}" if lost.step else lost.said)
        if self._tries[key] <= lost.tries:
            self._say(f"{task.name}/{cell.id}: {loss.said}; it is begun anew")
            return None
        known = self._losses.setdefault(task.name, {})
        cells = sum(name == task.name and of == cell.id for name, of, _ in self._tries)
        self._say(f"{task.name}/{cell.id}: {loss.said}; it is measured without that")
        if not lost.step or lost.step in known or cells > _LOSSES:
            return loss
        known[lost.step] = loss
        return None

    def _none(self, task: Task, measures: Measures, cell: Cell, loss: Loss) -> Iterator[Observation]:
        """Yield what stands for a cell that can't be measured."""
        nothing = dict.fromkeys(measures.measures, float("nan"))
        for number in range(self._plan.count(task, cell)):
            yield Observation(f"lost-{number:06d}", nothing, loss.status, loss.said)

    def _note(self, task: Task, noted: Mapping[str, Any]) -> None:
        if noted and isinstance(task, Notes):
            task.recall(noted)
            self._store.remember({_NOTED.format(task=task.name): json.dumps(dict(noted))})

    def _kill(self) -> None:
        apart, self._apart = self._apart, None
        if apart is not None:
            apart.kill()


def _elsewhere(choice: AdapterChoice) -> bool:
    """Return whether another process finds an adapter's type: one that was only made in this one it does not."""
    known = registry("adapters")
    return choice.spec.type in known and known.load(choice.spec.type) is choice.factory


class _StepLost(Exception):
    """A step hung, or took its process with it."""

    def __init__(self, step: str, said: str, status: Status, *, tries: int = 0) -> None:
        self.step = step
        self.said = said
        self.status = status
        self.tries = tries
        """How often it is tried again."""
        super().__init__(said)
