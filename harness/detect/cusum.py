"""Cumulative sums of what exceeds an allowance."""

from typing import Final

import numpy as np

from harness.detect._base import Floats, positive
from harness.detect._drift import ControlChart, Flags

ENTRIES: Final = {"cusum": "Cusum"}


class Cusum(ControlChart):
    """CUSUM chart, the larger of two sums: C⁺ ← max(0, C⁺ + z − allowance), C⁻ ← max(0, C⁻ − z − allowance).

    Optimal, in the worst case of the start, against a shift of twice the allowance (Moustakides 1986).

    Args:
        allowance: k, in standard deviations of the batch mean: half of the shift that matters.
        sides: 2, or 1 for the upper sum alone.

    Source:
        Page 1954; Brook and Evans 1972 and Hawkins and Olwell 1998 for the run lengths.

    >>> chart = Cusum(allowance=0.5)
    >>> chart.begin(1)
    >>> [float(chart.next(np.array([z]))[0]) for z in (2.0, 1.0, -9.0)]
    [1.5, 2.0, 8.5]
    """

    name = "cusum"

    def __init__(self, allowance: float = 0.5, sides: int = 2) -> None:
        if sides not in (1, 2):
            raise ValueError(f"sides is 1 or 2, not {sides!r}")
        self.allowance = positive("allowance", allowance)
        self.sides = sides

    def begin(self, runs: int) -> None:
        """See :class:`ControlChart`."""
        self._up, self._down = np.zeros(runs), np.zeros(runs)

    def next(self, z: Floats) -> Floats:
        """See :class:`ControlChart`."""
        self._up = np.maximum(0.0, self._up + z - self.allowance)
        if self.sides == 1:
            return self._up
        self._down = np.maximum(0.0, self._down - z - self.allowance)
        return np.maximum(self._up, self._down)

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""
        # `next` may have handed out the very array that it keeps.
        self._up = np.where(alarmed, 0.0, self._up)
        self._down = np.where(alarmed, 0.0, self._down)
