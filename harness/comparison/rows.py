"""A task's rows as its run left them on disk: what statistics read, for one run or for two that are paired."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.comparison.columns import Index, Samples, read_samples
from harness.comparison.described import Described
from harness.estimate import ANSWER
from harness.estimate.coded import CODES, Column, Floats, Labels, answers_column
from harness.estimate.kept import Columns, Kept
from harness.estimate.reduce import Codes, reducer, repeats_of
from harness.estimate.rows import CellRows, Rows, apart, unit_code
from harness.record import Run
from harness.record.arrow import as_numpy, constant, indices
from harness.record.rows import MadeRows, read_rows
from harness.record.schema import TaskRecord
from harness.types import Status

if TYPE_CHECKING:
    import pyarrow as pa

CUT_OFF: Final = "\0cut off"
"""The column that says which answers were cut off; no metric can be called so."""

_EPOCH: Final = re.compile(r"#[0-9]+$")
_AT_ONCE: Final = 65_536
"""Texts that are Python objects at the same time."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task and what its numbers are."""

    name: str
    record: TaskRecord
    described: Described


class RunRows:
    """The rows of one run, by task.

    Args:
        samples: what was asked and measured.
        made: what was made of it.
    """

    def __init__(self, samples: Samples, made: Sequence[MadeRows] = ()) -> None:
        self.samples = samples
        self._made = made
        self._kept = Kept()

    def of(self, task: TaskView, rows: Mapping[str, Index] | None = None, named: "RunRows | None" = None,
           places: Mapping[str, Index] | None = None) -> Rows:  # fmt: skip
        """Return a task's rows.

        Args:
            task: which.
            rows: of each cell, the rows to take, in that order; by default all.
            named: the run that names samples, units and tags, where it is another one: both sides of a comparison
                then hold the same.
            places: the rows of the same samples in that run.
        """
        own = rows if rows is not None else self._own(task.name)
        other, at = named or self, places if places is not None else own
        cells = {cell: self._cell(task, cell, taken, other, at[cell]) for cell, taken in own.items()}
        ids = Columns(cells, lambda cell: other.ids(at[cell]))
        if task.record.epochs > 1:  # before what was made is laid beside: that is of questions, not of answers
            for name, cell in cells.items():
                asked = repeats_of([_EPOCH.sub("", identity) for identity in ids[name]], task.record.epochs)
                cells[name], at = self._reduced(task.record, cell, asked), {**at, name: at[name][asked[:, 0]]}
        for made in (one for one in self._made if one.task == task.name):
            if (own_cell := cells.get(made.cell)) is None:
                samples = np.array([unit_code("", identity) for identity in made.ids], np.int64)
                cells[made.cell] = made.alone(samples)
            else:
                names = [_EPOCH.sub("", one) for one in ids[made.cell]] if task.record.epochs > 1 else ids[made.cell]
                cells[made.cell] = replace(own_cell, columns=_laid(own_cell.columns, made.beside(names)))
        return Rows(cells)

    def ids(self, rows: Index) -> list[str]:
        """Return the ids of some rows."""
        found: list[str] = self.samples.text("sample_id").take(indices(rows)).to_pylist()
        return found

    def _own(self, task: str) -> dict[str, Index]:
        return {cell: rows for (name, cell), rows in self.samples.rows.items() if name == task}

    def _cell(self, task: TaskView, cell: str, rows: Index, named: "RunRows", places: Index) -> CellRows:
        there = set(self.samples.names)
        labels = [
            label
            for label, spec in task.described.columns.items()
            if f"score.{label}" in there and f"status.{spec.sum_of or label}" in there
        ]
        whole = _all_of(rows, len(self.samples))

        def column(label: str) -> Column:
            every = self._column(label, task)
            return every if whole else self._kept.get((task.name, cell, label), lambda: every.take(rows))

        columns = Columns([*labels, ANSWER, CUT_OFF], column)
        samples, units = named.numbers
        tags = named.labels
        if not _all_of(places, len(named.samples)):
            samples, units = samples[places], units[places]
            tags = {name: labels.take(places) for name, labels in tags.items()}
        stratum = task.record.cells[cell].stratum if cell in task.record.cells else ""
        weight = None if self._weights is None else self._weights[rows]
        return CellRows(samples, apart(units, stratum), columns, tags, stratum, weight)

    def _column(self, label: str, task: TaskView) -> Column:
        if label == ANSWER:
            return self._answers
        if label == CUT_OFF:
            return self._kept.get(label, self.samples.cut_off)
        spec = task.described.columns[label]
        return self._kept.get((label, spec.worth, spec.sum_of), lambda: self.samples.scores(label, spec))

    @cached_property
    def _answers(self) -> Column:
        codes = self.samples.answers()
        statuses, names = self.samples.codes("status")
        places = np.array([CODES[str(name)] for name in names], np.int8)
        return answers_column(codes + 1, places[statuses])

    @cached_property
    def _weights(self) -> Floats | None:
        return self.samples.weights

    @cached_property
    def numbers(self) -> tuple[Index, Index]:
        """A number for the sample and for the unit of each row, [rows], as the run itself numbered them."""
        import pyarrow.compute as pc

        ids, clusters = self.samples.text("sample_id"), self.samples.text("cluster")
        own = _coded(ids, lambda identity: unit_code("", identity))
        alone = pc.or_kleene(pc.is_null(clusters), pc.equal(clusters, constant("", clusters.type)))
        if pc.all(alone).as_py() is not False:
            return own, own
        shared = _coded(clusters.fill_null(constant("", clusters.type)), lambda cluster: unit_code(cluster, ""))
        return own, np.where(as_numpy(alone, 0), own, shared)

    @cached_property
    def labels(self) -> Mapping[str, Labels]:
        """The tags of all rows."""
        found = {}
        for name in self.samples.tags:
            codes, names = self.samples.codes(f"tag.{name}")
            found[name] = Labels(codes, [str(one) for one in names])
        return found

    @staticmethod
    def _reduced(task: TaskRecord, cell: CellRows, rows: Codes) -> CellRows:
        """Return one row a question of rows that are one an answer; ``rows`` are those of each, [questions, epochs]."""
        reduce, answers = reducer(task.reducer, task.epochs), cell.columns[ANSWER]
        codes: Codes = np.where(np.isnan(answers.worths), 0, answers.worths).astype(np.int64)[rows]
        first = cell.take(rows[:, 0])

        def reduced(label: str) -> Column:
            if label == ANSWER:
                return first.columns[label]
            column = cell.columns[label]
            kinds = column.kinds[rows]
            kept = np.where((kinds == CODES[Status.OK]).any(axis=1), CODES[Status.OK], kinds[:, 0])
            return Column(reduce(column.worths[rows], codes), kept.astype(np.int8))

        return replace(first, columns=Columns(cell.columns, reduced))


