"""The interval of a calibration error: what a calibrated model would show in so many answers is no error.

A calibration error is a mean of absolute values: noise only adds to it. Draws of the sample add the same noise once
more, so that their percentiles never hold the truth of a calibrated model.
"""

import numpy as np

from harness.stats._door import Floats, Index

SETS = 200
"""Simulated sets of answers of a calibrated model."""
_CHUNK = 4_000_000


def calibration_interval(
    value: float, error: float, shown: Floats, confidence: float = 0.95
) -> tuple[float, float, bool]:
    """Return the interval of a calibration error.

    Its lower end is 0 where a calibrated model would show as much, else it is the value less what such a model shows
    on average (noise adds no more elsewhere than it does at 0) and z standard errors. Its upper end is the value and
    z standard errors: noise does not take away.

    Args:
        value: the error that was found.
        error: its standard error.
        shown: the errors of simulated calibrated models on the same confidences, [sets].
        confidence: two-sided, in (0, 1); also of "would show as much".

    Returns:
        ``low``, ``high``, and whether a calibrated model would show as much.
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    calibrated = value <= float(np.quantile(shown, confidence))
    low = 0.0 if calibrated else max(0.0, value - float(shown.mean()) - z * error)
    return low, min(1.0, value + z * max(error, float(shown.std(ddof=1)))), calibrated


def calibrated_gaps(confidences: Floats, cells: Index, bins: int, rng: np.random.Generator, sets: int = SETS) -> Floats:
    """Return Σ (confidence − correct) of each bin, [sets, bins], of models that are right as often as they say.

    Args:
        confidences: of independent answers, [n].
        cells: the bin of each, [n].
        bins: how many there are.
        rng: of the outcomes.
        sets: how many models.
    """
    order = np.argsort(cells, kind="stable")
    sure, ranked = confidences[order], cells[order]
    there, starts = np.unique(ranked, return_index=True)
    expected = np.add.reduceat(sure, starts)
    out = np.zeros((sets, bins))
    step = max(1, _CHUNK // max(1, len(sure)))
    for start in range(0, sets, step):
        right = rng.random((min(step, sets - start), len(sure))) < sure
        out[start : start + len(right), there] = expected - np.add.reduceat(right, starts, axis=1, dtype=np.float64)
    return out


def signed_gaps(gaps: Floats, rng: np.random.Generator, sets: int = SETS) -> Floats:
    """As :func:`calibrated_gaps` for clusters: the gaps of each, [clusters, bins], with signs by chance.

    Answers of a cluster are right together, which no simulation of single answers shows. A calibrated model's gaps
    have mean 0, so that their signs are chance; one that is not calibrated has larger gaps, which only widens.
    """
    return rng.choice(np.array([-1.0, 1.0]), (sets, len(gaps))) @ gaps
