"""Compare metrics that are no mean over samples, draw by draw: the same draws of the same samples on both sides."""

import math
from dataclasses import replace

import numpy as np

from harness.record.replicates import Replicates
from harness.record.schema import MetricRecord
from harness.stats.draws import units_of
from harness.stats.limits import summarise
from harness.stats.quantiles import ratio_of_draws
from harness.stats.results import Comparison, nothing


def difference(
    before: MetricRecord,
    after: MetricRecord,
    draws: tuple[Replicates, Replicates],
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Comparison:
    """Return the paired bootstrap of an aggregate metric, above zero where the candidate is better.

    Where all draws agree, a share of unseen units may still differ, each by as much as the metric can reach.

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
    moved = sign * (draws[1].draws - draws[0].draws)
    estimate = sign * (after.value - before.value)
    reach = draws[1].reach if draws[1].reach is not None else 1.0 if after.unit == "share" else None
    span = None if reach is None else max(reach, abs(estimate))
    units = units_of(draws[1].units or after.n, None, None)
    return replace(summarise(estimate, moved, None, units, confidence, margin, span), n=after.n)


def ratio(
    before: MetricRecord,
    after: MetricRecord,
    draws: tuple[Replicates, Replicates] | None,
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
        logs = np.zeros(0) if draws is None else sign * np.log(draws[1].draws / draws[0].draws)
    finite = logs[np.isfinite(logs)]
    estimate = sign * math.log(after.value / before.value)
    kept = finite if 2 * finite.size >= logs.size else finite[:0]
    method = "ratio" if draws is None else "ratio, bootstrap"
    return ratio_of_draws(estimate, kept, after.n, method, confidence, margin)