def rows_of_run(run: Run, *, weighted: bool = False) -> RunRows:
    """Read the rows of a run, each file held beside the checksum that its record tells.

    Args:
        run: the run.
        weighted: whether the caller weighs rows by their chances; see :func:`~harness.comparison.columns.read_samples`.

    Raises:
        UsageError: if a file is missing or unreadable, or not the one that the record describes.
    """
    files = run.record.files
    return RunRows(read_samples(run.folder, files, weighted=weighted), read_rows(run.folder, files))


def _laid(own: Mapping[str, Column], beside: Mapping[str, Column]) -> Mapping[str, Column]:
    """Return columns with others beside them, which stand for those of the same name."""
    return Columns([*own, *beside], lambda name: beside[name] if name in beside else own[name])


def _all_of(rows: Index, count: int) -> bool:
    """Return whether rows are all there are, in their order."""
    return len(rows) == count and bool((rows == np.arange(count)).all())


def _coded(texts: "pa.Array", code: Callable[[str], int]) -> Index:
    encoded = texts.dictionary_encode()
    parts = (encoded.dictionary.slice(start, _AT_ONCE) for start in range(0, len(encoded.dictionary), _AT_ONCE))
    codes = np.fromiter((code(name) for part in parts for name in part.to_pylist()), np.int64, len(encoded.dictionary))
    return codes[as_numpy(encoded.indices, 0)] if len(codes) else np.zeros(0, np.int64)
