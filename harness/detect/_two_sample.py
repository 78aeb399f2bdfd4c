"""Ranks of many batches in many baselines at once."""

import numpy as np

from harness.detect._base import Floats


class Baselines:
    """Sorted baselines of R streams, to be searched together.

    The rows lie end to end in one array, each on a stretch of its own, so that one binary search
    serves all streams.
    """

    def __init__(self, baseline: Floats) -> None:
        self.size = baseline.shape[1]
        self._low = float(baseline.min())
        self._span = float(baseline.max()) - self._low or 1.0
        self._offsets = 3.0 * np.arange(len(baseline))[:, None]
        rows = np.sort(self._placed(baseline), axis=1)
        self._flat = rows.ravel()
        self._before = self.size * np.arange(len(baseline))[:, None]

    def _placed(self, values: Floats) -> Floats:
        # What lies outside the range of all baselines is moved just outside it, which changes no rank.
        return np.asarray(self._offsets + np.clip((values - self._low) / self._span, -0.5, 1.5), np.float64)

    def counts(self, values: Floats) -> tuple[Floats, Floats]:
        """Return how many values of its stream's baseline lie at or below each value, and how many below, [R, n].

        Values that are sorted along the rows are found faster.
        """
        placed = self._placed(values).ravel()
        upto = np.searchsorted(self._flat, placed, side="right")
        # Where the last value at or below is an equal one, it is nearly always the only one.
        tied = (upto > 0) & (self._flat[upto - 1] == placed)
        below = upto - tied
        again = tied & (below > 0) & (self._flat[below - 1] == placed)
        if again.any():
            below[again] = np.searchsorted(self._flat, placed[again], side="left")
        first, second = (found.reshape(values.shape) - self._before for found in (upto, below))
        return first.astype(np.float64), second.astype(np.float64)
