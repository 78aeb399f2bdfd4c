"""What a run will do, before it does anything: cells, batches and how many requests there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from harness.engine.resolve import Suite
from harness.tasks._base import Cell, Measures, Task
from harness.types import Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that go to the adapter in one call.

    Batches never cross a cell's border, and which samples share one depends on the dataset's
    order and the batch size alone. So where an answer can depend on its companions, it still
    does not depend on what else the suite runs.
    """

    number: int
    """Within its cell, from 0."""
    task: Task
    cell: Cell
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All cells of a suite, in order."""

    tasks: tuple[Task, ...]
    batch_size: int
    limit: int | None = None
    """At most so many samples a cell."""

    @property
    def total(self) -> int:
        """How many requests there are."""
        return sum(self.count(task, cell) for task in self.tasks for cell in task.cells())

    def count(self, task: Task, cell: Cell) -> int:
        """Return how many samples of a cell are run."""
        count = task.count(cell)
        return count if self.limit is None else min(count, self.limit)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of all cells that ask; samples are read as they are needed."""
        for task in self.tasks:
            if isinstance(task, Measures):
                continue
            for cell in task.cells():
                samples = islice(task.samples(cell), self.count(task, cell))
                for number, chunk in enumerate(chunks(samples, self.batch_size)):
                    yield Batch(number, task, cell, chunk)

    def measured(self) -> Iterator[tuple[Task, Measures, Cell]]:
        """Yield the cells that their tasks measure by themselves; they come after the questions."""
        for task in self.tasks:
            if isinstance(task, Measures):
                for cell in task.cells():
                    yield task, task, cell


def make_plan(suite: Suite, batch_size: int, limit: int | None = None) -> Plan:
    """Lay out a suite's cells."""
    return Plan(tuple(suite.tasks.values()), batch_size, limit)


def chunks(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the items in tuples of ``size``; the last may be shorter."""
    rest = iter(items)
    while chunk := tuple(islice(rest, size)):
        yield chunk
