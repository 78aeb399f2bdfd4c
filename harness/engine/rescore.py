"""Score the stored answers of a run again, under another metric or variant, without the model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from harness.engine.collect import CellScores
from harness.engine.summarise import draws_of
from harness.errors import UsageError
from harness.facts import described
from harness.metrics import Fitted, SampleMetric, extract, get
from harness.metrics.extract import Chain
from harness.record import Run
from harness.record.endings import on_truncated
from harness.tasks import Cell
from harness.tasks.scoring import score_all, summarise_cell, without_answer
from harness.types import Finish, MetricValue, Response, Sample, Score, Status

_PLACE: Final = ("task", "cell", "sample_id", "cluster", "status")
_SAME: Final = 1e-6
"""Scores that differ by less are one: origins print six digits and more."""
_COLUMNS: Final = (*_PLACE, "references", "evidence", "facts", "response", "parts", "finish")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An answer that two variants of one metric judge differently."""

    task: str
    cell: str
    sample_id: str
    response: str
    references: tuple[str, ...]
    scores: Mapping[str, float | str]
    """By variant: the value, or the status where there is none."""


def one_by_one(name: str, variant: str = "default", **params: Any) -> SampleMetric:
    """Return a metric that judges one answer at a time; ``anls@lmms-eval`` is the metric with its variant.

    Raises:
        UsageError: if the metric does not, or its name, the variant or a parameter is unknown or impossible.
    """
    if variant == "default" and "@" in name:
        name, _, variant = name.partition("@")
    metric = get(name, variant, **params)
    if not isinstance(metric, SampleMetric):
        raise UsageError(
            f"metric {name!r} needs all rows at once; `harness score` takes metrics that judge one answer at a time"
        )
    return metric


def rescore(run: Run, metric: SampleMetric, steps: Sequence[str] | None = None) -> dict[str, MetricValue]:
    """Return the metric for every ``task/cell`` of a run, from its stored answers.

    Args:
        run: the run.
        metric: what to score with.
        steps: extraction steps; by default those that each task of the run declares.

    Raises:
        UsageError: if the run asked no question, or its samples do not carry what the metric needs.
    """
    extractors = _extractors(run, steps)
    cells: dict[str, CellScores] = {}
    counts: dict[str, int] = {}
    lacking = set(metric.needs)
    bound = _bound(run, metric)
    for row, sample in _rows(run):
        lacking -= sample.facts.keys()
        key = f"{row['task']}/{row['cell']}"
        scores = cells.setdefault(key, CellScores(Cell(key), {metric.name: metric}))
        answer = Response(row["response"], Status(row["status"]))
        scores.add(sample, {metric.name: _judge(bound.get(row["task"], metric), row, sample, extractors)}, answer)
        counts[key] = counts.get(key, 0) + 1
    if lacking:
        names = ", ".join(described(name) for name in sorted(lacking))
        raise UsageError(f"metric {metric.name!r} needs {names}, which no sample of run {run.record.run_id} carries")
    return {
        key: summarise_cell(
            scores.result(counts[key]),
            {metric.name: metric},
            draws_of(run.record.suite.seed, key.partition("/")[0]),
        )[metric.name]
        for key, scores in cells.items()
    }


def disagreements(run: Run, variants: Mapping[str, SampleMetric]) -> Iterator[Disagreement]:
    """Yield the answers on which the variants do not all agree.

    Raises:
        UsageError: if the run asked no question.
    """
    extractors = _extractors(run, None)
    bound = {name: _bound(run, metric) for name, metric in variants.items()}
    for row, sample in _rows(run):
        judged = {
            name: _judge(bound[name].get(row["task"], metric), row, sample, extractors)
            for name, metric in variants.items()
        }
        shown: dict[str, float | str] = {
            name: score.value if score.status == Status.OK else str(score.status) for name, score in judged.items()
        }
        if len(set(shown.values())) > 1:
            response = row["response"] or ""
            yield Disagreement(row["task"], row["cell"], sample.id, response, sample.references, shown)


