"""Compare metrics that are no mean over samples, draw by draw: the same draws of the same samples on both sides."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.record.schema import MetricRecord
from harness.stats._draws import units_of
from harness.stats._limits import summarise
from harness.stats.quantiles import ratio_of_draws
from harness.stats.results import Comparison, nothing

Floats = NDArray[np.float64]


def difference(
    before: MetricRecord,
    after: MetricRecord,
    draws: tuple[Floats, Floats],
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Comparison:
    """Return the paired bootstrap of an aggregate metric, above zero where the candidate is better.

    Args:
        before: the baseline's value.
        after: the candidate's.
        draws: of both, [B] each; draw b weights the samples of both in the same way.
        confidence: of the interval.
        margin: the drop that matters.
    """
    if before.value is None or after.value is None or not after.n:
        return nothing("bootstrap", confidence, margin)
    sign = 1 if after.direction == "higher" else -1
    moved = sign * (draws[1] - draws[0])
    estimate = sign * (after.value - before.value)
    # Where all draws agree, a share of unseen samples may still differ, each by at most what the metric can reach.
    span = max(1.0, abs(before.value), abs(after.value), abs(estimate))
    return summarise(estimate, moved, None, units_of(after.n, None, None), confidence, margin, span)


def ratio(
    before: MetricRecord,
    after: MetricRecord,
    draws: tuple[Floats, Floats] | None,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Comparison:
    """Return how many times worse the candidate is; above 1 is worse.

    Without draws there is no interval: the method says so.

    Args:
        before: the baseline's value, above 0.
        after: the candidate's, above 0.
        draws: of both, [B] each, or None.
        confidence: of the interval.
        margin: what counts as the same.
    """
    if not before.value or not after.value or before.value < 0 or after.value < 0:
        return nothing("ratio", confidence, margin)
    sign = 1 if after.direction == "lower" else -1
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.zeros(0) if draws is None else sign * np.log(draws[1] / draws[0])
    finite = logs[np.isfinite(logs)]
    estimate = sign * math.log(after.value / before.value)
    kept = finite if 2 * finite.size >= logs.size else finite[:0]
    method = "ratio" if draws is None else "ratio, bootstrap"
    return ratio_of_draws(estimate, kept, after.n, method, confidence, margin)
