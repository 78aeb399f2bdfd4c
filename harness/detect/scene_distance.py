"""Scene changes from a model's features."""

from typing import Final

from harness.detect._base import Floats
from harness.detect._scene import SceneDetector, across, cosine_distances

ENTRIES: Final = {"scene_distance": "EmbeddingDistance"}


class EmbeddingDistance(SceneDetector):
    """Cosine distance between the features of two frames, ``reach`` apart.

    Args:
        limit: the distance that is a change; it depends on the model that gives the features.
        reach: frames between the two.
        apart: frames between two changes, at least.

    Source:
        Standard.

    >>> import numpy as np
    >>> EmbeddingDistance(reach=1).changes(np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)).tolist()
    [4]
    """

    name = "scene_distance"

    def __init__(self, limit: float = 0.1, reach: int = 3, apart: int = 4) -> None:
        super().__init__(limit, apart)
        if reach < 1:
            raise ValueError(f"reach is 1 or more, not {reach!r}")
        self.reach = reach

    def statistic(self, rows: Floats) -> Floats:
        before, after = across(rows, self.reach)
        return cosine_distances(before, after)
