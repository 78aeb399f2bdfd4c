"""Prepare batches in processes: what holds the interpreter's lock there holds up neither the model nor each other."""

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Self

from harness.cpu import usable_cores
from harness.engine.manifest import Manifest
from harness.engine.options import RunOptions
from harness.engine.plan import Batch
from harness.engine.prepare import Made, Prepared, late, maker, preparing, put_together
from harness.engine.prepared import BETWEEN, Order, Setup, Some, main, mark_of
from harness.engine.worth import Worth
from harness.hosts.apart import Apart, Unwanted
from harness.hosts.host import Died, Late
from harness.hosts.parcels import Arena, unpack
from harness.patience import LONGEST, Patience
from harness.tasks import NeedsAdapter

_START: Final = 600.0
"""Seconds that a process may take to read the suite."""
_STRIKES: Final = 3
"""Times in a row that a process may end for no sample's sake."""
Spent = Callable[[float, float], None]


@dataclass(slots=True)
class _Job:
    """A batch that is prepared elsewhere."""

    batch: Batch
    made: dict[int, Made] = field(default_factory=dict)
    """Of samples by their place in the batch; what is not there in the end is made where the run is."""
    lost: dict[int, bool] = field(default_factory=dict)
    """Samples that took their process with them, and whether they took too long."""
    over: "Future[None]" = field(default_factory=Future)

    def order(self, size: int) -> Order:
        """Return the order for what is not made yet, given how many samples a batch has."""
        batch = self.batch
        offsets = batch.offsets or range(len(batch.samples))
        left = {i: batch.number * size + offset for i, offset in enumerate(offsets) if i not in self.made}
        return Order(batch.task.name, batch.cell.id, left, mark_of([batch.samples[i] for i in left]))

    def take(self, some: Some, arena: Arena | None) -> None:
        """Unpack what was sent; what cannot be unpacked was not sent."""
        for place, parcel in some.parcels.items():
            sample = self.batch.samples[place]
            with suppress(Exception):  # a class that only the other process knows, say
                if parcel is not None:
                    facts, asked, said = unpack(parcel, arena)
                    self.made[place] = sample if facts is None else replace(sample, facts=facts), asked, said

    def settle(self, error: Exception | None = None) -> None:
        """Say that no more comes: whoever waits makes the rest, or is told why not."""
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)

    def lose(self, place: int, error: Died | Late, limit: float) -> None:
        """Give up the sample with which its process was lost."""
        slow = isinstance(error, Late)
        said = f"no end of it within {limit:g} s; its process was killed" if slow else f"its process died: {error}"
        self.made[place] = late(self.batch.samples[place], said)
        self.lost[place] = slow


