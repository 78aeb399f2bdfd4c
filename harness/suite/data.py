"""Whether the data of a suite can be judged: rows are read before a model is asked, and complaints name their lines."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol, runtime_checkable

from harness.metrics import SampleMetric
from harness.suite.bind import Suite
from harness.tasks import Task
from harness.types import Dataset, Sample

ROWS: Final = 100_000
"""Rows of a dataset that are read unless more are asked for: a second or two for a metric."""
_FIRST: Final = 20_000
"""Rows of a dataset that a run reads before it asks."""
_LONGEST: Final = 200


@runtime_checkable
class _ReadsData(Protocol):
    """A task over one dataset, which can say what it cannot judge."""

    name: str
    dataset: Dataset
    metrics: Mapping[str, SampleMetric]

    def unfit(self, sample: Sample) -> Mapping[str, str]: ...


@dataclass(slots=True)
class Unfit:
    """Rows that one metric of a task cannot judge, or has no meaning for."""

    task: str
    metric: str
    """Its label; empty where the rows cannot be asked about at all."""
    count: int = 0
    first: str = ""
    """The place of the first row, and what is wrong with it."""

    def add(self, sample: Sample, said: str) -> None:
        """Count one more."""
        self.count += 1
        if not self.first:
            line = " ".join(said.split())
            line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
            place = sample.origin or f"sample {sample.id!r}"
            self.first = line if line.startswith(place) else f"{place}: {line}" if line else place


@dataclass(slots=True)
class Checked:
    """What reading the data of a suite brought up."""

    bad: list[Unfit] = field(default_factory=list)
    """Rows with a mistake: the sample is undefined under the metric."""
    undefined: list[Unfit] = field(default_factory=list)
    """Rows that a metric has no meaning for, without any mistake."""
    unread: dict[str, int] = field(default_factory=dict)
    """By task: rows that were not looked at."""

    def warnings(self, task: str = "") -> list[str]:
        """Return the mistakes as sentences: of one task, or of all with their names."""
        return [_said(one) if task else f"{one.task}: {_said(one)}" for one in self.bad if task in ("", one.task)]

    def notes(self) -> list[str]:
        """Return what is no mistake and good to know."""
        told = [
            f"{one.task}: {one.metric} has no meaning for {_rows(one.count)}, which count nowhere; first {one.first}"
            for one in self.undefined
        ]
        more = [f"{task}: {rows:,} rows more were not read; `--data` reads all" for task, rows in self.unread.items()]
        return told + more


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count > 1 else ''}"


def _said(one: Unfit) -> str:
    if not one.metric:
        return f"{_rows(one.count)} cannot be used and will not be asked; first {one.first}"
    return f"{_rows(one.count)} cannot be judged by {one.metric} and will be undefined; first {one.first}"


def check_data(suite: Suite, most: int | None = ROWS) -> Checked:
    """Read the rows of all datasets that tasks ask about, and hold their references against the tasks' metrics.

    Args:
        suite: a suite that was read.
        most: rows of a dataset to look at; None for all.
    """
    found = Checked()
    for task in _once(suite.tasks.values()):
        _check(task, most, found)
    return found


def read_data(suite: Suite, limit: int | None) -> Checked:
    """As :func:`check_data`, for a run: of the rows that it will ask, the first so many."""
    return check_data(suite, _FIRST if limit is None else min(limit, _FIRST))


def _once(tasks: Iterable[Task]) -> Iterator[_ReadsData]:
    """Yield the tasks that read data by themselves: one that asks another's questions again has the same to say."""
    seen: set[tuple[int, int]] = set()
    for one in tasks:
        task = getattr(one, "inner", one)
        if isinstance(task, _ReadsData) and (key := (id(task.dataset), id(task.metrics))) not in seen:
            seen.add(key)
            yield task


def _check(task: _ReadsData, most: int | None, found: Checked) -> None:
    name = task.name
    unused = Unfit(name, "")
    bad = {label: Unfit(name, label) for label in task.metrics}
    undefined = {label: Unfit(name, label) for label in task.metrics}
    for sample in islice(task.dataset, most):
        if sample.problem is not None:
            unused.add(sample, sample.problem)
            continue
        for label, said in task.unfit(sample).items():
            (bad if said else undefined)[label].add(sample, said)
    found.bad += [one for one in (unused, *bad.values()) if one.count]
    found.undefined += [one for one in undefined.values() if one.count]
    if most is not None and (rows := len(task.dataset) - most) > 0:
        found.unread[name] = rows
