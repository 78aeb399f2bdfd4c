"""The models of one cell, loaded as far as they can be: one that hangs or dies does not take the others with it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from harness.errors import in_words
from harness.tasks._watch import Loss, LostError, Watch
from harness.types import Adapter, Status

Lend = Callable[[], AbstractContextManager[Adapter]]


@dataclass(frozen=True, slots=True)
class Steps:
    """How a cell calls what it does with one model: nothing else is called so."""

    model: str
    """The model, with the keys that it is loaded with."""
    cell: str

    @property
    def load(self) -> str:
        """Loading it. Where that hangs it does so in every cell."""
        return f"loading {self.model}"

    @property
    def close(self) -> str:
        """Letting go of it."""
        return f"closing {self.model}"

    @property
    def call(self) -> str:
        """A call of it, timed or not."""
        return f"a call of {self.model} in {self.cell}"


@dataclass(frozen=True, slots=True)
class Side:
    """One model of a cell."""

    place: int
    """Among the task's sides; the candidate is 0."""
    steps: Steps
    model: Adapter | Loss
    """The model, or why it can't be measured."""


def opened(stack: ExitStack, sides: Sequence[tuple[Steps, Lend]], watch: Watch) -> list[Side]:
    """Load the models of a cell, but those that are lost; they are let go of with ``stack``."""
    found: list[Side] = []
    for place, (steps, lend) in enumerate(sides):
        model: Adapter | Loss | None = watch.lost(steps.load, steps.call)
        if model is None:
            try:
                model = stack.enter_context(_watched(lend, steps, watch))
            except LostError as error:
                model = error.loss
            except Exception as cause:  # noqa: BLE001 - one model that can't be loaded must not end the measurement
                model = Loss(Status.ERROR, in_words(cause))
        found.append(Side(place, steps, model))
    return found


@contextmanager
def _watched(lend: Lend, steps: Steps, watch: Watch) -> Iterator[Adapter]:
    watch.begin("load", steps.load)
    with ExitStack() as stack:
        adapter = stack.enter_context(lend())
        watch.rest()
        yield adapter
        watch.closing(steps.close)  # but where measuring itself was broken off
