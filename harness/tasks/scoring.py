"""Metrics as a suite names them: ``relaxed_accuracy``, or a mapping with a variant and parameters."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from harness import facts, metrics
from harness.errors import Issue, UsageError
from harness.metrics import SampleMetric
from harness.metrics.extract import Step
from harness.tasks._base import CellResult
from harness.tasks._named import Ref, all_named
from harness.types import MetricValue, Sample, Score, Status


def build_metrics(refs: Iterable[Ref]) -> tuple[dict[str, SampleMetric], list[Issue]]:
    """Return the metrics by label, and what is wrong with the others."""
    issues: list[Issue] = []
    example = "{metric: relaxed_accuracy, variant: default}"
    return all_named(refs, "metric", _sample_metric, example, issues), issues


def _sample_metric(name: str, **options: Any) -> SampleMetric:
    metric = metrics.get(name, **options)
    if not isinstance(metric, SampleMetric):
        raise UsageError(f"metric {name!r} judges a whole corpus, not one answer")
    return metric


def score_all(metrics_: Mapping[str, SampleMetric], sample: Sample, text: str, step: Step) -> dict[str, Score]:
    """Judge the answer that ``step`` takes out of ``text``, under every metric; those that want it whole get ``text``.

    Where the step finds none, the sample is unparsed (or undefined, under a metric that has no meaning for
    it). A metric that fails costs its own score, not the others'.
    """
    answer, known = step(text), facts.context(sample)
    whole = {name: _score(metric, sample, text, known) for name, metric in metrics_.items() if metric.whole}
    taken = {name: _score(metric, sample, answer or "", known) for name, metric in metrics_.items() if not metric.whole}
    scores = whole | (taken if answer is not None else without_answer(taken, Status.UNPARSED))
    return {name: scores[name] for name in metrics_}


def without_answer(scores: Mapping[str, Score], status: Status) -> dict[str, Score]:
    """Return the scores of a sample that has no answer: ``status``, or undefined under a metric without meaning for it.

    ``scores`` are those of an empty answer, which tell the undefined ones.
    """
    failed = Score(math.nan, status)
    return {name: score if score.status == Status.UNDEFINED else failed for name, score in scores.items()}


def _score(metric: SampleMetric, sample: Sample, text: str, known: Mapping[str, Any]) -> Score:
    try:
        score = metric.score(text, sample.references, **known)
        if score.status != Status.OK or math.isfinite(score.value):
            return score
        said = "gave no finite number"
    except Exception as error:  # noqa: BLE001 - a plug-in metric's bug must cost its sample, not the run
        said = f"raised {type(error).__name__}: {error}"
    return Score(math.nan, Status.ERROR, complaint=said)


def summarise_cell(
    result: CellResult, metrics_: Mapping[str, SampleMetric], confidence: float = 0.95
) -> dict[str, MetricValue]:
    """Return every metric over one cell, from its columns."""
    values = {}
    for name, metric in metrics_.items():
        column = result.columns[name]
        counted = ~np.isnan(column.worths)
        kept = slice(None) if counted.all() else counted  # no copies of a million worths that all count
        values[name] = metric.aggregate_array(column.worths[kept], column.statuses, result.clusters[kept], confidence)
    return values
