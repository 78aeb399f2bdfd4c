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
"""What came of each batch, by what was asked and the ids of its requests."""

_SKILLS: Final = (
    "embed", "classes", "classify", "prepare", "infer", "model_files", "ground", "score_text", "image_gradient",
)  # fmt: skip
"""What an adapter has beside ``generate``, by the protocols of ``harness.types``."""


def _listed(found: Any) -> Sequence[Any]:
    return found if isinstance(found, (list, tuple)) else ()


class _Remembering(FarAdapter, Between):
    """Passes batches on and keeps the answers. Batches of a prefix of the samples are the same at every look.

    A task that works with the model itself reaches it as it is: what it asks by the way has no ids to remember it by.
    """

    def __init__(self, adapter: Adapter, answers: _Answers) -> None:
        super().__init__(Facts.of(adapter))
        self._adapter = adapter
        self._answers = answers
        for skill in _SKILLS:  # only what it has: protocols look for the attributes
            if hasattr(adapter, skill):
                setattr(self, skill, getattr(adapter, skill))

    def answer(self, requests: Sequence[Request]) -> Any:
        key = (requests[0].ask, *(request.id for request in requests))
        if key in self._answers:
            return self._answers[key]
        found = dispatch(self._adapter, requests)
        if not any(getattr(one, "later", False) or getattr(one, "hopeless", False) for one in _listed(found)):
            self._answers[key] = found  # what is still to come is asked for again
        return found

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return self._adapter.generate(requests)

    def close(self) -> None:
        """The model stays for the next look."""


@dataclass(frozen=True, slots=True)
class _RememberingChoice(AdapterChoice):
    loaded: list[Adapter] = field(default_factory=list)
    answers: _Answers = field(default_factory=dict)

    def load(self) -> Adapter:
        # A call that timed out leaves its adapter unusable, and load() is called again: a new model, same answers.
        adapter = super(_RememberingChoice, self).load()  # slots=True makes another class; super() needs its name
        self.loaded.append(adapter)
        return _Remembering(adapter, self.answers)


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
