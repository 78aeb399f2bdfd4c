"""The interval of a smooth function of sums, from its values without each unit in turn: no draws and no seed.

On the logit scale for what lies within bounds, on the log scale for what is only bounded below: near a bound a number
varies one way more than the other, and an interval that leaves the bounds is no interval.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from harness.stats._door import Floats, Index

NONE: Final = (math.nan, math.nan)
_ROUNDING: Final = 1e-12


def jackknife_interval(
    value: float,
    without: Floats,
    strata: Sequence[Index] | None = None,
    bounds: tuple[float | None, float | None] = (0.0, 1.0),
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return Student's t interval with the delete-one jackknife's standard error.

    Args:
        value: of all units.
        without: the value without each unit, [units].
        strata: places in ``without`` whose units were drawn together; None: all are one.
        bounds: of the value; None where there is no limit.
        confidence: two-sided, in (0, 1).

    Returns:
        ``(low, high)``; NaN where fewer than two units are there, where the value does not exist without one of
        them, where none of them moves it, or where it lies at a bound.

    Source:
        Efron and Tibshirani 1993, chapter 11; Satterthwaite 1946 for the degrees of freedom of several strata.

    >>> x = np.array([0.2, 0.4, 0.5, 0.7, 0.9])
    >>> low, high = jackknife_interval(x.mean(), (x.sum() - x) / 4)
    >>> round(low, 3), round(high, 3)
    (0.233, 0.819)
    """
    error, freedom = standard_error(value, without, strata)
    return scaled_t(value, error, freedom, bounds, confidence)


def standard_error(value: float, without: Floats, strata: Sequence[Index] | None = None) -> tuple[float, float]:
    """Return the delete-one jackknife's standard error and its degrees of freedom, by Satterthwaite; NaN as above.

    Args:
        value: of all units.
        without: the value without each unit, [units].
        strata: as for :func:`jackknife_interval`.
    """
    parts = [without] if strata is None else [without[places] for places in strata]
    sizes = np.array([len(part) for part in parts])
    if not len(sizes) or sizes.min() < 2 or not all(np.isfinite(part).all() for part in parts):
        return NONE
    of_part = np.array([(len(part) - 1) / len(part) * float(np.square(part - part.mean()).sum()) for part in parts])
    variance = float(of_part.sum())
    error = math.sqrt(variance)
    if not error > _ROUNDING * max(1.0, abs(value)):
        return NONE
    return error, variance**2 / float((np.square(of_part) / (sizes - 1)).sum())


def drawn_t(
    value: float,
    drawn: Floats,
    units: int,
    bounds: tuple[float | None, float | None] = (0.0, 1.0),
    confidence: float = 0.95,
) -> tuple[float, float]:
    """As :func:`jackknife_interval`, with the standard error of bootstrap draws: for what one unit may move by a leap.

    Args:
        value: of all units.
        drawn: the value under draws, [B]; NaN ones are left out.
        units: how many independent ones were drawn from.
        bounds: of the value.
        confidence: two-sided, in (0, 1).
    """
    finite = drawn[np.isfinite(drawn)]
    if units < 2 or len(finite) < 2:
        return NONE
    error = float(finite.std(ddof=1)) * math.sqrt(units / (units - 1))
    return scaled_t(value, error, units - 1.0, bounds, confidence)


def scaled_t(
    value: float, error: float, freedom: float, bounds: tuple[float | None, float | None], confidence: float
) -> tuple[float, float]:
    """Return Student's t interval on the scale that keeps it within bounds; NaN without spread, or at a bound."""
    from scipy.special import expit, logit, stdtrit

    if not error > _ROUNDING * max(1.0, abs(value)):
        return NONE
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    least, most = bounds
    if least is None:
        return value - half, value + half
    if not value > least:
        return NONE
    if most is None:
        factor = math.exp(min(half / (value - least), 700.0))
        return least + (value - least) / factor, least + (value - least) * factor
    if not value < most:
        return NONE
    span, place = most - least, (value - least) / (most - least)
    half /= span * place * (1 - place)
    return least + span * float(expit(logit(place) - half)), least + span * float(expit(logit(place) + half))
