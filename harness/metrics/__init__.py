"""Metrics by name: ``harness.metrics.get("relaxed_accuracy").score("14", ["14.5"])``.

A *sample metric* judges one answer (``score``), or many into columns (``score_batch``), and sums up (``aggregate``,
``aggregate_columns``); a *corpus metric* takes whole columns (``compute``); a *summed metric* is both: each answer
adds named sums, of which its ``form`` makes one number. :func:`get` returns any, :func:`sample_metric` only what judges
one answer, :func:`describe` what a metric says about itself.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import FAILED, AnswerMetric, CorpusMetric, SampleMetric
from harness.metrics._columns import Rows, ScoreColumns
from harness.metrics._describe import describe
from harness.metrics._references import unfit
from harness.metrics._summed import Fitted, SummedAnswerMetric, SummedMetric
from harness.metrics._variants import Variant, find_variant, variant_at
from harness.registry import registry
from harness.types import MetricValue, Score, Status

__all__ = [
    "FAILED",
    "AnswerMetric",
    "CorpusMetric",
    "Fitted",
    "MetricValue",
    "Rows",
    "SampleMetric",
    "Score",
    "ScoreColumns",
    "Status",
    "SummedAnswerMetric",
    "SummedMetric",
    "Variant",
    "describe",
    "disagreements",
    "find_variant",
    "get",
    "sample_metric",
    "unfit",
    "variant_at",
]


Row = tuple[str, Sequence[str], Mapping[str, Any]]
"""An answer, its references, and the context of the sample."""


def get(name: str, /, variant: str = "default", **params: Any) -> SampleMetric | CorpusMetric:
    """Return a metric.

    Raises:
        UsageError: if the name, the variant or a parameter is unknown or impossible.
    """
    factory = registry("metrics").load(name)
    known = signature(factory).parameters
    for param in params:
        if param not in known and not any(one.kind is Parameter.VAR_KEYWORD for one in known.values()):
            said = did_you_mean(param, [other for other in known if other != "variant"])
            if param in ("name", "label"):
                said = f"`as: …` is how a metric gets a name of its own; {said}"
            raise UsageError(f"metric {name!r}: unknown parameter {param!r}; {said}")
    try:
        metric: SampleMetric | CorpusMetric = factory(variant=variant, **params)
    except (TypeError, ValueError) as cause:
        raise UsageError(f"metric {name!r}: {cause}") from cause
    return metric


def sample_metric(name: str, /, variant: str = "default", **params: Any) -> SampleMetric:
    """As :func:`get`, for a metric that judges one answer at a time.

    Raises:
        UsageError: also if the metric needs the whole data set at once.
    """
    metric = get(name, variant, **params)
    if not isinstance(metric, SampleMetric):
        raise UsageError(f"metric {name!r} needs all rows at once and cannot score one answer; call its compute()")
    return metric


def disagreements(first: SampleMetric, second: SampleMetric, rows: Iterable[Row]) -> list[tuple[int, Score, Score]]:
    """Return the rows on which two metrics, or two variants of one, differ in value or status.

    Args:
        first: one metric.
        second: the other.
        rows: answer, references and context of each sample.

    Returns:
        The place of each such row, with both scores.

    >>> rows = [("62%", ["62"], {}), ("62", ["62"], {})]
    >>> pair = (sample_metric("relaxed_accuracy", variant) for variant in ("default", "pix2struct"))
    >>> [row for row, _, _ in disagreements(*pair, rows)]
    [0]
    """
    found = []
    for place, (prediction, references, context) in enumerate(rows):
        one, other = (metric.score(prediction, references, **context) for metric in (first, second))
        same_value = one.value == other.value or (math.isnan(one.value) and math.isnan(other.value))
        if one.status != other.status or not same_value:
            found.append((place, one, other))
    return found
