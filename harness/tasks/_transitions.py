"""Shares and means over clips that weigh as much as they hold, with bootstrap intervals over whole clips."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from harness.seeds import derive_seed
from harness.stats.intervals import bootstrap_sums, wilson
from harness.tasks._base import CellResult
from harness.types import Direction, MetricValue

Floats = NDArray[np.float64]
Terms = Mapping[str, float]
"""Measures by name, with the factor that each is added up with."""


def ratio_of_sums(
    result: CellResult, above: Terms, below: Terms, seed: int, unit: str = "share", direction: Direction = "higher"
) -> MetricValue:
    """Return Σ above / Σ below over the clips that were observed.

    Precision, recall and F1 pool the changes of all clips so. NaN with n = 0 where the denominator is 0:
    nothing was found, or there was nothing to find.
    """
    top, bottom = (_added(result, terms) for terms in (above, below))
    known = ~(np.isnan(top) | np.isnan(bottom))
    rows = np.column_stack([top, bottom])[known]
    statuses = dict(result.columns[next(iter(above))].statuses)
    total = rows.sum(axis=0)
    if not total[1] > 0:
        return MetricValue(np.nan, np.nan, np.nan, 0, len(known), direction, unit, statuses, "none")
    value = float(total[0] / total[1])
    low, high = _interval(rows, result, known, derive_seed(seed, result.cell.id, *above, *below))
    method = "bootstrap over clips"
    if unit == "share":
        if np.isnan(low) or low == high:
            low, high = (float(bound) for bound in wilson(value * len(rows), len(rows)))
            method = "wilson (no spread in the sample)"
        low, high = max(low, 0.0), min(high, 1.0)
    elif np.isnan(low) or low == high:
        # No spread: Garwood's exact interval of a Poisson count. Counts come in minutes, exposure in seconds.
        count = total[0] / 60
        low = float(gammaincinv(count, 0.025)) * 60 / total[1] if count else 0.0
        high = float(gammaincinv(count + 1, 0.975)) * 60 / total[1]
        method = "poisson (no spread in the sample)"
    return MetricValue(value, low, high, len(rows), len(known), direction, unit, statuses, method)


def weighted_mean(
    result: CellResult, measure: str, weight: str, seed: int, unit: str = "frames", direction: Direction = "lower"
) -> MetricValue:
    """Return the mean of a measure that is itself a mean over ``weight`` things a clip."""
    values, weights = result.columns[measure].worths, result.columns[weight].worths
    known = ~(np.isnan(values) | np.isnan(weights)) & (weights > 0)
    rows = np.column_stack([values * weights, weights])[known]
    statuses = dict(result.columns[measure].statuses)
    if not len(rows):
        return MetricValue(np.nan, np.nan, np.nan, 0, len(known), direction, unit, statuses, "none")
    total = rows.sum(axis=0)
    low, high = _interval(rows, result, known, derive_seed(seed, result.cell.id, measure))
    value = float(total[0] / total[1])
    return MetricValue(value, low, high, len(rows), len(known), direction, unit, statuses, "bootstrap over clips")


def _added(result: CellResult, terms: Terms) -> Floats:
    return np.asarray(np.sum([factor * result.columns[name].worths for name, factor in terms.items()], axis=0))


def _interval(rows: Floats, result: CellResult, known: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    return bootstrap_sums(rows, _ratio, result.clusters[known], seed=seed)


def _ratio(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])
