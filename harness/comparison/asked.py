"""The answers of one run or two as people are asked about them: by question, with what is equal set apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from harness.comparison.columns import Floats, Index, Samples, read_samples
from harness.comparison.described import described
from harness.comparison.pair import CellPairs, pair
from harness.comparison.rows import TaskView
from harness.comparison.sets import apart_in
from harness.labels import answer_digest, first_hashes, own_id, question_key
from harness.labels.draws import Item
from harness.record import Run
from harness.record.arrow import indices, strings
from harness.record.schema import TaskRecord
from harness.types import Status

_CLEAR: Final = 2.0
"""How much more a label tells where the proxy says that the answers differ in worth, than where it says they do not."""


def by_model(task: TaskRecord, cell: str) -> bool:
    """Return whether a cell has answers of the model: a judge's others have answers whose truth is known.

    Nobody need be asked about those, and they say nothing of the model.
    """
    told = task.cells[cell].labels.get("answers") if cell in task.cells else None
    return task.kind != "judge" or told in (None, "judged")


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """The rows of one task in one run, as far as labels are concerned."""

    samples: Samples
    rows: Index
    record: TaskRecord

    def texts(self) -> list[str | None]:
        """Return the answer of each row; None where none came."""
        import pyarrow.compute as pc

        there = pc.is_in(self.samples.text("status"), value_set=strings([Status.OK, Status.UNPARSED]))
        found: list[str | None] = (
            pc.if_else(there, self.samples.text("response"), None).take(indices(self.rows)).to_pylist()
        )
        return found

    def ids(self) -> list[str]:
        """Return the sample of each row, without the number of the turn where it was asked several times."""
        found: list[str] = self.samples.text("sample_id").take(indices(self.rows)).to_pylist()
        return [own_id(one, self.record.epochs) for one in found]

    def keys(self, places: Index) -> list[str]:
        """Return the key of the question of some of the rows."""
        rows = self.rows[places]
        hashes = self.samples.text("request_hash").take(indices(rows)).to_pylist()
        if self.record.epochs > 1:
            names = "cell", "sample_id", "request_hash"
            cells, samples, told = (self.samples.text(name).take(indices(self.rows)).to_pylist() for name in names)
            first = first_hashes(cells, samples, told, self.record.epochs)
            hashes = [first[place] for place in places.tolist()]
        ids = self.ids()
        named = [ids[place] for place in places.tolist()]
        prompts: list[str | None] = [None] * len(rows)
        if None in hashes:
            prompts = [row["prompt"] for row in self.samples.texts(rows, ["prompt"])]
        return [question_key(*one) for one in zip(named, hashes, prompts, strict=True)]

    def units(self) -> Index:
        """Return which rows belong together, [rows]: those of one cluster, or of one sample."""
        clusters = self.samples.text("cluster").take(indices(self.rows)).to_pylist()
        names = [cluster or f"\0{one}" for cluster, one in zip(clusters, self.ids(), strict=True)]
        return np.unique(np.array(names, object).astype(str), return_inverse=True)[1].astype(np.int64)

    def strata(self, tags: Sequence[str], places: Index) -> list[str]:
        """Return the slice of some of the rows: its cell, and its value of each tag."""
        names = ["cell", *(f"tag.{tag}" for tag in tags if tag in self.samples.tags)]
        columns = [self.samples.text(name).take(indices(self.rows[places])).to_pylist() for name in names]
        return [" ".join(str(one) for one in row if one) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, eq=False)
class AskedAnswers:
    """The answers of one task in one run."""

    task: str
    side: Answered

    @cached_property
    def texts(self) -> list[str | None]:
        """The answer of each row."""
        return self.side.texts()

    @cached_property
    def places(self) -> Index:
        """The rows that have an answer."""
        return np.array([i for i, text in enumerate(self.texts) if text is not None], np.int64)

    @cached_property
    def answers(self) -> list[tuple[str, str]]:
        """Question and answer of the rows that have one, as label files name them."""
        keys = self.side.keys(self.places)
        return [(key, answer_digest(self.texts[i])) for key, i in zip(keys, self.places.tolist(), strict=True)]

    @cached_property
    def names(self) -> list[str]:
        """A name for each of the rows that have an answer; rows with one name are one thing to ask."""
        return [":".join(one) for one in self.answers]

    def items(self, tags: Sequence[str] = ()) -> list[Item]:
        """Return what can be labelled, each once."""
        made = map(Item, self.names, self.side.strata(tags, self.places))
        return list({item.name: item for item in made}.values())


@dataclass(frozen=True, eq=False)
class AskedPairs:
    """The rows of one task that two runs share."""

    task: str
    sides: tuple[Answered, Answered]
    proxy: Floats | None
    """How much better the candidate's answer is by a score that all rows have, [rows]; NaN where one has none."""
    proxy_name: str = ""

    @classmethod
    def of(
        cls, views: tuple[TaskView, TaskView], pairs: Sequence[CellPairs], samples: tuple[Samples, Samples],
        proxy: str = "",
    ) -> "AskedPairs":  # fmt: skip
        """Return the pairs of a task, all its cells together.

        Args:
            views: of the task in both runs.
            pairs: of its cells.
            samples: of both runs.
            proxy: the score that stands in for labels; the primary metric by default.
        """
        own = [one for one in pairs if by_model(views[1].record, one.cell)]
        ours, theirs = (
            np.concatenate([np.zeros(0, np.int64), *(getattr(one, side) for one in own)])
            for side in ("baseline", "candidate")
        )
        sides = Answered(samples[0], ours, views[0].record), Answered(samples[1], theirs, views[1].record)
        name = proxy or views[1].record.primary
        spec = views[1].described.columns.get(name)
        if spec is None or spec.direction == "none" or any(name not in one.metrics for one in samples):
            return cls(views[1].name, sides, None)
        before, after = (one.worths(name, spec)[rows] for one, rows in zip(samples, (ours, theirs), strict=True))
        return cls(views[1].name, sides, (after - before) * (-1 if spec.direction == "lower" else 1), name)

    def __len__(self) -> int:
        return len(self.sides[0].rows)

    @cached_property
    def texts(self) -> tuple[list[str | None], list[str | None]]:
        """Both answers of each row."""
        return self.sides[0].texts(), self.sides[1].texts()

    @cached_property
    def differing(self) -> Index:
        """The rows whose answers differ in any character; what is equal differs by exactly 0."""
        return np.array([i for i, (one, other) in enumerate(zip(*self.texts, strict=True)) if one != other], np.int64)

    @cached_property
    def pairs(self) -> list[tuple[str, str, str]]:
        """Question, baseline's answer and candidate's answer of the rows that differ, as label files name them."""
        keys = self.sides[1].keys(self.differing)
        both = [[answer_digest(texts[i]) for i in self.differing.tolist()] for texts in self.texts]
        return list(zip(keys, *both, strict=True))

    @cached_property
    def names(self) -> list[str]:
        """A name for each of the rows that differ; rows with one name are one thing to ask."""
        return [":".join((key, *sorted(answers))) for key, *answers in self.pairs]

    def items(self, tags: Sequence[str] = ()) -> list[Item]:
        """Return what can be labelled, each once."""
        strata = self.sides[1].strata(tags, self.differing)
        moved = np.zeros(len(self)) if self.proxy is None else np.nan_to_num(self.proxy)
        gains = np.where(moved[self.differing] != 0, _CLEAR, 1.0)
        made = map(Item, self.names, strata, gains.tolist())
        return list({item.name: item for item in made}.values())


