"""Paired differences of two columns as metrics, and what they say."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.stats.paired import paired_t
from harness.tasks._base import Column
from harness.types import MetricValue, Status

Floats = NDArray[np.float64]


def unanswered(column: Column) -> NDArray[np.bool_]:
    """Return which samples the model never answered, [n]: a crash under a control does not show that it looks."""
    return column.among(Status.ERROR, Status.TIMEOUT, Status.MISSING)


def when_answered(column: Column) -> Floats:
    """Return what the samples are worth, [n]; NaN for those that the model never answered."""
    return np.where(unanswered(column), math.nan, column.worths)


def paired_gap(
    worths: Floats, others: Floats, clusters: NDArray[np.int64], bounds: tuple[float, float] = (-1.0, 1.0)
) -> MetricValue:
    """Return the mean of ``worths − others`` over the rows that have both, with its interval.

    Args:
        worths: scores of the samples, [n]; NaN where there is none.
        others: scores of the same samples under something else, [n].
        clusters: of each sample, [n].
        bounds: the least and the greatest difference that there can be.
    """
    both = ~(np.isnan(worths) | np.isnan(others))
    found = paired_t(worths[both] - others[both], clusters[both], span=bounds[1])
    low, high = max(found.low, bounds[0]), min(found.high, bounds[1])
    if math.isnan(found.low) or math.isnan(found.high):
        low = high = math.nan
    missing = int((~both).sum())
    statuses = {"ok": int(both.sum()), **({"incomplete": missing} if missing else {})}
    return MetricValue(
        found.estimate, low, high, int(both.sum()), len(worths), "higher", "share", statuses, found.method
    )


def with_interval(value: MetricValue) -> str:
    """Return a value as findings print it: ``0.412 [0.301, 0.523]``."""
    return f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
