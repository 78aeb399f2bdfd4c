"""Scores as columns: a few bytes a sample, so that memory stays flat."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final

import numpy as np

from harness.asks import ask_named
from harness.engine.spending import Spending
from harness.estimate import ColumnSpec
from harness.estimate.rows import FAILED, unit_code
from harness.metrics import SampleMetric
from harness.reading.folded import folded
from harness.record.store import Row
from harness.seeds import derive_seed
from harness.tasks import Cell, CellResult, Column, Labels, Makes, Measures, Observation, Task
from harness.tasks.scoring import without_answer
from harness.types import Response, Sample, Score, Status

_SHOWN: Final = 24
"""Answers of a cell that stay at hand for its task's pictures."""
_PLACE: Final = {status: place for place, status in enumerate(Status)}


def judge(
    task: Task, sample: Sample, responses: Sequence[Response], status: Status = Status.OK
) -> tuple[dict[str, Score], str | None]:
    """Return a sample's score under every metric, and what went wrong in a metric.

    Answers are scored only where all are ``ok``. A sample that failed takes ``status`` on under every metric that
    has a meaning for it; which has none, empty answers of that status tell.
    """
    if not task.metrics:
        return {}, None
    if status != Status.OK:
        return _without(task, sample, len(responses), status), None
    try:
        scores = dict(task.score(sample, responses))
    except Exception as error:  # noqa: BLE001 - a plug-in metric's bug must cost its sample, not the run
        return unscored(task), f"a metric raised {type(error).__name__}: {error}"
    said = [f"metric {name!r} {score.complaint}" for name, score in scores.items() if score.complaint]
    return scores, "; ".join(said) or None


def unscored(task: Task) -> dict[str, Score]:
    """Return the scores of a sample that could not be scored."""
    return dict.fromkeys(task.metrics, Score(math.nan, Status.ERROR))


def _without(task: Task, sample: Sample, count: int, status: Status) -> dict[str, Score]:
    """Return the scores of a sample that failed."""
    failed = dict.fromkeys(task.metrics, Score(math.nan, status))
    try:
        empty = {**failed, **task.score(sample, [Response("", status)] * max(1, count))}
        return without_answer(task.metrics, empty, status)
    except Exception:  # noqa: BLE001 - a task may need answers to say what they mean for a sample
        return failed


