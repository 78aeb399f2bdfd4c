"""What the engine and a task kind say to each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from harness.errors import UsageError
from harness.estimate import ColumnSpec, Statistic
from harness.metrics import SampleMetric
from harness.tasks._cells import Cell
from harness.types import AdapterHandle, Dataset, Request, Response, Sample, Score

if TYPE_CHECKING:
    from pydantic import BaseModel


def _no_adapters(name: str) -> AdapterHandle:
    raise UsageError(f"adapter {name!r} cannot be read here")


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a task may refer to: everything that stands before it in the suite."""

    seed: int
    datasets: Mapping[str, Dataset]
    tasks: Mapping[str, "Task"]
    adapters: Callable[[str], AdapterHandle] = _no_adapters
    """Reads an adapter by name or file, for a task that brings a second model; it is not loaded.

    Raises UsageError if there is none or its file is wrong.
    """
    folder: Path = Path()
    """Where the suite's file lies: relative paths of a task start there."""


class Task(Protocol):
    """One evaluation protocol bound to data and metrics.

    ``requests`` runs in worker threads, or in other processes that build the task anew from the suite's file, and must
    be pure: its result depends on the cell and the sample alone. ``score`` runs where the engine likes.
    """

    Config: ClassVar[type["BaseModel"]]
    name: str
    kind: str
    requires: frozenset[str]
    """Capabilities that an adapter must have."""
    metrics: Mapping[str, SampleMetric]
    primary: str
    """The metric that says whether an answer is right."""

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        """Bind the task.

        Raises:
            ConfigError: with every reference that leads nowhere.
        """
        ...

    def cells(self) -> Sequence[Cell]: ...

    def count(self, cell: Cell) -> int:
        """Return how many samples the cell has."""
        ...

    def samples(self, cell: Cell) -> Iterable[Sample]: ...

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        """Make a sample's requests: load and perturb the images, fill in the prompts. None: there is nothing to ask.

        Raises:
            SampleError: if the sample's data cannot be used.
        """
        ...

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        """Judge a sample's answers, one a request in the order of asking, under every metric.

        All of them are ok. Of a sample that failed, ``score`` is shown responses with its status and empty texts, to
        tell which metrics are undefined for it: what it leaves out, and all where it raises, take the status on.
        """
        ...

    def statistics(self) -> Sequence[Statistic]:
        """Return the task's numbers, each with a name of its own; they are known before anything is asked."""
        ...

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        """Return the numbers of one cell."""
        ...

    def columns(self) -> Mapping[str, ColumnSpec]:
        """Return what the columns of its rows are, by name."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return everything that changes a number, as plain JSON values, for the record's hash."""
        ...
