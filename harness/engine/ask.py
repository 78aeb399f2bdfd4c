"""Get the answers to a prepared batch: what failed before stays failed, what is known is taken, the rest is asked."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

from harness.engine.cache import CacheError, ResponseCache, keys
from harness.engine.prepare import Hashed, Prepared, contained
from harness.hosts.call import NOT_SENT, Called
from harness.tasks import Continues
from harness.types import Request, Response, Status

ROUNDS: Final = 16
"""How often a task may ask about one sample: one that never ends must not hold the run."""

_UNASKED: Final = Response(None, Status.MISSING, "it was not asked")


@dataclass(frozen=True, slots=True)
class Model:
    """Whoever is asked in a role, and what of it decides batches and keys."""

    ask: Callable[[Sequence[Request]], Called]
    fingerprint: str
    simulated: bool
    batch_invariant: bool
    batch_size: int
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while it is asked."""


@dataclass(slots=True)
class Part:
    """One request of a sample's work, and what came of it."""

    request: Request
    hash: str
    response: Response = _UNASKED
    cached: bool = False
    seconds: float | None = None
    """Wall-clock time that the answer took, or its share of a call that answered several; None of a known one."""


@dataclass(slots=True)
class Work:
    """One sample's requests so far."""

    error: str | None
    """Why there is nothing to ask, or nothing more."""
    first: int
    """How many of its parts are asked before any answer is known."""
    parts: list[Part] = field(default_factory=list)

    @property
    def responses(self) -> list[Response]:
        """The answers, in the order of asking."""
        return [part.response for part in self.parts]

    @property
    def later(self) -> bool:
        """Whether one of its parts was not asked, and waits until the run goes on."""
        return any(part.response.later for part in self.parts)

    @property
    def hopeless(self) -> str:
        """Why it failed, where every other request will too; else nothing."""
        return next((part.response.error or "refused" for part in self.parts if part.response.hopeless), "")

    @property
    def failed(self) -> Part | None:
        """The first part that has no answer."""
        for part in self.parts:
            if part.response.status != Status.OK:
                return part
        return None


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What came of a batch."""

    works: Sequence[Work]
    """One a sample."""
    seconds: float
    """Wall-clock time of the calls."""


class Asker:
    """Stands between the pipeline and the models.

    The requests of a batch are asked round by round; those of one role and kind together, in the order of samples and
    parts, cut at the model's batch size. So which share a call depends on the plan, and on the answers before, alone.
    """

    def __init__(
        self,
        own: Model,
        others: Mapping[tuple[str, str], Model],
        cache: ResponseCache | None,
        say: Callable[[str], None],
        apart: str = "",
    ) -> None:
        """Stand there.

        Args:
            own: the run's model.
            others: the models that tasks bring, by task and role.
            cache: where answers are looked up and left; None for nowhere.
            say: tells the user.
            apart: part of the cache's keys, beside the model's fingerprint.
        """
        self._own = own
        self._others = others
        self._cache = cache
        self._say = say
        self._apart = apart
        self._stopped = threading.Event()
        """Set once a request failed as all others will: none is asked any more."""

    def __call__(self, ready: Prepared) -> Exchanged:
        """Return what came of every sample of the batch."""
        works = [Work(error, len(asked)) for error, asked in zip(ready.errors, ready.asked, strict=True)]
        task, waiting, seconds = ready.batch.task, ready.asked, 0.0
        for _ in range(ROUNDS):
            seconds += self._round(task.name, works, waiting)
            if not isinstance(task, Continues):
                break
            waiting = tuple(self._next(task, ready, i, work) for i, work in enumerate(works))
            if not any(waiting):
                break
        else:
            for work, more in zip(works, waiting, strict=True):
                work.error = f"the task asks more than {ROUNDS} times about this sample" if more else work.error
        return Exchanged(works, seconds)

    def _next(self, task: Continues, ready: Prepared, i: int, work: Work) -> tuple[Hashed, ...]:
        """Return what a task asks after a sample's answers; nothing where one is missing, or none was wanted."""
        if not work.parts or work.failed or work.error is not None:
            return ()
        cell, sample, oracle = ready.batch.cell, ready.batch.samples[i], self._own.simulated
        before = [part.request.part for part in work.parts]
        more, work.error = contained(lambda: task.then(cell, sample, work.responses, oracle=oracle), before)
        return more

    def _round(self, task: str, works: Sequence[Work], waiting: Sequence[Sequence[Hashed]]) -> float:
        """Ask what waits and put the answers where they belong; return how many seconds it took."""
        groups: dict[tuple[str, str], list[Part]] = {}
        for work, asked in zip(works, waiting, strict=True):
            for request, digest in asked:
                part = Part(request, digest)
                work.parts.append(part)
                groups.setdefault((request.role, request.ask), []).append(part)
        seconds = 0.0
        for (role, _), parts in groups.items():
            model = self._others.get((task, role)) if role else self._own
            if model is None:
                said = f"the task brings no adapter for the role {role!r}"
                for part in parts:
                    part.response = Response(None, Status.ERROR, said)
                continue
            for start in range(0, len(parts), model.batch_size):
                seconds += self._answer(model, parts[start : start + model.batch_size])
        return seconds

    def _answer(self, model: Model, parts: Sequence[Part]) -> float:
        """Get the answers to one call; return how many seconds it took."""
        if self._stopped.is_set():
            for part in parts:
                part.response = NOT_SENT
            return 0.0
        called = self._known_or_asked(model, parts)
        if any(response.hopeless for response in called.responses):
            self._stopped.set()
        share = called.seconds / max(1, len(parts) - len(called.cached))
        for i, (part, response) in enumerate(zip(parts, called.responses, strict=True)):
            part.response = response
            part.cached = i in called.cached
            part.seconds = None if part.cached else share if response.took is None else response.took
        return called.seconds

    def _known_or_asked(self, model: Model, parts: Sequence[Part]) -> Called:
        requests = [part.request for part in parts]
        if not model.simulated:  # what a real model is asked never holds what a simulated one may know
            requests = [replace(request, oracle=None) if request.oracle else request for request in requests]
        # What a simulation answers costs nothing, and must not outlive it.
        if self._cache is None or model.simulated:
            return self._asked(model, requests)
        names = keys(
            model.fingerprint + self._apart, [part.hash for part in parts], batch_invariant=model.batch_invariant
        )
        known = self._look_up(names, requests)
        if not model.batch_invariant and None in known:
            known = [None] * len(known)  # the batch is asked as a whole or not at all
        missing = [i for i, response in enumerate(known) if response is None]
        called = self._asked(model, [requests[i] for i in missing]) if missing else Called((), 0.0)
        fresh = dict(zip(missing, called.responses, strict=True))
        self._learn(model, {names[i]: (requests[i], response) for i, response in fresh.items()})
        responses = tuple(response or fresh[i] for i, response in enumerate(known))
        return replace(called, responses=responses, cached=frozenset(range(len(known))) - frozenset(missing))

    def _asked(self, model: Model, requests: Sequence[Request]) -> Called:
        with model.turn:
            return model.ask(requests)

    def _look_up(self, names: Sequence[bytes], requests: Sequence[Request]) -> list[Response | None]:
        try:
            return self._cache.get(names, requests) if self._cache else [None] * len(names)
        except CacheError as error:
            return self._give_up(error, len(names))

    def _learn(self, model: Model, entries: dict[bytes, tuple[Request, Response]]) -> None:
        try:
            if self._cache and entries:
                self._cache.put(model.fingerprint, entries)
        except CacheError as error:
            self._give_up(error, 0)

    def _give_up(self, error: CacheError, count: int) -> list[Response | None]:
        self._say(f"{error}; going on without it")
        self._cache = None
        return [None] * count