def asked_answers(run: Run) -> list[AskedAnswers]:
    """Return the answers of each task of a run that has any in words.

    Raises:
        UsageError: if the samples cannot be read.
    """
    samples = read_samples(run.folder, run.record.files)
    cells: dict[str, list[Index]] = {}
    for (task, cell), rows in samples.rows.items():
        if task in run.record.tasks and by_model(run.record.tasks[task], cell):
            cells.setdefault(task, []).append(rows)
    found = [
        AskedAnswers(name, Answered(samples, np.concatenate(cells[name]), run.record.tasks[name]))
        for name in run.record.tasks
        if name in cells
    ]
    return [one for one in found if len(one.places)]


def asked_pairs(baseline: Run, candidate: Run) -> list[AskedPairs]:
    """Return the pairs of each task that two runs share and that has answers in words.

    Raises:
        UsageError: if the samples cannot be read.
    """
    samples = tuple(read_samples(run.folder, run.record.files) for run in (baseline, candidate))
    ours, theirs = samples
    joined = pair(ours, theirs, apart_in(baseline, candidate))
    found = []
    for name in (name for name in candidate.record.tasks if name in baseline.record.tasks):
        old, new = (run.record.tasks[name] for run in (baseline, candidate))
        views = (
            TaskView(name, old, described(old, ours.metrics)),
            TaskView(name, new, described(new, theirs.metrics)),
        )
        cells = [one for (task, _), one in joined.cells.items() if task == name]
        found.append(AskedPairs.of(views, cells, (ours, theirs)))
    return [one for one in found if any(text is not None for side in one.texts for text in side)]
