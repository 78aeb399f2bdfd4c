"""Mahalanobis distance to the nearest class."""

from typing import Final

import numpy as np

from harness.detect._base import Floats, OodDetector, Views
from harness.detect._gaussian import Gaussians, share

ENTRIES: Final = {"mahalanobis": "Mahalanobis"}


class Mahalanobis(OodDetector):
    """Squared Mahalanobis distance to the nearest class mean; all classes share a covariance.

    Without labels there is one class: the distance to the overall mean.

    Args:
        shrinkage: from 0 to 1, how far the covariance is drawn towards a multiple of the identity. 0 is the
            plain estimate; directions in which the fit does not vary at all are then left out.

    Source:
        Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples"
        (arXiv:1807.03888), on one layer and without input pre-processing.

    >>> cloud = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)
    >>> Mahalanobis(shrinkage=0.0).fit(Views(features=cloud)).score(Views(features=2 * cloud[:1])).round(6).tolist()
    [8.0]
    """

    name = "mahalanobis"

    def __init__(self, shrinkage: float = 0.001) -> None:
        self.shrinkage = share("shrinkage", shrinkage)
        self._classes: Gaussians | None = None

    def _fit(self, data: Views) -> None:
        self._classes = Gaussians.fit(data.need("features"), data.labels, self.shrinkage)

    def _score(self, data: Views) -> Floats:
        assert self._classes is not None  # noqa: S101 - narrows the type; only a fitted detector scores
        return np.asarray(self._classes.squared(data.need("features")).min(axis=1), np.float64)
