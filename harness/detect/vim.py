"""Virtual-logit matching: what lies outside the principal space, against the logits."""

from typing import ClassVar, Final

import numpy as np
from scipy.special import logsumexp

from harness.detect._base import Floats, OodDetector, View, Views, whole

ENTRIES: Final = {"vim": "Vim"}

_LINEAR: Final = 1e-3
"""Largest share of the logits' variance that a linear head may leave unexplained (rounding, quantisation)."""


class Vim(OodDetector):
    """ViM, α · ‖residual‖ − log Σ exp(logit): the log-odds of a virtual class that stands for "none of these".

    The residual is the part of the feature, seen from the head's origin, outside the principal space of the
    fit; α makes its mean the mean of the largest logit. The head W, b is not asked for: where the logits are a
    linear function of the features, least squares on the fit gives it exactly, and where they are not
    that is an error.

    Args:
        dimensions: of the principal space; by default 1000, 512 or half the width, as in the source.

    Source:
        Wang et al. 2022, "ViM: Out-Of-Distribution with Virtual-logit Matching" (arXiv:2203.10807).
    """

    name = "vim"
    uses: ClassVar[tuple[View, ...]] = ("features", "logits")
    least = 3

    def __init__(self, dimensions: int | None = None) -> None:
        self.dimensions = None if dimensions is None else whole("dimensions", dimensions, 1)
        self._origin: Floats = np.zeros(0)
        self._residual: Floats = np.zeros((0, 0))
        self._alpha = 0.0

    def _fit(self, data: Views) -> None:
        features, logits = data.need("features").astype(np.float64), data.need("logits").astype(np.float64)
        if len(features) <= features.shape[1]:
            width = features.shape[1]
            raise ValueError(f"vim: {width} features need more than {width} samples in the fit, got {len(features)}")
        self._origin = _origin(features, logits)
        centered = features - self._origin
        _, vectors = np.linalg.eigh(centered.T @ centered / len(centered))
        self._residual = vectors[:, : features.shape[1] - self._principal(features.shape[1])]
        lengths = np.linalg.norm(centered @ self._residual, axis=1)
        if not lengths.mean() > 0:
            raise ValueError("vim: the features lie within the principal space; lower `dimensions`")
        self._alpha = float(logits.max(axis=1).mean() / lengths.mean())

    def _principal(self, width: int) -> int:
        if self.dimensions is not None:
            if self.dimensions >= width:
                raise ValueError(f"vim: dimensions must be below the width of the features, {width}")
            return self.dimensions
        return 1000 if width >= 2048 else 512 if width >= 768 else width // 2

    def _score(self, data: Views) -> Floats:
        features = data.need("features").astype(np.float64) - self._origin
        outside = np.linalg.norm(features @ self._residual, axis=1)
        return np.asarray(self._alpha * outside - logsumexp(data.need("logits").astype(np.float64), axis=1), np.float64)


def _origin(features: Floats, logits: Floats) -> Floats:
    """Return −W⁺ b, where all logits are nought, of the head that explains the logits.

    Raises:
        ValueError: if no linear head does.
    """
    center = features.mean(axis=0)
    weights, _, _, _ = np.linalg.lstsq(features - center, logits - logits.mean(axis=0), rcond=None)
    bias = logits.mean(axis=0) - center @ weights
    left = np.square(logits - features @ weights - bias).sum()
    if left > _LINEAR * max(float(np.square(logits - logits.mean(axis=0)).sum()), 1e-300):
        raise ValueError("vim: the logits are no linear function of these features, so that the head is not exposed")
    return np.asarray(-np.linalg.pinv(weights.T) @ bias, np.float64)
