"""Metrics as a suite names them: ``relaxed_accuracy``, or a mapping with a variant and parameters."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from harness import metrics
from harness.errors import Issue, UsageError
from harness.metrics import SampleMetric
from harness.metrics.extract import Step
from harness.tasks._base import CellResult
from harness.types import MetricValue, Sample, Score, Status

MetricRef = str | dict[str, Any]

LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
"""What may name a metric or a corruption: it becomes part of file names, columns and table rows."""
LABEL_HINT: Final = "use at most 80 letters, digits, '.', '_', '+' and '-'"


def misnamed(label: str, what: str, path: tuple[str | int, ...]) -> list[Issue]:
    """Return what is wrong with the label of a metric, a cell or the like, if anything is."""
    return [] if LABEL.fullmatch(label) else [Issue(path, f"{label[:100]!r} cannot name a {what}", LABEL_HINT)]


def build_metrics(refs: Iterable[MetricRef]) -> tuple[dict[str, SampleMetric], list[Issue]]:
    """Return the metrics by label, and what is wrong with the others."""
    built: dict[str, SampleMetric] = {}
    issues: list[Issue] = []
    for i, ref in enumerate(refs):
        path = ("metrics", i)
        options = dict(ref) if isinstance(ref, dict) else {"metric": ref}
        name, label = options.pop("metric", None), options.pop("as", None)
        if not isinstance(name, str):
            issues.append(Issue(path, "a metric needs its name", "{metric: relaxed_accuracy, variant: default}"))
            continue
        try:
            metric = metrics.get(name, **options)
        except Exception as error:  # noqa: BLE001 - whatever a metric says to its parameters belongs to this line
            said = str(error) if isinstance(error, UsageError) else f"metric {name!r}: {error}"
            issues.append(Issue((*path, "metric") if isinstance(ref, dict) else path, said))
            continue
        if not isinstance(metric, SampleMetric):
            issues.append(Issue(path, f"metric {name!r} judges a whole corpus, not one answer"))
            continue
        key = str(label or name)
        issues += misnamed(key, "metric", path)
        if key in built:
            issues.append(Issue(path, f"two metrics are called {key!r}", "give one another name with `as:`"))
        built[key] = metric
    return built, issues


def score_all(metrics_: Mapping[str, SampleMetric], sample: Sample, text: str, step: Step) -> dict[str, Score]:
    """Judge the answer that ``step`` takes out of ``text``, under every metric; those that want it whole get ``text``.

    Where the step finds none, the sample is unparsed (or undefined, under a metric that has no meaning for
    it). A metric that fails costs its own score, not the others'.
    """
    answer = step(text)
    whole = {name: _score(metric, sample, text) for name, metric in metrics_.items() if metric.whole}
    taken = {name: _score(metric, sample, answer or "") for name, metric in metrics_.items() if not metric.whole}
    scores = whole | (taken if answer is not None else without_answer(taken, Status.UNPARSED))
    return {name: scores[name] for name in metrics_}


def without_answer(scores: Mapping[str, Score], status: Status) -> dict[str, Score]:
    """Return the scores of a sample that has no answer: ``status``, or undefined under a metric without meaning for it.

    ``scores`` are those of an empty answer, which tell the undefined ones.
    """
    failed = Score(math.nan, status)
    return {name: score if score.status == Status.UNDEFINED else failed for name, score in scores.items()}


def _score(metric: SampleMetric, sample: Sample, text: str) -> Score:
    try:
        score = metric.score(text, sample.references, evidence=sample.evidence, tags=sample.tags)
        if score.status != Status.OK or math.isfinite(score.value):
            return score
        said = "gave no finite number"
    except Exception as error:  # noqa: BLE001 - a plug-in metric's bug must cost its sample, not the run
        said = f"raised {type(error).__name__}: {error}"
    return Score(math.nan, Status.ERROR, {"said": said})


def summarise_cell(result: CellResult, metrics_: Mapping[str, SampleMetric]) -> dict[str, MetricValue]:
    """Return every metric over one cell, from its columns."""
    values = {}
    for name, metric in metrics_.items():
        column = result.columns[name]
        counted = ~np.isnan(column.worths)
        kept = slice(None) if counted.all() else counted  # no copies of a million worths that all count
        values[name] = metric.aggregate_array(column.worths[kept], column.statuses, result.clusters[kept])
    return values


def describe_refs(refs: Sequence[MetricRef]) -> list[MetricRef]:
    """Return the references as they stand in the suite, for the record."""
    return [dict(ref) if isinstance(ref, dict) else ref for ref in refs]