class Lanes:
    """Begins batches as :func:`harness.engine.prepare.preparing` does, in processes where that is wanted.

    The processes read the suite from the run's manifest. A sample that takes its process with it, or holds it longer
    than a call of the model may take, is given up, and the process replaced. Tasks that work with the model before they
    ask are prepared in threads, and so are those of which the first sample is another one in another process.
    """

    def __init__(
        self, manifest: Manifest, options: RunOptions, timeout: float, left: Callable[[], int], spent: Spent
    ) -> None:
        """Get ready; processes are started at once, but for ``auto``.

        Args:
            manifest: of the run.
            options: how samples are prepared, by how many workers, and who hears from when on processes are used, or
                why they are not.
            timeout: seconds that one sample may take, where that is more than ``harness.patience.LONGEST``.
            left: counts the samples that are to be asked, which takes a walk over the plan; for ``auto`` alone.
            spent: hears of wall-clock and CPU seconds that were spent in processes.
        """
        how, workers = options.prepare, options.workers
        self.manifest = manifest
        self.workers = workers
        self.limit = max(timeout, LONGEST)
        self.spent = spent
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.closed = threading.Event()
        self._auto = how == "auto"
        self._say = options.say
        self._oracle = manifest.adapter.simulated
        cores = min(workers, usable_cores())
        self._worth = Worth(left(), cores) if self._auto and cores > 1 else None
        self._lock = threading.Lock()
        self._open = False
        self._ready = 0
        self._threads: list[threading.Thread] = []
        self._staying: set[str] = set()
        """Tasks that are prepared here."""
        self._same: set[str] = set()
        """Tasks of which a sample was the same here and there."""
        if how == "processes":
            self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, patience: Patience, batch: Batch) -> Callable[[], Prepared]:
        """Begin with a batch; return what waits for the end."""
        if self._worth and self._worth.shown(len(batch.samples)):
            self._worth = None
            self._start()
        task = batch.task
        with self._lock:
            if self._open and not isinstance(task, NeedsAdapter) and task.name not in self._staying:
                job = _Job(batch)
                self.jobs.put(job)
                return partial(self._end, patience, job)
        wait = preparing(patience, batch, oracle=self._oracle)
        return partial(self._worth.wait, wait) if self._worth else wait

    def close(self) -> None:
        """Let the processes go; one that is at work is killed."""
        with self._lock:
            self._open = False
        self.closed.set()
        for _ in self._threads:
            self.jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._settle(Unwanted())

    def ready(self) -> None:
        """Take in that one more process has read the suite."""
        with self._lock:
            self._ready += 1
            if self._auto and self._ready == self.workers and not self.closed.is_set():
                self._open = True
                self._say(f"samples are prepared in {self.workers} processes from here on: the model waits for them")

    def refuse(self, said: str) -> None:
        """Have everything prepared here from now on."""
        with self._lock:
            self._open, was_open = False, self._open
            if was_open or self._auto:
                self._say(f"warning: samples are prepared in threads; in a process of its own: {said}")
            self._auto = False
        self._settle(None)

    def _settle(self, error: Exception | None) -> None:
        """Let nobody wait for batches that no process will take."""
        with suppress(queue.Empty):
            while True:
                if (job := self.jobs.get_nowait()) is not None:
                    job.settle(error)

    def _start(self) -> None:
        self._open = not self._auto
        for number in range(self.workers):
            thread = threading.Thread(target=_Lane(self).run, daemon=True, name=f"harness-lane-{number}")
            self._threads.append(thread)
            thread.start()

    def _end(self, patience: Patience, job: _Job) -> Prepared:
        """Wait for a batch, and make here what did not come."""
        job.over.result()
        batch, made = job.batch, job.made
        for slow in job.lost.values():
            if slow:
                patience.give_up()
        if not self._trusted(patience, job):
            made = {place: made[place] for place in job.lost}
        places = [place for place in range(len(batch.samples)) if place not in made]
        if places:
            made |= zip(places, self._here(patience, batch, places), strict=True)
        return put_together(batch, [made[place] for place in range(len(batch.samples))])

    def _trusted(self, patience: Patience, job: _Job) -> bool:
        """Return whether a task's samples are the same here and there, by the first that was made of it.

        They are not where a suite was put together from objects in this process, say.
        """
        task, samples = job.batch.task, job.batch.samples
        with self._lock:
            if task.name in self._same or task.name in self._staying:
                return task.name in self._same
            off = not self._open
        place = next((place for place in job.made if place not in job.lost), None)
        if place is None:
            if samples and not off and not job.lost:
                self._stay(task.name, "it has other samples there, or such as cannot be sent")
            return not samples or bool(job.lost)
        (here,), there = self._here(patience, job.batch, [place]), job.made[place]
        if _seen(here) != _seen(there):
            self._stay(task.name, f"{samples[place].id} is asked otherwise there than here")
            return False
        if there[2] is None:
            with self._lock:
                self._same.add(task.name)
        return True

    def _stay(self, task: str, said: str) -> None:
        with self._lock:
            self._staying.add(task)
        self._say(f"warning: samples of {task} are prepared in threads; in a process of its own: {said}")

    def _here(self, patience: Patience, batch: Batch, places: list[int]) -> list[Made]:
        one = maker(batch.task, batch.cell, oracle=self._oracle)
        return patience.end(patience.begin(one, [batch.samples[place] for place in places]), late)


