"""What a run will do, before it does anything: cells, batches and how many requests there are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Self, TypeVar

from harness.errors import UsageError
from harness.suite.bind import Suite
from harness.suite.looks import draw_of
from harness.suite.select import RepeatedTask
from harness.tasks import Cell, LooksAt, Measures, Task
from harness.tasks.draw import Draw, Taken
from harness.types import Sample

T = TypeVar("T")

OBSERVED: Final = 1 << 40
"""Places of observations: those of the n-th measured cell start at n times this, after all questions."""


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
    place: int = 0
    """Of its first sample in the plan, whether or not it is asked."""
    offsets: tuple[int, ...] | None = None
    """Which of its samples are asked, from 0, where some were answered before; None for all."""

    @property
    def places(self) -> list[int]:
        """The place of each sample in the plan."""
        return [self.place + i for i in (self.offsets or range(len(self.samples)))]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that together are one: every ``of``-th batch, and every ``of``-th measured cell."""

    number: int
    """From 1."""
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``3/8``.

        Raises:
            UsageError: if it is not that.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise UsageError(f"a shard is written 3/8, the third of eight; got {text!r}")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, position: int) -> bool:
        """Return whether the batch or cell at a position, from 0, is this shard's."""
        return position % self.of == self.number - 1


WHOLE: Final = Shard(1, 1)


Left = Callable[[str, str, range], Sequence[int]]
"""Which of some samples of a task's cell, told by their positions in it, are still to be asked."""


def _all_left(task: str, cell: str, positions: range) -> Sequence[int]:
    return positions


@dataclass(frozen=True, slots=True)
class Plan:
    """All cells of a suite, in order."""

    tasks: tuple[Task, ...]
    batch_size: int
    draw: Draw = field(default_factory=Draw)
    """Which samples of a cell are run."""
    shard: Shard = WHOLE
    _taken: dict[tuple[str, str], Taken] = field(default_factory=dict, repr=False, compare=False)

    @property
    def limit(self) -> int | None:
        """At most so many samples of a cell are run."""
        return self.draw.limit

    @property
    def total(self) -> int:
        """How many requests there are, in all shards."""
        return sum(self.count(task, cell) for task in self.tasks for cell in task.cells())

    @property
    def own(self) -> int:
        """How many requests this shard has."""
        return self.asked + sum(self.count(task, cell) for _, task, _, cell in self.measured())

    @property
    def asked(self) -> int:
        """How many of them are questions."""
        return sum(size for *_, size in self._own_batches())

    def count(self, task: Task, cell: Cell) -> int:
        """Return how many samples of a cell are run, in all shards."""
        if self.limit is None:
            return task.count(cell)
        if isinstance(task, Measures):
            looked_at = task.looked_at(cell) if isinstance(task, LooksAt) else None
            if looked_at is None:
                return min(task.count(cell), self.limit)
            return self.draw.taken(lambda: looked_at, len(looked_at)).count
        return self.taken(task, cell).count * _times(task)

    def taken(self, task: Task, cell: Cell) -> Taken:
        """Return the questions of a cell that are asked, each once."""
        key = task.name, cell.id
        if key not in self._taken:
            samples = task.questions if isinstance(task, RepeatedTask) else task.samples
            self._taken[key] = self.draw.taken(lambda: samples(cell), task.count(cell) // _times(task))
        return self._taken[key]

    def samples(self, task: Task, cell: Cell) -> Iterator[Sample]:
        """Yield the samples of a cell that are run, in all shards."""
        taken = self.taken(task, cell)
        return task.repeated(taken) if isinstance(task, RepeatedTask) else iter(taken)

    def places(self) -> dict[tuple[str, str], int]:
        """Return the place of the first sample, or observation, of each cell."""
        found = {}
        place, number = 0, 0
        for task in self.tasks:
            for cell in task.cells():
                if isinstance(task, Measures):
                    number += 1
                    found[task.name, cell.id] = number * OBSERVED
                else:
                    found[task.name, cell.id] = place
                    place += self.count(task, cell)
        return found

    def batches(self, left: Left = _all_left) -> Iterator[Batch]:
        """Yield this shard's batches of all cells that ask; samples are read as they are needed.

        Args:
            left: which samples are still to be asked. A batch goes out without those that were answered before.
        """
        place = position = 0
        for task in self._asking():
            for cell in task.cells():
                count = self.count(task, cell)
                ranges = [
                    range(start, min(count, start + self.batch_size)) if self.shard.has(position + number) else range(0)
                    for number, start in enumerate(range(0, count, self.batch_size))
                ]
                if any(left(task.name, cell.id, own) for own in ranges if own):
                    for number, chunk in enumerate(chunks(self.samples(task, cell), self.batch_size)):
                        asked = left(task.name, cell.id, ranges[number]) if ranges[number] else ()
                        if asked:
                            first = number * self.batch_size
                            yield _batch(number, task, cell, chunk, place + first, [i - first for i in asked])
                place += count
                position += len(ranges)

    def measured(self) -> Iterator[tuple[int, Task, Measures, Cell]]:
        """Yield the cells that their tasks measure by themselves, each with the place of its first observation.

        They come after the questions.
        """
        number = 0
        for task in self.tasks:
            if isinstance(task, Measures):
                for cell in task.cells():
                    if self.shard.has(number):
                        yield (number + 1) * OBSERVED, task, task, cell
                    number += 1

    def _asking(self) -> Iterator[Task]:
        return (task for task in self.tasks if not isinstance(task, Measures))

    def _sizes(self, count: int) -> Iterator[int]:
        for start in range(0, count, self.batch_size):
            yield min(self.batch_size, count - start)

    def _own_batches(self) -> Iterator[tuple[Task, Cell, int, int]]:
        position = 0
        for task in self._asking():
            for cell in task.cells():
                for number, size in enumerate(self._sizes(self.count(task, cell))):
                    if self.shard.has(position):
                        yield task, cell, number, size
                    position += 1


def _times(task: Task) -> int:
    return task.epochs if isinstance(task, RepeatedTask) else 1


def make_plan(
    suite: Suite,
    batch_size: int,
    limit: int | None = None,
    shard: Shard = WHOLE,
    *,
    head: bool = False,
    ranked: bool = False,
) -> Plan:
    """Lay out a suite's cells."""
    return Plan(tuple(suite.tasks.values()), batch_size, draw_of(suite, limit, head=head, ranked=ranked), shard)


def _batch(number: int, task: Task, cell: Cell, samples: tuple[Sample, ...], place: int, asked: Sequence[int]) -> Batch:
    """Return a batch with those of its samples that are asked."""
    if len(asked) >= len(samples):
        return Batch(number, task, cell, samples, place)
    return Batch(number, task, cell, tuple(samples[i] for i in asked), place, tuple(asked))


def chunks(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the items in tuples of ``size``; the last may be shorter."""
    rest = iter(items)
    while chunk := tuple(islice(rest, size)):
        yield chunk
