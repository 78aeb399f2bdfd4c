"""A run's primary metrics over the samples that share a tag: counted as the run counts them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from harness.compare.columns import Index, Samples
from harness.compare.rules import Rule, built, rules
from harness.metrics import SampleMetric
from harness.record.schema import MetricRecord, TaskRecord
from harness.stats.intervals import mean_interval
from harness.suite.reduce import reducer
from harness.tasks import Column
from harness.tasks.slices import aggregate
from harness.types import MetricValue, Status

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST: Final = 5
"""Samples that a slice needs to be shown."""
_STATUSES: Final = tuple(map(str, Status))


@dataclass(frozen=True, slots=True)
class Slice:
    """A metric over the samples that share a tag. Exploratory: many are looked at, none decides anything."""

    task: str
    metric: str
    tag: str
    value: str
    found: MetricRecord


@dataclass(frozen=True, slots=True, eq=False)
class _Questions:
    """A task's questions, each once however often it was asked; all arrays are [questions]."""

    column: Column
    clusters: Index
    first: Index
    """The row of the first answer."""


def slices(samples: Samples, name: str, task: TaskRecord, tags: Collection[str] | None) -> Iterator[Slice]:
    """Yield a task's primary metric over every value of every tag.

    Args:
        samples: of the task alone.
        name: the task's.
        task: its record.
        tags: those to look at; None for all.
    """
    metric = task.primary
    rule = rules(task, samples.metrics).get(metric)
    if rule is None:
        return
    questions, own = _questions(samples, metric, task, rule), built(task).get(metric)
    for tag in samples.tags if tags is None else [tag for tag in samples.tags if tag in tags]:
        codes, values = samples.codes(f"tag.{tag}")
        for value in sorted(filter(None, values)):
            inside = codes[questions.first] == values.index(value)
            found = _over(own, rule, questions, inside)
            if found.n >= _LEAST:
                yield Slice(name, metric, tag, value, MetricRecord.of(found))


def _questions(samples: Samples, metric: str, task: TaskRecord, rule: Rule) -> _Questions:
    worths = samples.worths(metric, rule.failure_value)
    kinds = _kinds(samples.text(f"status.{metric}"))
    clusters = samples.clusters()
    repeats = int(task.config.get("epochs", 1))
    if repeats == 1:
        return _Questions(Column(worths, {}, kinds), clusters, np.arange(len(worths)))
    rows = _repeats(samples.text("sample_id").to_pylist(), repeats)
    answers, _ = samples.answers()
    # To a reducer 0 is no answer.
    reduced = reducer(str(task.config["reducer"]), repeats)(worths[rows], answers[rows] + 1)
    ok = _STATUSES.index(Status.OK)
    kept = np.where((kinds[rows] == ok).any(axis=1), ok, kinds[rows[:, 0]]).astype(np.int8)
    return _Questions(Column(reduced, {}, kept), clusters[rows[:, 0]], rows[:, 0])


def _kinds(texts: "pa.Array") -> NDArray[np.int8]:
    """Return the place of each status; rows that have none are undefined: the metric says nothing about them."""
    places = {name: place for place, name in enumerate(_STATUSES)}
    unknown = places[str(Status.UNDEFINED)]
    return np.array([places.get(text, unknown) for text in texts.to_pylist()], np.int8)


def _repeats(ids: list[str], repeats: int) -> Index:
    """Return the rows of each question, [questions, repeats]; those that were not asked as often are left out."""
    found: dict[str, list[int]] = {}
    for row, identity in enumerate(ids):
        found.setdefault(identity.rpartition("#")[0], []).append(row)
    whole = [rows for rows in found.values() if len(rows) == repeats]
    return np.array(whole, np.int64).reshape(-1, repeats)


def _over(metric: SampleMetric | None, rule: Rule, questions: _Questions, inside: NDArray[np.bool_]) -> MetricValue:
    if metric is not None:
        return aggregate(metric, questions.column, questions.clusters, inside)
    return _mean(rule, questions, inside)


def _mean(rule: Rule, questions: _Questions, inside: NDArray[np.bool_]) -> MetricValue:
    """Return the mean under a metric whose plug-in is not installed here, so that nobody knows its bounds."""
    counted = inside & ~np.isnan(questions.column.worths)
    worths, clusters = questions.column.worths[counted], questions.clusters[counted]
    total = int((inside & ~questions.column.among(Status.UNDEFINED)).sum())
    ok = int((inside & questions.column.among(Status.OK)).sum())
    shared = clusters if len(np.unique(clusters)) < len(clusters) else None
    low, high = mean_interval(worths, shared)
    value = float(np.sort(worths).mean()) if len(worths) else np.nan
    method = "t" if shared is None else "clustered t"
    return MetricValue(value, low, high, len(worths), total, rule.direction, rule.unit, {str(Status.OK): ok}, method)
