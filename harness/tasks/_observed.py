"""Tasks that observe by themselves, with the model in hand, instead of asking it one question a sample."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from harness.tasks._cells import Cell
from harness.tasks._watch import Watch
from harness.tasks.draw import Draw
from harness.types import Adapter, AdapterHandle, Dataset, Patience, Sample, Status


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that a task measured by itself: one timed call, one simulated stream."""

    id: str
    """Unique within its cell."""
    values: Mapping[str, float]
    """By name; exactly those that the task's ``measures`` declares. NaN where there is none."""
    status: Status = Status.OK
    error: str | None = None
    text: str | None = None
    """What to keep of an answer, where there is one."""
    cluster: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measuring task works with."""

    handle: AdapterHandle
    """The run's own adapter, to load variants of it."""
    turn: Callable[[], AbstractContextManager[Adapter]]
    """``with turn() as adapter:`` lends the run's model, to nobody else meanwhile."""
    limit: int | None = None
    """At most so many samples, for a quick look."""
    draw: Draw = field(default_factory=Draw)
    """Which they are."""
    watch: Watch = field(default_factory=Watch)
    """Hears what the task is about to do with a model."""
    patience: Patience = field(default_factory=Patience)
    """How long a model may take."""

    def some(self, dataset: Dataset) -> Iterator[Sample]:
        """Yield the samples of a dataset that are to be looked at: all, or with a limit those that other tasks ask."""
        return iter(self.draw.taken(lambda: dataset, len(dataset)))


@runtime_checkable
class Measures(Protocol):
    """A task that observes by itself, with the model in hand, instead of asking the model one question a sample.

    Its cells are measured one after another, after all questions of the run are answered. ``samples``
    and ``requests`` are never called for it, and its ``metrics`` are empty.

    With ``calls_models = True`` on its class it is measured in a process of its own, made there from the suite's file:
    a model that hangs or dies costs the step that ``bench.watch`` was told of, and not the run.
    """

    measures: Sequence[str]
    """The columns of every observation. They are named other than the task's metrics, which aggregate them."""

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Observe one cell. A run that resumes starts a cell that was not finished anew."""
        ...


@runtime_checkable
class Notes(Protocol):
    """A task that measures by itself and sees more than its observations hold: what a model says of its session."""

    def noted(self) -> Mapping[str, Any]:
        """Return what it saw, as plain JSON values, after a cell was measured."""
        ...

    def recall(self, noted: Mapping[str, Any]) -> None:
        """Take what it saw, in another process or before the run was continued."""
        ...


@runtime_checkable
class LooksAt(Protocol):
    """A task that measures by itself and, in some cells, looks at every sample of a dataset (:meth:`Bench.some`)."""

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return the dataset of a cell; None where it measures something else."""
        ...
