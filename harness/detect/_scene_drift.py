"""Drift detectors in a window that slides over the frames of a clip."""

from typing import Any, ClassVar, Final

import numpy as np

from harness.detect._base import Floats
from harness.detect._drift import ControlChart, DriftDetector
from harness.detect._scene import Frames, Looks, SceneDetector, cosine_distances

_COMPONENTS: Final = 3
"""Principal components of the features that a test on one score a sample looks at, each with its share of alpha."""


class WindowedDrift(SceneDetector):
    """A drift detector at every frame of a clip, each place a stream of its own.

    A two-sample test compares the ``window`` frames before a place with as many from it on, on the first
    principal components of the clip's features (or on whole features, where it takes indices). A control
    chart asks whether the step to this frame is large beside the ``window`` steps before.

    A test on windows of w frames cannot give a p-value below that of two samples that don't overlap, so that a
    window can be too short to fire at all: that is refused. And it takes frames for exchangeable. Neighbours in
    a moving scene are not: its precision there shows what that costs.

    Args:
        detector: the drift detector.
        window: frames on either side, or steps before.
        alpha: level of a test that has p-values.
        limit: of the statistic, for a detector that has none.
        least: steps (cosine distances) below this are no change, however quiet the steps before.
        apart: frames between two changes, at least; by default the window.
    """

    uses: ClassVar[Looks] = "features"

    def __init__(
        self,
        detector: DriftDetector,
        window: int = 8,
        alpha: float = 0.001,
        limit: float | None = None,
        least: float = 0.01,
        apart: int | None = None,
    ) -> None:
        if window < 2:
            raise ValueError(f"window is 2 or more, not {window!r}")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha lies between 0 and 1, not {alpha!r}")
        self._p_value = getattr(detector, "p_value", None)
        if limit is None and self._p_value is None:
            raise ValueError(f"{detector.name} has no p-values: give a `limit` of its statistic")
        super().__init__(-np.log10(alpha) if limit is None else limit, window if apart is None else apart)
        self._detector = detector
        self._by_level = limit is None
        self.window = window
        self.alpha = alpha
        self.least = least
        if self._by_level:
            apart_altogether = np.arange(2.0 * window)
            most = self._level(apart_altogether[:window], apart_altogether[window:])
            if most < self.limit:
                raise ValueError(
                    f"a window of {window} frames cannot fire: its smallest p-value is {10**-most:.2g} (for "
                    f"{_COMPONENTS} components), alpha is {alpha:g}; widen the window"
                )

    def statistic(self, rows: Floats) -> Floats:
        found = np.zeros(len(rows))
        if isinstance(self._detector, ControlChart):
            steps = cosine_distances(rows[:-1], rows[1:])
            places = np.arange(self.window, len(steps))
            if places.size:
                self._detector.start(steps[places[:, None] - np.arange(self.window, 0, -1)], 1)
                found[places + 1] = self._detector.step(steps[places, None])
                found[1:][steps < self.least] = 0.0
            return found
        places = np.arange(self.window, len(rows) - self.window + 1)
        if places.size:
            before = places[:, None] + np.arange(-self.window, 0)
            found[places] = self._two_sample(rows, before, before + self.window)
        return found

    def _two_sample(self, rows: Floats, before: Frames, after: Frames) -> Floats:
        detector: Any = self._detector
        if detector.inputs == "indices":
            detector.bind(rows.astype(np.float32))
            detector.start(before, self.window)
            return np.asarray(detector.step(after), np.float64)
        scores = principal_components(rows, _COMPONENTS)
        return np.asarray(np.max([self._one_score(column, before, after) for column in scores.T], axis=0))

    def _one_score(self, column: Floats, before: Frames, after: Frames) -> Floats:
        self._detector.start(column[before], self.window)
        found = self._detector.step(column[after])
        if not self._by_level:
            return found
        # The p-value depends on the statistic alone, which takes few values: one test for each of them.
        _, firsts, places = np.unique(found.round(9), return_index=True, return_inverse=True)
        levels = np.array([self._level(column[before[i]], column[after[i]]) for i in firsts])
        return np.asarray(levels[places])

    def _level(self, before: Floats, after: Floats) -> float:
        """Return −log10 of the p-value, corrected for the components (Bonferroni)."""
        assert self._p_value is not None  # noqa: S101 - checked when it was made
        return float(-np.log10(min(1.0, _COMPONENTS * max(float(self._p_value(before, after)), 1e-300))))


def principal_components(rows: Floats, count: int) -> Floats:
    """Return the first principal components of each row, [frames, at most count]."""
    centered = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    return np.asarray((left * sizes)[:, :count], np.float64)
