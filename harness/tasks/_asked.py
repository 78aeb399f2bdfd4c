"""What some tasks do beside asking: ask again, say what stands for several answers, work with models of their own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from harness.tasks._cells import Cell
from harness.types import Adapter, AdapterHandle, Request, Response, Sample


@runtime_checkable
class NeedsAdapter(Protocol):
    """A task that works with the model before it asks: it attacks it, say."""

    def attach(self, turn: Callable[[], AbstractContextManager[Adapter]]) -> None:
        """Take what lends the model; called once, before the first request is prepared.

        ``with turn() as adapter:`` waits until nobody else works with the model, from any thread.
        """
        ...


@runtime_checkable
class Continues(Protocol):
    """A task whose requests may need earlier answers: a judge's prompt, a second pass, the next turn."""

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        """Return what is to be asked after these answers, all of them ok, in the order of asking; nothing: it is done.

        It must be pure, as ``requests`` is, and runs where the model is asked.

        Raises:
            SampleError: if the sample's data cannot be used.
        """
        ...


@runtime_checkable
class Joins(Protocol):
    """A task that says what stands for a sample with several parts; for others it is the text of the first."""

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the sample's whole answer as one text, as it is judged: ``harness score`` takes nothing out of it."""
        ...


@runtime_checkable
class Brings(Protocol):
    """A task that brings other models than the run's own: a judge, a reference.

    They come from ``BuildContext.adapters``; what they are must stand in ``describe``.
    """

    @property
    def roles(self) -> Mapping[str, AdapterHandle]:
        """The adapters that requests name by their ``role``."""
        ...