class CellScores:
    """The scores of one cell, as they come in."""

    def __init__(
        self,
        cell: Cell,
        metrics: Mapping[str, SampleMetric],
        measures: Sequence[str] = (),
        tags: Iterable[str] = (),
        *,
        ids: bool = False,
        specs: Mapping[str, ColumnSpec] | None = None,
        spent: Spending | None = None,
        chances: Mapping[str, float] | None = None,
    ) -> None:
        self._cell = cell
        self._metrics = metrics
        self._sums = {label: [(name, f"{label}.{name}") for name in one.sums] for label, one in metrics.items()}
        summed = sum_columns(metrics)
        self._summed = frozenset(summed)
        names = (*metrics, *measures)
        self._worths = {name: array("d") for name in (*names, *summed)}
        self._kinds: dict[str, array[int]] = {name: array("b") for name in names}
        self._details: dict[str, list[str | None]] = {name: [] for name, one in metrics.items() if one.keeps_rows}
        self._clusters = array("q")
        self._answers = array("q")
        self._vectors: dict[str, np.ndarray] = {}
        self._texts: dict[str, str] = {}
        self._tags: dict[str, tuple[array[int], dict[str, int]]] = {name: (array("q"), {}) for name in tags}
        self._ids: list[str] | None = [] if ids else None
        self._spent = spent
        self._chances = chances
        self._weights = array("d")
        """One over the chance of each sample, where they had unequal ones."""
        self._failed = {name: spec.worth for name, spec in (specs or {}).items() if spec.worth is not None}
        """What a failure counts, of columns that are measured."""
        self.finishes = Counter[str]()
        """How many answers ended in which way, where that is known."""
        self.served = Counter[str]()
        """How many answers came from what a server said that it runs, where it says."""

    def add(self, sample: Sample, scores: Mapping[str, Score], response: Response) -> None:
        """Take in one sample's scores and its answer."""
        answer = response.text if response.status == Status.OK else None
        self._answer(sample.id, answer)
        if response.vector is not None:
            self._vectors[sample.id] = response.vector
        self._line(sample.id, sample.cluster, sample.tags)
        for label, score in scores.items():
            self._score(label, score)

    def take(self, row: Row, index: int) -> None:
        """Take in one stored response, or one stored observation; what lies before it and did not come is missing."""
        self._fill(index)
        answer = row.response if row.status == Status.OK and row.request_hash is not None else None
        self._answer(row.sample_id, answer)
        if row.finish:
            self.finishes[row.finish] += 1
        if row.served:
            self.served[row.served] += 1
        if row.payload is not None and row.parts is None and (row.ask is None or ask_named(row.ask).floats):
            self._vectors[row.sample_id] = np.frombuffer(row.payload, "<f4").astype(np.float32, copy=False)
        self._line(row.sample_id, row.cluster, row.tags)
        if self._spent is not None:
            self._spent.take(row)
        for name, score in unpacked(row, self._sums, self._summed).items():
            if name in self._metrics:
                self._score(name, score)
            else:
                measured = self._failed.get(name, math.nan) if score.status in FAILED else score.value
                self._value(name, measured, score.status)

    def _answer(self, identity: str, answer: str | None) -> None:
        self._answers.append(answer_code(answer))
        if answer is not None and len(self._texts) < _SHOWN:
            self._texts[identity] = answer

    def _line(self, identity: str, cluster: str, tags: Mapping[str, str]) -> None:
        self._clusters.append(unit_code(cluster, identity))
        if self._chances is not None:
            self._weights.append(1 / self._chances[identity])
        for name, (codes, places) in self._tags.items():
            value = tags.get(name)
            codes.append(-1 if value is None else places.setdefault(value, len(places)))
        if self._ids is not None:
            self._ids.append(identity)

    def _score(self, label: str, score: Score) -> None:
        self._value(label, self._metrics[label].worth(score), score.status)
        for name, column in self._sums[label]:
            self._worths[column].append(score.sums.get(name, math.nan))
        if label in self._details:
            self._details[label].append(score.rows)

    def _value(self, name: str, worth: float, status: Status) -> None:
        self._worths[name].append(worth)
        self._kinds[name].append(_PLACE[status])

    def result(self, expected: int) -> CellResult:
        """Return the columns; samples that were expected and never run stand as missing, without a value."""
        self._fill(expected)
        columns = {name: self._column(name) for name in self._kinds}
        for label, sums in self._sums.items():
            for _, column in sums:
                worths = np.frombuffer(self._worths[column], np.float64)
                columns[column] = replace(columns[label], worths=worths)
        # Views, not copies: a million samples are as many times 25 bytes once, not twice.
        clusters, answers = np.frombuffer(self._clusters, np.int64), np.frombuffer(self._answers, np.int64)
        tags = {name: Labels(np.frombuffer(codes, np.int64), [*places]) for name, (codes, places) in self._tags.items()}
        return CellResult(
            self._cell, columns, clusters, answers, self._vectors, self._texts, tags, tuple(self._ids or ()),
            self._spent.columns() if self._spent else {},
            None if self._chances is None else np.frombuffer(self._weights, np.float64),
        )  # fmt: skip

    def _column(self, name: str) -> Column:
        worths = np.frombuffer(self._worths[name], np.float64)
        return Column(worths, np.frombuffer(self._kinds[name], np.int8), self._details.get(name))

    def _fill(self, size: int) -> None:
        """Let samples that never came stand as missing, up to a size: the cells of a task stay aligned."""
        first = len(self._clusters)
        absent = size - first
        if absent > 0:
            self._clusters.extend(range(-1 - first, -1 - size, -1))
            self._answers.frombytes(bytes(absent * self._answers.itemsize))
            for codes, _ in self._tags.values():
                codes.extend([-1] * absent)
            if self._ids is not None:
                self._ids.extend(f"\0missing {place}" for place in range(first, size))
            if self._spent is not None:
                self._spent.fill(absent)
            if self._chances is not None:
                self._weights.extend([1.0] * absent)  # nothing of them counts
            for worths in self._worths.values():
                worths.extend([math.nan] * absent)
            for kinds in self._kinds.values():
                kinds.extend([_PLACE[Status.MISSING]] * absent)
            for details in self._details.values():
                details.extend([None] * absent)


