"""Shewhart's chart: is this batch's mean far from the baseline's?"""

from typing import Final

import numpy as np

from harness.detect._base import Floats
from harness.detect._drift import ControlChart, Flags

ENTRIES: Final = {"shewhart": "Shewhart"}


class Shewhart(ControlChart):
    """Shewhart chart, |z| of the batch mean: sees large shifts at once and small ones late; it remembers nothing.

    Source:
        Shewhart 1931; Montgomery, "Introduction to Statistical Quality Control", for the run lengths.

    >>> chart = Shewhart()
    >>> chart.begin(1)
    >>> chart.next(np.array([-3.5])).tolist()
    [3.5]
    """

    name = "shewhart"
    memory = False
    rearming = "nothing to forget"

    def begin(self, runs: int) -> None:
        """See :class:`ControlChart`."""

    def next(self, z: Floats) -> Floats:
        """See :class:`ControlChart`."""
        return np.abs(z)

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""
