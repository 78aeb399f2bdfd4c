"""An adapter that is asked each batch once, so that a gate can look again at more samples without paying twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from harness.engine.hosts import Facts, FarAdapter
from harness.engine.resolve import AdapterChoice
from harness.types import Adapter, Request, Response


class _Remembering(FarAdapter):
    """Passes batches on and keeps the answers. Batches of a prefix of the samples are the same at every look."""

    def __init__(self, adapter: Adapter, answers: dict[tuple[str, ...], Sequence[Response]]) -> None:
        super().__init__(Facts.of(adapter))
        self._adapter = adapter
        self._answers = answers

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        key = tuple(request.id for request in requests)
        if key not in self._answers:
            self._answers[key] = self._adapter.generate(requests)
        return self._answers[key]

    def close(self) -> None:
        """The model stays for the next look."""


@dataclass(frozen=True, slots=True)
class _RememberingChoice(AdapterChoice):
    loaded: list[Adapter] = field(default_factory=list)
    answers: dict[tuple[str, ...], Sequence[Response]] = field(default_factory=dict)

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
