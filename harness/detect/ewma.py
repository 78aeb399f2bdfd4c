"""Exponentially weighted moving average of the batch means."""

import math
from typing import Final

import numpy as np

from harness.detect._base import Floats
from harness.detect._drift import ControlChart, Flags

ENTRIES: Final = {"ewma": "Ewma"}


class Ewma(ControlChart):
    """EWMA chart, |EWMA| over its deviation: z_t ← weight · z_t + (1 − weight) · z_{t−1}, from 0.

    The statistic is in multiples of the standard deviation, so that the limit is the textbook's L.

    Args:
        weight: λ, above 0 and up to 1; 1 is Shewhart's chart. Small weights see small shifts.
        limits: ``fixed`` divides by the standard deviation that the average settles at, √(λ / (2 − λ));
            ``time_varying`` by the one that it has at this step, which is narrower at the start and so
            sees a shift that is there from the first batch sooner.

    Source:
        Roberts 1959; Lucas and Saccucci 1990 for the run lengths.

    >>> chart = Ewma(weight=0.5)
    >>> chart.begin(1)
    >>> [round(float(chart.next(np.array([1.0]))[0]), 4) for _ in range(2)]
    [0.866, 1.299]
    """

    name = "ewma"

    def __init__(self, weight: float = 0.2, limits: str = "fixed") -> None:
        if not isinstance(weight, (int, float)) or not 0 < weight <= 1:
            raise ValueError(f"weight lies above 0 and up to 1, not {weight!r}")
        if limits not in ("fixed", "time_varying"):
            raise ValueError(f"limits is 'fixed' or 'time_varying', not {limits!r}")
        self.weight = float(weight)
        self.limits = limits

    def begin(self, runs: int) -> None:
        """See :class:`ControlChart`."""
        self._average = np.zeros(runs)
        self._age = np.zeros(runs)

    def next(self, z: Floats) -> Floats:
        """See :class:`ControlChart`."""
        self._average = self.weight * z + (1 - self.weight) * self._average
        self._age += 1
        return np.abs(self._average) / self._deviation()

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""
        self._average[alarmed] = 0.0
        self._age[alarmed] = 0.0

    def _deviation(self) -> Floats | float:
        settled = math.sqrt(self.weight / (2 - self.weight))
        if self.limits == "fixed":
            return settled
        return settled * np.sqrt(1 - (1 - self.weight) ** (2 * self._age))