def against_stored(run: Run, metric: SampleMetric, steps: Sequence[str] | None = None) -> Iterator[Disagreement]:
    """Yield the answers that a metric judges otherwise than the scores which the run has: its tasks' primary ones.

    The scores of each are called ``stored`` and ``ours``.

    Args:
        run: the run.
        metric: what to judge with.
        steps: extraction steps; by default those that each task of the run declares.

    Raises:
        UsageError: if the run asked no question.
    """
    extractors, bound = _extractors(run, steps), _bound(run, metric)
    primary = {name: task.primary for name, task in run.record.tasks.items()}
    for row, sample in _rows(run, [f"{kind}.{name}" for name in primary.values() for kind in ("score", "status")]):
        score = _judge(bound.get(row["task"], metric), row, sample, extractors)
        label = primary[row["task"]]
        stored: float | str | None = row.get(f"score.{label}")
        if stored is None:
            stored = row.get(f"status.{label}") or str(Status.UNDEFINED)
        ours: float | str = score.value if score.status == Status.OK else str(score.status)
        same = isinstance(ours, float) and isinstance(stored, float) and abs(ours - stored) <= _SAME
        if not same and ours != stored:
            scores = {"stored": stored, "ours": ours}
            yield Disagreement(row["task"], row["cell"], sample.id, row["response"] or "", sample.references, scores)


def _bound(run: Run, metric: SampleMetric) -> dict[str, SampleMetric]:
    """Return by task a metric that has seen its references, where it asks for them: those of the samples of the run."""
    if not isinstance(metric, Fitted):
        return {}
    references: dict[str, dict[str, Sequence[str]]] = {}
    for row, sample in _rows(run):
        references.setdefault(row["task"], {})[sample.id] = sample.references
    found: dict[str, SampleMetric] = {}
    for task, by_sample in references.items():
        fresh = copy(metric)
        fresh.fit(by_sample.values())
        found[task] = fresh
    return found


def unasked(run: Run) -> list[str]:
    """Return the tasks of a run that asked no question: they measured by themselves, and hold nothing to judge."""
    asked = set(run.source().select(["task", "request_hash"]).drop_null()["task"].unique().to_pylist())
    return [name for name in run.record.tasks if name not in asked]


def _rows(run: Run, more: Sequence[str] = ()) -> Iterator[tuple[Mapping[str, Any], Sample]]:
    left_out = set(unasked(run))
    if left_out >= run.record.tasks.keys():
        raise UsageError(f"run {run.record.run_id} holds no answers to questions, so there is nothing to score")
    unread = {name for name, task in run.record.tasks.items() if on_truncated(task.config) == "unparsed"}
    table = run.plain_table()
    tags = [name for name in table.column_names if name.startswith("tag.")]
    columns = [
        name for name in dict.fromkeys((*_COLUMNS, *more)) if name in table.column_names
    ]  # runs of earlier versions lack some
    for batch in table.select([*columns, *tags]).to_batches():
        for row in batch.to_pylist():
            if row["task"] in left_out:
                continue
            if row.get("finish") == Finish.LENGTH and row["task"] in unread:
                row["status"] = Status.UNPARSED
            sample = Sample(
                id=row["sample_id"],
                question="",
                references=tuple(row["references"]),
                evidence=row["evidence"],
                cluster=row["cluster"],
                facts=json.loads(row.get("facts") or "{}"),
                tags={name.removeprefix("tag."): row[name] for name in tags if row[name] is not None},
            )
            yield row, sample


def _extractors(run: Run, steps: Sequence[str] | None) -> dict[str, Chain]:
    """Return each task's extraction: the given steps, or those that the task (or the one it is made from) declares.

    Given steps are applied as a task would; those of a record as it names them, ``clean`` only where it does.
    """
    found = {}
    for name, task in run.record.tasks.items():
        declared = task.config.get("extract", task.config.get("of", {}).get("extract", []))
        found[name] = extract.chain(declared) if steps is None else extract.reading(steps)
    return found


def _judge(metric: SampleMetric, row: Mapping[str, Any], sample: Sample, extractors: Mapping[str, Chain]) -> Score:
    status = Status(row["status"])
    text = (row["response"] or "") if status == Status.OK else ""
    step = extract.chain([]) if _joined(row) else extractors[row["task"]]
    scores = score_all({metric.name: metric}, sample, text, step)
    return (scores if status == Status.OK else without_answer({metric.name: metric}, scores, status))[metric.name]


def _joined(row: Mapping[str, Any]) -> bool:
    """Return whether a sample's text was made by its task out of several parts: nothing is to be taken out of it."""
    parts = json.loads(row.get("parts") or "[]")
    return bool(parts) and parts[0]["response"] != row["response"]
