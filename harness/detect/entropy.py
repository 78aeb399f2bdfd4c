"""Entropy of the class probabilities."""

from typing import ClassVar, Final

import numpy as np
from scipy.special import entr, softmax

from harness.detect._base import Floats, OodDetector, View, Views

ENTRIES: Final = {"entropy": "PredictiveEntropy"}


class PredictiveEntropy(OodDetector):
    """Entropy of the class probabilities, in nats, from 0 to log(classes). Nothing is fitted.

    Source:
        Standard; see Hendrycks and Gimpel 2017 (arXiv:1610.02136).

    >>> fitted = PredictiveEntropy().fit(Views(logits=np.zeros((2, 2), np.float32)))
    >>> fitted.score(Views(logits=np.zeros((1, 2), np.float32))).round(4).tolist()
    [0.6931]
    """

    name = "entropy"
    uses: ClassVar[tuple[View, ...]] = ("logits",)

    def _fit(self, data: Views) -> None: ...

    def _score(self, data: Views) -> Floats:
        probabilities = softmax(data.need("logits").astype(np.float64), axis=1)
        return np.asarray(entr(probabilities).sum(axis=1), np.float64)
