"""What the process does that measures: it makes the run's tasks anew, and sends what they observe."""

import pickle
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from harness.engine.manifest import Manifest
from harness.errors import HarnessError, UsageError, in_words
from harness.hosts.apart import Link
from harness.suite.adapters import AdapterChoice
from harness.tasks import Bench, Loss, Measures, Notes, Observation, Task, Watch
from harness.types import Adapter

LOADING: Final = "loading the model"
"""The step in which the run's own model is loaded."""
_MOST: Final = 32
"""Observations of one message: sending one is felt by the call after it."""
_LONGEST: Final = 1.0
"""Seconds that one is kept back."""


def main(link: Link) -> None:
    """Measure cell after cell until told to end.

    It is sent a manifest, and then tasks with a cell and what is lost of it. It sends ``ready`` or ``refused``, and
    then ``seen`` with observations, ``complete`` when no more of a cell come, and ``done``, ``raised`` or ``lost`` at
    its end.
    """
    link.say("data", "reading the suite")
    try:
        manifest = Manifest.model_validate_json(link.receive())
        suite, choice = manifest.load_suite(), manifest.choose_adapter()
        plan = manifest.plan(suite)
    except Exception as error:  # noqa: BLE001 - it is measured where the run is, then
        link.send(("refused", in_words(error)))
        return
    link.say("")
    link.send(("ready", ""))
    patience = suite.spec.engine.patience
    own = _Own(choice, manifest.adapter.fingerprint)
    while (order := link.receive()) is not None:
        name, cell_id, losses = order
        task: Any = suite.tasks[name]
        cell = next(cell for cell in task.cells() if cell.id == cell_id)
        courier = Courier(link, task, losses)
        bench = Bench(choice, partial(own.turn, courier), plan.limit, plan.draw, courier, patience)
        link.send(courier.ended(task, task.measure(cell, bench)))
    own.close()


class Courier(Watch):
    """Sends what a task observes, and lets whoever watches see what it is about to do."""

    def __init__(self, link: Link, task: Task, losses: Mapping[str, Loss]) -> None:
        super().__init__(losses)
        self._link = link
        self._task = task
        self._kept: list[Observation] = []
        self._sent = time.monotonic()
        self._step = ""

    def ended(self, task: Measures, seen: Iterator[Observation]) -> tuple[str, Any]:
        """Send the observations of a cell, and return how it ended."""
        try:
            for one in seen:
                self._kept.append(replace(one, values=dict(one.values), tags=dict(one.tags)))
                if len(self._kept) == _MOST or time.monotonic() - self._sent > _LONGEST:
                    self._flush()
            self.rest()
            self._flush()
        except HarnessError as error:
            return "raised", _portable(error)
        except BaseException as error:  # noqa: BLE001 - a model may raise KeyboardInterrupt or SystemExit, too
            return "lost", (self._step, f"the adapter raised {in_words(error).removesuffix(': ')}")
        return "done", self._noted()

    def closing(self, step: str) -> None:
        self._flush()
        self._link.send(("complete", self._noted()))
        super().closing(step)

    def _noted(self) -> Mapping[str, Any]:
        return self._task.noted() if isinstance(self._task, Notes) else {}

    def _flush(self) -> None:
        self._sent = time.monotonic()
        if self._kept:
            self._link.say("")  # whoever reads may be slow, and that is no fault of the model's
            self._link.send(("seen", tuple(self._kept)))
            self._kept.clear()

    def _say(self, doing: Any, step: str) -> None:
        self._step = step
        self._link.say(doing, step)


class _Own:
    """The run's own model, loaded when a task first wants it."""

    def __init__(self, choice: AdapterChoice, fingerprint: str) -> None:
        self._choice = choice
        self._fingerprint = fingerprint
        self._adapter: Adapter | None = None
        self._turn = threading.Lock()

    @contextmanager
    def turn(self, watch: Watch) -> Iterator[Adapter]:
        """Lend it, to nobody else meanwhile.

        Raises:
            AdapterError: if it cannot be loaded.
            UsageError: if it is another one than when the run was begun.
        """
        with self._turn:
            if self._adapter is None:
                with watch.during("load", LOADING):
                    adapter = self._choice.load()
                    if adapter.fingerprint() != self._fingerprint:
                        said = f"(fingerprint {adapter.fingerprint()[:12]}); `harness run` begins a new run"
                        raise UsageError(f"the model changed since the run was begun {said}")
                    self._adapter = adapter
            yield self._adapter

    def close(self) -> None:
        """Let go of it; where that takes too long the process is killed."""
        if self._adapter is not None:
            with suppress(Exception):
                self._adapter.close()


def _portable(error: HarnessError) -> HarnessError:
    """Return an exception as it is where it survives the way between processes, else in its words."""
    with suppress(Exception):  # its class may want other arguments than it has
        if str(pickle.loads(pickle.dumps(error))) == str(error):  # noqa: S301 - our own
            return error
    plain = HarnessError(str(error))
    plain.exit_code = error.exit_code
    return plain