def answer_code(answer: str | None) -> int:
    """Return a code that texts share which differ in case and white space only; 0 for none."""
    return 0 if answer is None else derive_seed(folded(answer)) >> 1 | 1


def measured(seen: Observation) -> dict[str, Score]:
    """Return an observation's values as scores; where it failed none counts, where one is not finite it does not."""
    failed = seen.status != Status.OK
    return {
        name: Score(math.nan, seen.status if failed else Status.UNDEFINED)
        if failed or not math.isfinite(value)
        else Score(float(value))
        for name, value in seen.values.items()
    }


def packed(scores: Mapping[str, Score]) -> dict[str, tuple[float | None, str]]:
    """Return scores as they are stored, each sum beside its value: no NaN."""
    found: dict[str, tuple[float | None, str]] = {}
    for label, score in scores.items():
        status = str(score.status)
        found[label] = (None if math.isnan(score.value) else float(score.value), status)
        for name, value in score.sums.items():
            found[f"{label}.{name}"] = (None if math.isnan(value) else float(value), status)
    return found


def unpacked(row: Row, sums: Mapping[str, Sequence[tuple[str, str]]], summed: Set[str]) -> dict[str, Score]:
    """Return the scores that a row stores, and what it measured.

    Args:
        row: as :func:`packed` filled it.
        sums: the names of each metric's sums with their columns, by label.
        summed: all those columns; what they hold goes with their metrics' scores.
    """
    found: dict[str, Score] = {}
    for label, (value, status) in row.scores.items():
        if label in summed:
            continue
        stored = [(name, row.scores.get(column, (None, ""))[0]) for name, column in sums.get(label, ())]
        kept = {name: one for name, one in stored if one is not None}
        rows = row.details.get(label)
        found[label] = Score(math.nan if value is None else value, Status(status), sums=kept, rows=rows)
    return found


def sum_columns(metrics: Mapping[str, SampleMetric]) -> list[str]:
    """Return the columns of all sums of some metrics, by label."""
    return [f"{label}.{name}" for label, metric in metrics.items() for name in metric.sums]


def task_results(
    task: Task, cells: Sequence[tuple[Cell, int]], collected: Mapping[str, CellScores]
) -> list[CellResult]:
    """Return a task's cells in order; one that was never reached is all missing."""
    return [collected.get(cell.id, new_scores(task, cell)).result(expected) for cell, expected in cells]


def new_scores(
    task: Task, cell: Cell, spent: Spending | None = None, chances: Mapping[str, float] | None = None
) -> CellScores:
    """Return empty columns for one cell of a task; with ``spent`` for one that another task reads."""
    measures = task.measures if isinstance(task, Measures) else ()
    sliced = dict.fromkeys(tag for one in task.statistics() for tag in one.where)
    specs = task.columns() if measures else {}
    return CellScores(cell, task.metrics, measures, sliced, ids=isinstance(task, Makes) or spent is not None,
                      specs=specs, spent=spent, chances=chances)  # fmt: skip


def plain(value: Any) -> Any:
    """Return ``value`` with tuples as lists, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
