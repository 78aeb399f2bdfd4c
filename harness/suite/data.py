"""Whether the data of a suite can be judged: rows are read before a model is asked, and complaints name their lines."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol, runtime_checkable

from harness.data import FileImage, HeldImage
from harness.errors import SampleError, UsageError
from harness.metrics import SampleMetric
from harness.suite.bind import Suite
from harness.suite.broken import SHOWN, Broken, Reader, placed
from harness.tasks import Task
from harness.tasks.draw import Draw
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


@runtime_checkable
class _Notes(Protocol):
    """A dataset that marks its rows while they are read, so that they need not be read again for it."""

    def noting(self) -> Iterator[Sample]: ...


@runtime_checkable
class _PlacesImages(Protocol):
    """A task that can say beforehand which prompts' markers do not fit their images."""

    def misplaced(self, sample: Sample) -> str: ...


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
            line = placed(sample, said)
            self.first = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


@dataclass(slots=True)
class Checked:
    """What reading the data of a suite brought up."""

    broken: list[Broken] = field(default_factory=list)
    """Datasets with rows that cannot be read: a run refuses them."""
    unopened: list[Broken] = field(default_factory=list)
    """Datasets with images or clips that cannot be opened, where they were: each costs its sample."""
    skipped: dict[str, str] = field(default_factory=dict)
    """By dataset: how many broken rows were left out, where the suite says so, and the first."""
    cautions: tuple[str, ...] = ()
    """What the adapter warns of."""
    datasets: dict[str, str] = field(default_factory=dict)
    """By task: the dataset that it asks about."""
    bad: list[Unfit] = field(default_factory=list)
    """Rows with a mistake: the sample is undefined under the metric."""
    partly: list[Unfit] = field(default_factory=list)
    """Rows of which a model will not see all: pages behind the first."""
    undefined: list[Unfit] = field(default_factory=list)
    """Rows that a metric has no meaning for, without any mistake."""
    unread: dict[str, int] = field(default_factory=dict)
    """By task: rows that were not looked at."""

    def refusals(self, most: int | None = SHOWN) -> list[str]:
        """Return why a run is refused: the rows that cannot be read, so many of a dataset."""
        what = "cannot be read; mend the file, or leave such rows out with `on_broken: skip`:"
        return [one.told(what, most) for one in self.broken]

    def warnings(self, task: str = "") -> list[str]:
        """Return the mistakes as sentences: of one task, or of all with their names."""
        said = [(one.task, _said(one)) for one in self.bad]
        said += [(one.task, f"of {_rows(one.count)} not all is shown; first {one.first}") for one in self.partly]
        if task:
            left_out = self.skipped.get(self.datasets.get(task, ""))
            own = [text for name, text in said if name == task]
            return [*self.cautions, *([left_out] if left_out else []), *own]
        return [
            *self.cautions,
            *(f"{name}: {text}" for name, text in self.skipped.items()),
            *(one.told("have media that cannot be opened, and will be errors:") for one in self.unopened),
            *(f"{name}: {text}" for name, text in said),
        ]

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


def check_data(suite: Suite, most: int | None = ROWS, *, media: bool = False, draw: Draw | None = None) -> Checked:
    """Read the rows of all datasets, and hold the references that tasks ask about against the tasks' metrics.

    Args:
        suite: a suite that was read.
        most: rows of a dataset to look at; None for all.
        media: whether to open all their images and clips.
        draw: which rows are meant; all by default.
    """
    found, draw = Checked(), draw or Draw()
    readers = [Reader(name, dataset, media) for name, dataset in suite.datasets.items()]
    waiting = {id(reader.dataset): reader for reader in readers}
    names = {id(dataset): name for name, dataset in suite.datasets.items()}
    for task in _once(suite.tasks.values()):
        found.datasets[task.name] = names.get(id(task.dataset), "")
        _check(task, most, found, waiting.pop(id(task.dataset), None), draw)
    for reader in waiting.values():
        if media or reader.strict:
            for sample in islice(_drawn(draw, reader.dataset), most):
                reader.see(sample)
    found.broken = [reader.broken for reader in readers if reader.broken.rows]
    found.unopened = [reader.unopened for reader in readers if reader.unopened.rows]
    found.skipped = {reader.broken.dataset: reader.skipped for reader in readers if reader.skipped}
    return found


def read_data(suite: Suite, draw: Draw) -> Checked:
    """As :func:`check_data`, for a run: of the rows that it will ask, the first so many."""
    try:
        return check_data(suite, _FIRST, draw=draw)
    except OSError:  # data that breaks off: asking will meet it again, and leave a record that says so
        return Checked()


def usable_data(suite: Suite, draw: Draw) -> Checked:
    """As :func:`read_data`, before a model is asked.

    Raises:
        UsageError: if there are rows that cannot be read, naming them.
    """
    found = read_data(suite, draw)
    if found.broken:
        raise UsageError("\n".join(found.refusals()))
    return found


def _once(tasks: Iterable[Task]) -> Iterator[_ReadsData]:
    """Yield the tasks that read data by themselves: one that asks another's questions again has the same to say."""
    seen: set[tuple[int, int]] = set()
    for one in tasks:
        task = getattr(one, "inner", one)
        if isinstance(task, _ReadsData) and (key := (id(task.dataset), id(task.metrics))) not in seen:
            seen.add(key)
            yield task


def _drawn(draw: Draw, dataset: Dataset) -> Iterable[Sample]:
    whole = dataset.noting if isinstance(dataset, _Notes) and not draw.rule else None
    return draw.taken(whole or (lambda: dataset), len(dataset))


def _check(task: _ReadsData, most: int | None, found: Checked, reader: Reader | None, draw: Draw) -> None:
    name, refused = task.name, getattr(task.dataset, "on_broken", None) == "refuse"
    unused, partly = Unfit(name, ""), Unfit(name, "")
    places = task if isinstance(task, _PlacesImages) else None
    bad = {label: Unfit(name, label) for label in task.metrics}
    undefined = {label: Unfit(name, label) for label in task.metrics}
    for sample in islice(_drawn(draw, task.dataset), most):
        if reader is not None:
            reader.see(sample)
        problem = sample.problem
        if problem is None and places is not None and (misplaced := places.misplaced(sample)):
            unused.add(sample, misplaced)
            continue
        if problem is not None:
            if not refused:
                unused.add(sample, problem)
            continue
        if remark := _remarks(sample):
            partly.add(sample, remark)
        for label, said in task.unfit(sample).items():
            (bad if said else undefined)[label].add(sample, said)
    found.bad += [one for one in (unused, *bad.values()) if one.count]
    found.partly += [partly] * bool(partly.count)
    found.undefined += [one for one in undefined.values() if one.count]
    if most is not None and (rows := len(task.dataset) - most) > 0:
        found.unread[name] = rows


def _remarks(sample: Sample) -> str:
    """Return what is known of a sample's images before they are decoded; one that cannot be read is told when it is."""
    said = []
    for source in sample.images:
        if isinstance(source, FileImage | HeldImage):
            with suppress(SampleError):
                said.append(source.remark())
    return "; ".join(filter(None, said))