def _seen(made: Made) -> tuple[Any, ...]:
    """Return what a model and metrics see of a sample; what goes wrong may be said in other words."""
    sample, asked, said = made
    return sample.facts, [digest for _, digest in asked], [request.id for request, _ in asked], said is None


class _Refused(Exception):
    """A process cannot do it."""


class _Lane:
    """A process, and the thread that sends it orders and unpacks what it sends."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._waiting: deque[_Job] = deque()
        """Jobs whose orders it has, in the order of sending."""
        self._arena: Arena | None = None
        self._apart: Apart | None = None
        self._strikes = 0
        self._room = 1
        """Orders that the process may have: two from when on it asks for the next, so that it goes on while what it
        sends is unpacked, and no batch lies long behind a slow one while another process is free."""

    def run(self) -> None:
        """Work until there is nothing more to do."""
        try:
            apart = self._open()
            self._lanes.ready()
            while self._fill(apart):
                apart = self._receive(apart)
            error: Exception | None = Unwanted()
        except _Refused as refused:
            self._lanes.refuse(str(refused))
            error = None
        except Exception as cause:  # noqa: BLE001 - it is raised where batches are waited for
            error = cause
        self._let_go(kill=bool(self._waiting))
        for job in self._waiting:
            job.settle(error)

    def _open(self) -> Apart:
        """Start a process, and see that it reads the suite.

        Raises:
            _Refused: if it does not.
            Unwanted: if nobody wants it any more.
        """
        lanes = self._lanes
        self._arena = Arena.new()
        file = self._arena.file if self._arena else None
        try:
            self._apart = apart = Apart(main, [] if file is None else [file])
            apart.send(Setup(lanes.manifest.model_dump_json(), lanes.manifest.adapter.simulated, file))
            kind, told = apart.receive({"data": _START}, lanes.closed.is_set)
        except (Late, Died, OSError) as error:
            raise _Refused(f"it did not start: {error}") from error
        if kind == "refused":
            raise _Refused(told)
        lanes.spent(0.0, told)
        return apart

    def _fill(self, apart: Apart) -> bool:
        """Send orders as far as it takes more; return whether there is something to wait for."""
        while len(self._waiting) < self._room:
            try:
                job = self._lanes.jobs.get(block=not self._waiting)
            except queue.Empty:
                return True
            if job is None:
                return False
            self._waiting.append(job)
            self._send(apart, job)
        return True

    def _send(self, apart: Apart, job: _Job) -> None:
        with suppress(Died):  # which is noticed where answers are read
            apart.send(job.order(self._lanes.manifest.batch_size))

    def _receive(self, apart: Apart) -> Apart:
        """Take in one message; return the process, or the one in its place."""
        job = self._waiting[0]
        try:
            some: Some | None = apart.receive({"data": self._lanes.limit}, self._lanes.closed.is_set)
        except (Died, Late) as error:
            return self._replace(apart, job, error)
        if some is None:
            self._room = 2
            return apart
        self._strikes = 0
        job.take(some, self._arena)
        if self._arena:
            self._arena.done()
        self._lanes.spent(some.seconds, some.cpu)
        if some.last:
            self._room = 1
            self._waiting.popleft().settle()
        return apart

    def _replace(self, apart: Apart, job: _Job, error: Died | Late) -> Apart:
        """Give up the sample that was at work, and have another process do what is left."""
        step = apart.step()[1]
        self._let_go(kill=True)
        if step != BETWEEN and int(step) not in job.made:
            job.lose(int(step), error, self._lanes.limit)
        else:
            self._strikes += 1
            if self._strikes >= _STRIKES:
                raise _Refused(f"it ended {_STRIKES} times: {error}")
        apart = self._open()
        for waiting in self._waiting:
            self._send(apart, waiting)
        return apart

    def _let_go(self, *, kill: bool) -> None:
        apart, self._apart = self._apart, None
        if apart is not None:
            apart.kill() if kill else apart.close()
        arena, self._arena = self._arena, None
        if arena is not None:
            arena.close()
