"""Metrics as a suite names them: ``relaxed_accuracy``, or a mapping with a variant and parameters."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from harness import estimate, facts, metrics
from harness.errors import Issue, UsageError
from harness.estimate import ANY, CellRows, ColumnSpec, Estimator, Statistic, column, mean
from harness.metrics import Fitted, SampleMetric
from harness.metrics.extract import Chain
from harness.tasks._cells import CellResult
from harness.tasks._named import Ref, all_named, plain_ref
from harness.types import MetricValue, Sample, Score, Status


def build_metrics(refs: Iterable[Ref]) -> tuple[dict[str, SampleMetric], list[Issue]]:
    """Return the metrics by label, and what is wrong with the others."""
    issues: list[Issue] = []
    example = "{metric: relaxed_accuracy, variant: default}"
    return all_named(refs, "metric", _sample_metric, example, issues), issues


def _sample_metric(name: str, /, **options: Any) -> SampleMetric:
    metric = metrics.get(name, **options)
    if not isinstance(metric, SampleMetric):
        raise UsageError(f"metric {name!r} judges a whole corpus, not one answer")
    metric.form(name, ())  # what has none with these parameters says so here, before anything is asked
    return metric


def recorded(ref: Ref, metrics_: Mapping[str, SampleMetric]) -> Ref:
    """Return a reference as a record holds it: a variant after published code is named with the revision read."""
    plain = plain_ref(ref)
    if not isinstance(plain, dict) or "variant" not in plain:
        return plain
    return plain | {"variant": metrics_[str(plain.get("as") or plain["metric"])].variant_at}


def no_mean(metric: SampleMetric) -> str | None:
    """Return why a task cannot use a metric whose values it reads one by one; None where it can."""
    if metric.form("", ("",)) == mean(column("", "")):
        return None
    return f"this needs a metric that is the mean of its values; {metric.name} is made of sums: {metric.computed}"


def fit_metrics(metrics_: Mapping[str, SampleMetric], dataset: Iterable[Sample]) -> dict[str, str]:
    """Show the references of a whole dataset to the metrics that ask for them; return a hash of these by label."""
    fitted = {label: metric for label, metric in metrics_.items() if isinstance(metric, Fitted)}
    if fitted:
        references = [sample.references for sample in dataset if sample.references]
        for metric in fitted.values():
            metric.fit(references)
    return {label: str(metric.fitted) for label, metric in fitted.items()}


def score_all(
    metrics_: Mapping[str, SampleMetric], sample: Sample, text: str, step: Chain | Callable[[str], str | None]
) -> dict[str, Score]:
    """Judge the answer that ``step`` takes out of ``text``, under every metric.

    Metrics that want it whole get all of it but for what ``step`` cleans away: thinking that an answer holds is no
    part of it. Where the step finds none, or the thinking never ends, the sample is unparsed (or undefined, under a
    metric that has no meaning for it); an empty answer is one, and the metric's to judge. A metric that fails costs
    its own score, not the others'.

    Args:
        metrics_: by label.
        sample: what was asked about.
        text: what the model wrote.
        step: of :func:`harness.metrics.extract.reading`, or any function of the text.
    """
    known = facts.context(sample)
    cleaned, answer = step.both(text, known) if isinstance(step, Chain) else (text, step(text))
    scores = {}
    for name, metric in metrics_.items():
        said = cleaned if metric.whole else answer
        score = _score(metric, sample, said or "", known)
        scores[name] = score if said is not None else metric.failed(score, Status.UNPARSED)
    return scores


def without_answer(
    metrics_: Mapping[str, SampleMetric], scores: Mapping[str, Score], status: Status
) -> dict[str, Score]:
    """Return the scores of a sample that has no answer, as each metric counts one that failed with ``status``.

    ``scores`` are those of an empty answer: they tell where a metric has no meaning for the sample.
    """
    return {name: metrics_[name].failed(score, status) for name, score in scores.items()}


def _score(metric: SampleMetric, sample: Sample, text: str, known: Mapping[str, Any]) -> Score:
    try:
        if (wrong := metric.problem(sample.references, known)) is not None:
            return undefined(sample, wrong)
        score = metric.score(text, sample.references, **known)
        if score.status == Status.UNDEFINED and score.complaint:
            return undefined(sample, score.complaint)
        if score.status != Status.OK or math.isfinite(score.value) or _speaks(metric, score):
            return score
        said = "gave no finite number"
    except Exception as error:  # noqa: BLE001 - a plug-in metric's bug must cost its sample, not the run
        absent = [name for name in metric.needs if name not in known]
        said = f"raised {type(error).__name__}: {error}"
        refused = isinstance(error, ValueError) and not absent and sample.problem is None
        if refused and (wrong := metrics.unfit(metric, sample.references, known)):
            return undefined(sample, wrong)
        if absent:
            said = f"needs {', '.join(map(facts.described, absent))}, which this sample does not carry"
    return Score(math.nan, Status.ERROR, complaint=said)


def undefined(sample: Sample, wrong: str) -> Score:
    """Return the score of a sample whose references no answer can be held against."""
    place = f"{sample.origin}: " if sample.origin else ""
    return Score(math.nan, Status.UNDEFINED, complaint=f"is undefined here: {place}{wrong}")


def _speaks(metric: SampleMetric, score: Score) -> bool:
    """Return whether a score without a finite value is one: its sums speak for it, or its metric has no limit."""
    return bool(score.sums) if math.isnan(score.value) else score.value in metric.bounds


def column_specs(metrics_: Mapping[str, SampleMetric]) -> dict[str, ColumnSpec]:
    """Return what the columns of some metrics are, by label: a record then needs no metric to be read."""
    found = {}
    for label, metric in metrics_.items():
        low, high = (bound if math.isfinite(bound) else None for bound in metric.bounds)
        binary = metric.binary_columns(label) if metric.failure_value in (None, 0.0, 1.0) else frozenset[str]()
        found[label] = ColumnSpec(metric.direction, metric.unit, (low, high), metric.failure_value, label in binary)
        for name in metric.sums:
            column = f"{label}.{name}"
            found[column] = ColumnSpec("none", "", ANY, 0.0, column in binary, sum_of=label)
    return found


def cell_statistics(metrics_: Mapping[str, SampleMetric], cell: str) -> list[Statistic]:
    """Return every metric over one cell."""
    return [metric.statistic(label, [cell]) for label, metric in metrics_.items()]


def summarise_cell(
    result: CellResult, metrics_: Mapping[str, SampleMetric], seed: tuple[str | int, ...] = (0,)
) -> dict[str, MetricValue]:
    """Return every metric over one cell, from its columns; with the seed of a run's task, its very intervals."""
    binary = frozenset().union(*(metric.binary_columns(label) for label, metric in metrics_.items()))
    estimator = Estimator(estimate.Rows({"": cell_rows(result)}), seed, binary.__contains__)
    return {label: estimator.value(metric.statistic(label, ("",))) for label, metric in metrics_.items()}


def cell_rows(result: CellResult) -> CellRows:
    """Return the columns of a cell as rows that statistics read."""
    columns = {
        name: estimate.Column(column.worths, column.kinds, column.details) for name, column in result.columns.items()
    }
    return CellRows(np.arange(len(result.clusters)), result.clusters, columns)
