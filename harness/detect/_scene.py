"""What every detector of scene changes says about itself: it looks at all frames of a clip and names frames."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from harness.detect._base import Floats, make

Looks = Literal["histograms", "features"]
Frames = NDArray[np.int64]

_NEAR_THE_TOP: Final = 0.99
"""Frames whose statistic is within this share of a peak's are its summit; its middle is the change."""


class SceneDetector(ABC):
    """Gives a statistic for each frame and calls its peaks above a limit changes.

    A subclass states ``name`` and ``uses``: ``histograms`` of colours, or ``features`` of a model.
    """

    name: ClassVar[str]
    uses: ClassVar[Looks] = "features"

    def __init__(self, limit: float, apart: int) -> None:
        if not limit > 0:
            raise ValueError(f"limit is above 0, not {limit!r}")
        if apart < 1:
            raise ValueError(f"apart is 1 or more, not {apart!r}")
        self.limit = float(limit)
        self.apart = apart

    @abstractmethod
    def statistic(self, rows: Floats) -> Floats:
        """Return how much changes at each frame against those before it, [frames]; 0 where that cannot be said.

        Args:
            rows: what is known of each frame, [frames, width], finite.
        """

    def changes(self, rows: Floats) -> Frames:
        """Return the frames at which a scene changes, growing: the first of the new scene, as far as can be told."""
        return peaks(self.statistic(rows), self.limit, self.apart)


def peaks(statistic: Floats, limit: float, apart: int) -> Frames:
    """Return one frame for each stretch above the limit: the middle of its summit.

    Args:
        statistic: [frames].
        limit: what a change is above.
        apart: stretches with fewer than so many frames from the end of one to the start of the next are one.

    >>> peaks(np.array([0, 0, 5, 0, 0, 0, 0, 3, 4, 3, 0.0]), 2, 3).tolist()
    [2, 8]
    """
    alarms = np.flatnonzero(statistic > limit)
    if not alarms.size:
        return np.zeros(0, np.int64)
    stretches = np.split(alarms, np.flatnonzero(np.diff(alarms) > apart) + 1)
    return np.array([_summit(statistic, stretch) for stretch in stretches], np.int64)


def _summit(statistic: Floats, stretch: Frames) -> int:
    levels = statistic[stretch]
    top = stretch[levels >= _NEAR_THE_TOP * levels.max()]
    return int(top[len(top) // 2])


def across(rows: Floats, reach: int) -> tuple[Floats, Floats]:
    """Return for each frame the row before it and the row after it that are ``reach`` frames apart.

    At the ends they are clipped to the clip. With a reach of 1 they are the frame before and the frame itself.
    """
    places = np.arange(len(rows))
    before = np.clip(places - 1 - (reach - 1) // 2, 0, None)
    after = np.clip(places + reach // 2, None, len(rows) - 1)
    return rows[before], rows[after]


def cosine_distances(first: Floats, second: Floats) -> Floats:
    """Return 1 − cosine similarity of each pair of rows, 0 to 2; 0 where either is all zeros."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    similarity = np.divide(products, lengths, out=np.ones_like(products), where=lengths > 0)
    return np.asarray(np.clip(1 - similarity, 0.0, 2.0))


def scene_detector(name: str, **params: Any) -> SceneDetector:
    """Return a detector of scene changes, built in or from a plug-in.

    Raises:
        UsageError: if there is none of that name, or a parameter is unknown or impossible.

    >>> scene_detector("scene_histogram").uses
    'histograms'
    """
    return make(name, SceneDetector, "scene changes", params)  # type: ignore[type-abstract]
