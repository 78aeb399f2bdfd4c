"""Scene changes from colours alone."""

from typing import ClassVar, Final

import numpy as np

from harness.detect._base import Floats
from harness.detect._scene import Looks, SceneDetector, across

ENTRIES: Final = {"scene_histogram": "HistogramChange"}


class HistogramChange(SceneDetector):
    """The share of pixels that take on another colour between two frames, 0 to 1: half the L1 distance of histograms.

    What moves keeps its colours; a cut does not. A fade changes little from frame to frame, so that ``reach`` frames
    lie between the two that are compared.

    Args:
        limit: the share that is a change.
        reach: frames between the two.
        apart: frames between two changes, at least.

    Source:
        Zhang, Kankanhalli and Smoliar 1993, "Automatic partitioning of full-motion video".

    >>> rows = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)
    >>> HistogramChange(reach=1).changes(rows).tolist()
    [4]
    """

    name = "scene_histogram"
    uses: ClassVar[Looks] = "histograms"

    def __init__(self, limit: float = 0.25, reach: int = 3, apart: int = 4) -> None:
        super().__init__(limit, apart)
        if reach < 1:
            raise ValueError(f"reach is 1 or more, not {reach!r}")
        self.reach = reach

    def statistic(self, rows: Floats) -> Floats:
        before, after = across(rows, self.reach)
        total = np.maximum(rows.sum(axis=1).max(initial=0.0), np.finfo(np.float64).tiny)
        return np.asarray(np.abs(after - before).sum(axis=1) / (2 * total))
