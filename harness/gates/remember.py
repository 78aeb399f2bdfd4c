"""An adapter that is asked each batch once, so that a gate can look again at more samples without paying twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from harness.hosts.dispatch import Between, dispatch
from harness.hosts.far import Facts, FarAdapter
from harness.suite.adapters import AdapterChoice
from harness.types import Adapter, Request, Response

_Answers = dict[tuple[str, ...], Any]
"""What came of each request, by what was asked and its id; of each batch, where answers can depend on their batch."""

_SKILLS: Final = (
    "embed", "embed_texts", "classes", "classify", "prepare", "infer", "model_files", "ground", "score_text",
    "image_gradient",
)  # fmt: skip
"""What an adapter has beside ``generate``, by the protocols of ``harness.types``."""


def _listed(found: Any) -> Sequence[Any]:
    return found if isinstance(found, (list, tuple)) else ()


def _passing(answer: Any) -> bool:
    """Return whether an answer is still to come, or would be another once its cause is mended."""
    return getattr(answer, "later", False) or getattr(answer, "hopeless", False)


class _Remembering(FarAdapter, Between):
    """Passes batches on and keeps the answers; of a batch that is known in part only the rest is asked.

    Where answers can depend on their batch, they are known by the whole batch alone. Batches of a prefix of the samples
    are the same at every look but for the last.

    A task that works with the model itself reaches it as it is: what it asks by the way has no ids to remember it by.
    """

    def __init__(self, adapter: Adapter, answers: _Answers, free: list[Adapter]) -> None:
        super().__init__(Facts.of(adapter))
        self._adapter = adapter
        self._answers = answers
        self._free = free
        self._busy = False
        for skill in _SKILLS:  # only what it has: protocols look for the attributes
            if hasattr(adapter, skill):
                setattr(self, skill, getattr(adapter, skill))

    def answer(self, requests: Sequence[Request]) -> Any:
        if not self.batch_invariant:
            key = (requests[0].ask, *(request.id for request in requests))
            if key in self._answers:
                return self._answers[key]
            found = self._asked(requests)
            if not any(map(_passing, _listed(found))):
                self._answers[key] = found  # what is still to come is asked for again
            return found
        new = [request for request in requests if (request.ask, request.id) not in self._answers]
        told: dict[Any, Any] = {}
        if new:
            answers = self._asked(new)
            if not isinstance(answers, Sequence) or len(answers) != len(new):  # the engine says what is wrong with it
                return answers
            told = {(one.ask, one.id): answer for one, answer in zip(new, answers, strict=True)}
            self._answers |= {key: answer for key, answer in told.items() if not _passing(answer)}
        keys = [(request.ask, request.id) for request in requests]
        return [told[key] if key in told else self._answers[key] for key in keys]

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return self._adapter.generate(requests)

    def close(self) -> None:
        """Leave the model to the next look, unless a call to it never came back."""
        if not self._busy:
            self._free.append(self._adapter)

    def _asked(self, requests: Sequence[Request]) -> Any:
        self._busy = True
        try:
            return dispatch(self._adapter, requests)
        finally:
            self._busy = False


@dataclass(frozen=True, slots=True)
class _RememberingChoice(AdapterChoice):
    loaded: list[Adapter] = field(default_factory=list)
    free: list[Adapter] = field(default_factory=list)
    answers: _Answers = field(default_factory=dict)

    def load(self) -> Adapter:
        # A call that timed out leaves its adapter unusable, and load() is called again: a new model, same answers.
        if self.free:
            return _Remembering(self.free.pop(), self.answers, self.free)
        adapter = super(_RememberingChoice, self).load()  # slots=True makes another class; super() needs its name
        self.loaded.append(adapter)
        return _Remembering(adapter, self.answers, self.free)


@contextmanager
def remembering(choice: AdapterChoice) -> Iterator[AdapterChoice]:
    """Yield the same choice, whose adapter answers a batch that it has answered from memory."""
    once = _RememberingChoice(choice.file, choice.spec, choice.config, choice.factory)
    try:
        yield once
    finally:
        for adapter in once.loaded:
            with suppress(Exception):  # the runs are recorded already
                adapter.close()
