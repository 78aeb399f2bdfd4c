"""Run less or more than a suite says: some of its tasks, some samples, each question several times."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel

from harness.errors import UsageError, did_you_mean
from harness.estimate.reduce import Codes, Floats, decompose, reducer
from harness.metrics import SampleMetric
from harness.record.schema import SelectionRecord
from harness.seeds import derive_seed
from harness.suite.bind import Suite
from harness.tasks import (
    Adjusts,
    Brings,
    BuildContext,
    Cell,
    CellResult,
    Column,
    ColumnSpec,
    Continues,
    Figures,
    Finding,
    Illustrates,
    Illustration,
    Joins,
    Labels,
    Made,
    Makes,
    Measures,
    NeedsAdapter,
    Statistic,
    Table,
    Task,
)
from harness.types import AdapterHandle, Request, Response, Sample, Score, Status

_EPOCH: Final = re.compile(r"#[0-9]+$")
_STATUSES: Final = tuple(Status)


@dataclass(frozen=True, slots=True)
class Selection:
    """What to run of a suite."""

    only: tuple[str, ...] = ()
    """Names of tasks; empty for all."""
    sample_ids: tuple[str, ...] = ()
    """Empty for all."""
    epochs: int = 1
    """How often each question is asked."""
    reducer: str = "mean"

    @classmethod
    def of(cls, record: SelectionRecord) -> Self:
        """Return what a record says."""
        return cls(tuple(record.only), tuple(record.sample_ids), record.epochs, record.reducer)

    @property
    def record(self) -> SelectionRecord:
        """As it is recorded."""
        return SelectionRecord(
            only=list(self.only), sample_ids=list(self.sample_ids), epochs=self.epochs, reducer=self.reducer
        )

    def apply(self, suite: Suite) -> Suite:
        """Return the suite with what is to be run of it; gates on tasks that are not run are left out.

        Raises:
            UsageError: if a name leads nowhere.
        """
        if self == ALL:
            return suite
        tasks = dict(suite.tasks)
        for name in self.only:
            if name not in tasks:
                raise UsageError(f"no task is called {name!r}; {did_you_mean(name, tasks)}")
        read = {str(getattr(tasks[name], "reads", "")) for name in self.only}
        tasks = {name: task for name, task in tasks.items() if not self.only or name in {*self.only, *read}}
        if self.sample_ids:
            tasks = self._chosen(tasks)
        if self.epochs > 1:
            reducer(self.reducer, self.epochs)
            tasks = {name: _repeated(task, self.epochs, self.reducer) for name, task in tasks.items()}
        gates = tuple(gate for gate in suite.spec.gates if gate.metric.partition("/")[0] in tasks)
        return replace(suite, tasks=tasks, spec=suite.spec.model_copy(update={"gates": gates}))

    def _chosen(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        wanted = frozenset(self.sample_ids)
        asking = {name: task for name, task in tasks.items() if not isinstance(task, Measures)}
        known = {s.id for task in asking.values() for c in task.cells()[:1] for s in task.samples(c) if s.id in wanted}
        if unknown := [name for name in self.sample_ids if name not in known]:
            raise UsageError(f"no sample of the tasks that are run is called {unknown[0]!r}")
        return {name: _chosen(task, wanted) for name, task in asking.items()}


ALL: Final = Selection()


def _chosen(task: Task, wanted: frozenset[str]) -> Task:
    return (ChosenWorkingTask if isinstance(task, NeedsAdapter) else ChosenTask)(task, wanted)


def _instead(able: Collection[str]) -> str:
    return f"take --reducer {' or '.join(sorted(able))}, " if able else ""


def _repeated(task: Task, epochs: int, name: str) -> Task:
    # A task that measures by itself, or works with the model before it asks, has repeats of its own.
    return task if isinstance(task, (Measures, NeedsAdapter)) else RepeatedTask(task, epochs, name)


class _Around:
    """A task that is another one but for a little."""

    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, task: Task) -> None:
        self._task = task
        self.name = task.name
        self.kind = task.kind
        self.requires = task.requires
        self.metrics: Mapping[str, SampleMetric] = task.metrics
        self.primary = task.primary

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        raise NotImplementedError("it is made around a task that is built already")

    @property
    def inner(self) -> Task:
        """The task as the suite has it."""
        inner: Task = getattr(self._task, "inner", self._task)
        return inner

    def cells(self) -> Sequence[Cell]:
        return self._task.cells()

    def count(self, cell: Cell) -> int:
        return self._task.count(cell)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self._task.samples(cell)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return self._task.requests(cell, sample, oracle=oracle)

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        """Pass on what the task asks after these answers; nothing where it asks once."""
        return self._task.then(cell, sample, responses, oracle=oracle) if isinstance(self._task, Continues) else ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self._task.score(sample, responses)

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Pass on what stands for several parts."""
        return self._task.joined(sample, responses) if isinstance(self._task, Joins) else responses[0].text or ""

    @property
    def roles(self) -> Mapping[str, AdapterHandle]:
        """The adapters that the task brings."""
        return self._task.roles if isinstance(self._task, Brings) else {}

    def statistics(self) -> Sequence[Statistic]:
        return self._task.statistics()

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return self._task.cell_statistics(cell)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return self._task.columns()

    def make(self, results: Sequence[CellResult]) -> Made:
        """Make what the task makes, if it makes anything."""
        return self._task.make(results) if isinstance(self._task, Makes) else Made()

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show what the task shows."""
        return self._task.illustrate(results, figures) if isinstance(self._task, Illustrates) else Illustration()

    def describe(self) -> Mapping[str, Any]:
        return self._task.describe()


class ChosenTask(_Around):
    """Some samples of a task: asked and scored as in the whole."""

    def __init__(self, task: Task, wanted: frozenset[str]) -> None:
        super().__init__(task)
        self._wanted = wanted
        self._counts: dict[str, int] = {}

    def count(self, cell: Cell) -> int:
        if cell.id not in self._counts:
            self._counts[cell.id] = sum(1 for _ in self.samples(cell))
        return self._counts[cell.id]

    def samples(self, cell: Cell) -> Iterator[Sample]:
        return (sample for sample in self._task.samples(cell) if sample.id in self._wanted)


class ChosenWorkingTask(ChosenTask):
    """Some samples of a task that works with the model before it asks."""

    def attach(self, turn: Any) -> None:
        """Pass on what lends the model."""
        if isinstance(self._task, NeedsAdapter):
            self._task.attach(turn)


class RepeatedTask(_Around):
    """A task that asks each question several times; its metrics are those of the reduced scores.

    The first time is the one that a run without epochs asks. Where the model samples, each time has
    a seed of its own; the image, and what a corruption drew, stay the same.
    """

    def __init__(self, task: Task, epochs: int, reducer_name: str) -> None:
        super().__init__(task)
        summed = [label for label, metric in task.metrics.items() if metric.sums]
        # Sums of which every number is a mean or a ratio of totals can be made those of one answer; the task says so.
        able: Collection[str] = getattr(getattr(task, "inner", task), "sums_by", ())
        if epochs > 1 and summed and reducer_name not in able:
            named = ", ".join(summed)
            raise UsageError(
                f"task {task.name!r}: {reducer_name} makes no one answer of several for {named}: it is made of sums, "
                f"not the mean of values; {_instead(able)}run without --epochs, or put it into a suite of its own"
            )
        self.epochs = epochs
        self.reducer = reducer_name
        self._raw: Sequence[CellResult] = ()
        self._reduce = reducer(reducer_name, epochs)

    def count(self, cell: Cell) -> int:
        return self._task.count(cell) * self.epochs

    def questions(self, cell: Cell) -> Iterable[Sample]:
        """Return the cell's questions, each once."""
        return self._task.samples(cell)

    def samples(self, cell: Cell) -> Iterator[Sample]:
        return self.repeated(self.questions(cell))

    def repeated(self, questions: Iterable[Sample]) -> Iterator[Sample]:
        """Yield each question as often as it is asked."""
        for sample in questions:
            for epoch in range(self.epochs):
                yield replace(sample, id=f"{sample.id}#{epoch}", cluster=sample.cluster or sample.id)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        own, epoch = _of_epoch(sample)
        return tuple(_again(one, epoch) for one in super().requests(cell, own, oracle=oracle))

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        own, epoch = _of_epoch(sample)
        return tuple(_again(one, epoch) for one in super().then(cell, own, responses, oracle=oracle))

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return super().score(_of_epoch(sample)[0], responses)

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        return super().joined(_of_epoch(sample)[0], responses)

    def adjusted(self, results: Sequence[CellResult]) -> Sequence[CellResult]:
        """Return one row a question."""
        self._raw = results
        reduced = [self._reduced(result) for result in results]
        return self._task.adjusted(reduced) if isinstance(self._task, Adjusts) else reduced

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show what the task shows, and where the noise comes from."""
        shown = super().illustrate(results, figures)
        findings = [*shown.findings]
        if all(self._alike(result) for result in self._raw):
            findings.append(Finding("note", f"all {self.epochs} answers to each question were the same"))
        return replace(shown, findings=tuple(findings), tables=(*shown.tables, self._noise(self._raw)))

    def describe(self) -> Mapping[str, Any]:
        return {**self._task.describe(), "epochs": self.epochs, "reducer": self.reducer}

    def _reduced(self, result: CellResult) -> CellResult:
        codes = self._shaped(result.answers)
        columns = {name: self._column(column, codes) for name, column in result.columns.items()}
        firsts = {_split(name)[0]: text for name, text in result.texts.items() if name.endswith("#0")}
        vectors = {_split(name)[0]: vector for name, vector in result.vectors.items() if name.endswith("#0")}
        clusters = self._shaped(result.clusters)[:, 0]
        tags = {name: Labels(self._shaped(labels.codes)[:, 0], labels.names) for name, labels in result.tags.items()}
        ids = tuple(_split(name)[0] for name in result.ids[:: self.epochs][: len(codes)])
        return CellResult(result.cell, columns, clusters, codes[:, 0], vectors, firsts, tags, ids)

    def _column(self, column: Column, codes: Codes) -> Column:
        kinds = self._shaped(column.kinds)
        ok = kinds == _STATUSES.index(Status.OK)
        # A question counts as scored where any of its answers was.
        kept = np.where(ok.any(axis=1), _STATUSES.index(Status.OK), kinds[:, 0]).astype(np.int8)
        worths: Floats = self._reduce(self._shaped(column.worths), codes)
        return Column(worths, kept)

    def _shaped(self, values: "np.ndarray") -> "np.ndarray":
        whole = len(values) // self.epochs * self.epochs  # a limit may cut the last question's repeats short
        return values[:whole].reshape(-1, self.epochs)

    def _alike(self, result: CellResult) -> bool:
        codes = self._shaped(result.answers)
        return bool((codes == codes[:, :1]).all())

    def _noise(self, results: Sequence[CellResult]) -> Table:
        rows: list[tuple[str | float | int | None, ...]] = []
        for result in results:
            for name, column in result.columns.items():
                noise = decompose(self._shaped(column.worths))
                numbers = (noise.question_sd, noise.sampling_sd, noise.sampling_share)
                shown = (None if np.isnan(number) else round(number, 4) for number in numbers)
                rows.append((result.cell.id, name, noise.questions, *shown))
        columns = ("cell", "metric", "questions", "sd between questions", "sd within a question", "share of sampling")
        note = "One-way random effects; the share is of the variance of the mean, and more epochs take it away."
        return Table(f"noise of {self.epochs} epochs", columns, tuple(rows), note)


def _of_epoch(sample: Sample) -> tuple[Sample, int]:
    """Return a sample as its task knows it, and which time it is asked."""
    identity, epoch = _split(sample.id)
    return replace(sample, id=identity), epoch


def _again(request: Request, epoch: int) -> Request:
    """Return a request as it is made in an epoch."""
    request = replace(request, id=f"{request.id}#{epoch}")
    if not epoch or not request.generation.temperature:
        return request
    seed = derive_seed(request.generation.seed or 0, "epoch", epoch) >> 33
    told = request.oracle and replace(request.oracle, seed=derive_seed(request.oracle.seed, "epoch", epoch))
    return replace(request, generation=replace(request.generation, seed=seed), oracle=told)


def _split(identity: str) -> tuple[str, int]:
    """Return a sample's own id and which time it is asked."""
    found = _EPOCH.search(identity)
    return (identity[: found.start()], int(found.group()[1:])) if found else (identity, 0)
