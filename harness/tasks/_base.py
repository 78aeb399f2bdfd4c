"""What the engine and a task kind say to each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from harness.errors import UsageError
from harness.estimate import ColumnSpec, Statistic
from harness.estimate.rows import Column, Labels
from harness.metrics import SampleMetric
from harness.record.rows import MadeRows
from harness.tasks._watch import Watch
from harness.tasks.draw import Draw
from harness.types import (
    Adapter,
    AdapterHandle,
    Dataset,
    MetricValue,
    Patience,
    Request,
    Response,
    Sample,
    Score,
    Status,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

Severity = Literal["note", "warning"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a task's grid. Its id is stable: it names the same point in every run."""

    id: str
    labels: Mapping[str, str | int] = field(default_factory=dict)
    baseline: str | None = None
    """The cell of the same samples that this one is a worse (or better) version of."""
    group: str = ""
    """Cells of one group differ in degree: one corruption at several severities."""
    stratum: str = ""
    """Where cells hold other samples than others: which of them are drawn together. Each keeps its size."""
    loose: bool = False
    """Whether its samples may show other images than the markers of their prompts speak of."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """All scores of one cell."""

    cell: Cell
    columns: Mapping[str, Column]
    clusters: "NDArray[np.int64]"
    """Cluster of each sample, [n]."""
    answers: "NDArray[np.int64]"
    """A code for each answer's text, [n], the same for texts that differ in case and white space only; 0: none."""
    vectors: "Mapping[str, NDArray[np.float32]]" = field(default_factory=dict)
    """By sample id: what the adapter answered where a sample's one request got numbers. Failed samples have none."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """By sample id: the first few answers, for pictures of them."""
    tags: Mapping[str, Labels] = field(default_factory=dict)
    """The tags that statistics of the task slice by."""
    ids: Sequence[str] = ()
    """Of the samples, [n], for a task that makes rows of them; none for others."""
    spent: "Mapping[str, NDArray[np.float64]]" = field(default_factory=dict)
    """What each answer took, [n], for a task that :class:`Reads` them: ``tokens_in``, ``image_tokens``, ``tokens_out``,
    ``cost`` by the adapter's prices, and ``seconds``, an equal share of its batch's. NaN where that is not known."""
    weights: "NDArray[np.float64] | None" = None
    """One over the chance that each sample had to be asked, [n]; None where all had the same."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric along one axis of the grid, for the report."""

    name: str
    x_label: str
    x: tuple[float, ...]
    points: tuple[MetricValue, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    """None leaves a gap."""
    low: tuple[float | None, ...] = ()
    """Lower ends of the band, one a point, or none."""
    high: tuple[float | None, ...] = ()
    style: Literal["line", "step", "points", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on a chart that has a name: an onset, a limit, an operating point."""

    label: str
    x: float | None = None
    y: float | None = None
    """With ``x`` a point; alone a horizontal line, as ``x`` alone is a vertical one."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture that a task wants in the report, as data."""

    name: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    note: str = ""
    """What a reader must know to read it: the positive class, what a band is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a task wants in the report."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that a reader must not miss."""

    level: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Illustration:
    """What a task shows beside its figures."""

    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    stored: Mapping[str, MetricValue] = field(default_factory=dict)
    """Values of the statistics that have no form: what the others' intervals say, what a search found."""
    stored_cells: Mapping[str, Mapping[str, MetricValue]] = field(default_factory=dict)
    """The same for statistics of cells."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A task's numbers, each with its interval."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    estimate: Callable[[Statistic], MetricValue]
    """Gives any other statistic over the same rows, for a finding or a picture."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a task makes of the answers before anything is counted."""

    rows: tuple[MadeRows, ...] = ()
    """Columns beside those of its cells, and cells of their own: streams, detectors' scores."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a task of an earlier version makes of its cells by itself; such numbers cannot be tested."""

    metrics: Mapping[str, MetricValue]
    cells: Mapping[str, Mapping[str, MetricValue]]
    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@runtime_checkable
class Makes(Protocol):
    """A task whose statistics read more than what was asked: a detector's scores, simulated streams."""

    def make(self, results: Sequence[CellResult]) -> Made:
        """Return the rows; it must depend on the results alone."""
        ...


@runtime_checkable
class Reads(Makes, Protocol):
    """A task that asks nothing: it makes its rows of what another one was answered, and what that took."""

    reads: str
    """The name of the other task: ``make`` gets its results."""


@runtime_checkable
class Illustrates(Protocol):
    """A task that has something to show or to say about its figures."""

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Return curves, findings, charts and tables."""
        ...


@runtime_checkable
class Adjusts(Protocol):
    """A task that changes its columns before they are counted: several answers to a question become one."""

    def adjusted(self, results: Sequence[CellResult]) -> Sequence[CellResult]:
        """Return the columns that count."""
        ...


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
