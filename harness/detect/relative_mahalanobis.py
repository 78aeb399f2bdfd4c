"""Mahalanobis distance to the nearest class, less the distance to the data as a whole."""

from typing import Final

import numpy as np

from harness.detect._base import Floats, OodDetector, Views
from harness.detect._gaussian import Gaussians, share

ENTRIES: Final = {"relative_mahalanobis": "RelativeMahalanobis"}


class RelativeMahalanobis(OodDetector):
    """Squared Mahalanobis distance to the nearest class, less that to a single Gaussian of all samples.

    What is odd in ways that tell no class from another cancels, which helps where the shift is small (near
    OOD). Needs at least two classes: with one the difference is always 0.

    Args:
        shrinkage: as in ``mahalanobis``, for both Gaussians.

    Source:
        Ren et al. 2021, "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection" (arXiv:2106.09022).
    """

    name = "relative_mahalanobis"
    labelled = True

    def __init__(self, shrinkage: float = 0.001) -> None:
        self.shrinkage = share("shrinkage", shrinkage)
        self._classes: Gaussians | None = None
        self._whole: Gaussians | None = None

    def _fit(self, data: Views) -> None:
        features = data.need("features")
        self._classes = Gaussians.fit(features, data.labels, self.shrinkage)
        self._whole = Gaussians.fit(features, None, self.shrinkage)

    def _score(self, data: Views) -> Floats:
        assert self._classes is not None  # noqa: S101 - narrows the type; only a fitted detector scores
        assert self._whole is not None  # noqa: S101
        features = data.need("features")
        return np.asarray(self._classes.squared(features).min(axis=1) - self._whole.squared(features)[:, 0], np.float64)
