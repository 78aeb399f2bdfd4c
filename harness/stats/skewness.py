"""Skewness of numbers, under weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_skewness(columns: Sequence[Any], weights: Sequence[Any]) -> Floats:
    """Return the third standardised moment of a column under each weighting, [b]; NaN where all values are equal.

    Args:
        columns: one, float64 [n]; NaN where a row does not count.
        weights: one, float64 [b, n].

    >>> weighted_skewness([np.array([0.0, 0.0, 0.0, 4.0])], [np.ones((1, 4))]).round(4).tolist()
    [1.1547]
    """
    values, given = np.asarray(columns[0], np.float64), np.asarray(weights[0], np.float64)
    there = ~np.isnan(values)
    values, given = values[there], given[:, there]
    total = given.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = values[None, :] - ((given @ values) / total)[:, None]
        second, third = ((given * apart**power).sum(axis=1) / total for power in (2, 3))
        return np.where(second > 0, third / second**1.5, np.nan)
