"""Run less or more than a suite says: some of its tasks, some samples, each question several times."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel

from harness.errors import UsageError, did_you_mean
from harness.metrics import SampleMetric
from harness.record.schema import SelectionRecord
from harness.seeds import derive_seed
from harness.suite.bind import Suite
from harness.suite.reduce import Codes, Floats, decompose, reducer
from harness.tasks import (
    Brings,
    BuildContext,
    Cell,
    CellResult,
    Column,
    Continues,
    Finding,
    Joins,
    Measures,
    NeedsAdapter,
    Summary,
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
        tasks = {name: task for name, task in tasks.items() if not self.only or name in self.only}
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
        known = {s.id for task in asking.values() for s in task.samples(task.cells()[0]) if s.id in wanted}
        if unknown := [name for name in self.sample_ids if name not in known]:
            raise UsageError(f"no sample of the tasks that are run is called {unknown[0]!r}")
        return {name: _chosen(task, wanted) for name, task in asking.items()}


ALL: Final = Selection()


def _chosen(task: Task, wanted: frozenset[str]) -> Task:
    return (ChosenWorkingTask if isinstance(task, NeedsAdapter) else ChosenTask)(task, wanted)


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

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        return self._task.summarise(results, seed)

    def metric_names(self) -> Sequence[str]:
        return self._task.metric_names()

    def describe(self) -> Mapping[str, Any]:
        return self._task.describe()


class ChosenTask(_Around):
    """Some samples of a task: asked and scored as in the whole, the others stand as undefined and count nowhere."""

    def __init__(self, task: Task, wanted: frozenset[str]) -> None:
        super().__init__(task)
        self._wanted = wanted
        self._indices: dict[str, list[int]] = {}

    def count(self, cell: Cell) -> int:
        return len(self._of(cell))

    def samples(self, cell: Cell) -> Iterator[Sample]:
        return (sample for sample in self._task.samples(cell) if sample.id in self._wanted)

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        return self._task.summarise([self._spread(result) for result in results], seed)

    def _of(self, cell: Cell) -> list[int]:
        if cell.id not in self._indices:
            samples = enumerate(self._task.samples(cell))
            self._indices[cell.id] = [i for i, sample in samples if sample.id in self._wanted]
        return self._indices[cell.id]

    def _spread(self, result: CellResult) -> CellResult:
        """Return the columns as long as the whole task's, so that what is known of its samples by place still fits."""
        at = self._of(result.cell)[: len(result.clusters)]
        size = self._task.count(result.cell)

        def spread(values: "np.ndarray", fill: Any) -> "np.ndarray":
            whole = np.full(size, fill, values.dtype)
            whole[at] = values
            return whole

        columns = {}
        for name, column in result.columns.items():
            kinds = spread(column.kinds, _STATUSES.index(Status.UNDEFINED))
            details = None if column.details is None else spread(np.array(column.details, object), None).tolist()
            columns[name] = Column(spread(column.worths, np.nan), _counted(kinds), kinds, details)
        clusters = -1 - np.arange(size, dtype=np.int64)
        clusters[at] = result.clusters
        answers = spread(result.answers, 0)
        return CellResult(result.cell, columns, clusters, answers, result.vectors, result.texts)


class ChosenWorkingTask(ChosenTask):
    """Some samples of a task that works with the model before it asks."""

    def attach(self, turn: Any) -> None:
        """Pass on what lends the model."""
        if isinstance(self._task, NeedsAdapter):
            self._task.attach(turn)


def _counted(kinds: "np.ndarray") -> dict[str, int]:
    found, counts = np.unique(kinds, return_counts=True)
    return dict(sorted((str(_STATUSES[kind]), int(count)) for kind, count in zip(found, counts, strict=True)))


class RepeatedTask(_Around):
    """A task that asks each question several times; its metrics are those of the reduced scores.

    The first time is the one that a run without epochs asks. Where the model samples, each time has
    a seed of its own; the image, and what a corruption drew, stay the same.
    """

    def __init__(self, task: Task, epochs: int, reducer_name: str) -> None:
        super().__init__(task)
        summed = [label for label, metric in task.metrics.items() if metric.sums]
        if epochs > 1 and summed:
            raise UsageError(
                f"task {task.name!r}: no reducer makes one answer of several for {', '.join(summed)}: it is made of "
                "sums, not the mean of values; run without --epochs, or put it into a suite of its own"
            )
        self.epochs = epochs
        self._name = reducer_name
        self._reduce = reducer(reducer_name, epochs)

    def count(self, cell: Cell) -> int:
        return self._task.count(cell) * self.epochs

    def samples(self, cell: Cell) -> Iterator[Sample]:
        for sample in self._task.samples(cell):
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

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        summary = self._task.summarise([self._reduced(result) for result in results], seed)
        findings = [*summary.findings]
        if all(self._alike(result) for result in results):
            findings.append(Finding("note", f"all {self.epochs} answers to each question were the same"))
        return replace(summary, findings=tuple(findings), tables=(*summary.tables, self._noise(results)))

    def describe(self) -> Mapping[str, Any]:
        return {**self._task.describe(), "epochs": self.epochs, "reducer": self._name}

    def _reduced(self, result: CellResult) -> CellResult:
        codes = self._shaped(result.answers)
        columns = {name: self._column(column, codes) for name, column in result.columns.items()}
        firsts = {_split(name)[0]: text for name, text in result.texts.items() if name.endswith("#0")}
        vectors = {_split(name)[0]: vector for name, vector in result.vectors.items() if name.endswith("#0")}
        clusters = self._shaped(result.clusters)[:, 0]
        return CellResult(result.cell, columns, clusters, codes[:, 0], vectors, firsts)

    def _column(self, column: Column, codes: Codes) -> Column:
        kinds = self._shaped(column.kinds)
        ok = kinds == _STATUSES.index(Status.OK)
        # A question counts as scored where any of its answers was.
        kept = np.where(ok.any(axis=1), _STATUSES.index(Status.OK), kinds[:, 0]).astype(np.int8)
        worths: Floats = self._reduce(self._shaped(column.worths), codes)
        return Column(worths, _counted(kept), kept)

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
