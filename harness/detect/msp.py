"""One minus the largest class probability."""

from typing import ClassVar, Final

import numpy as np

from harness.detect._base import Floats, OodDetector, View, Views, positive

ENTRIES: Final = {"msp": "MaximumSoftmaxProbability"}


class MaximumSoftmaxProbability(OodDetector):
    """Maximum softmax: 1 − the probability of the likeliest class, from 0 to 1 − 1 / classes. Nothing is fitted.

    Args:
        temperature: divides the logits; above 1 flattens the probabilities.

    Source:
        Hendrycks and Gimpel 2017 (arXiv:1610.02136).

    >>> fitted = MaximumSoftmaxProbability().fit(Views(logits=np.zeros((2, 4), np.float32)))
    >>> fitted.score(Views(logits=np.zeros((1, 4), np.float32))).tolist()
    [0.75]
    """

    name = "msp"
    uses: ClassVar[tuple[View, ...]] = ("logits",)

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = positive("temperature", temperature)

    def _fit(self, data: Views) -> None: ...

    def _score(self, data: Views) -> Floats:
        logits = data.need("logits").astype(np.float64) / self.temperature
        # The other classes are summed: 1 − p would be 0 for every sample of which the model is sure.
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.put_along_axis(odds, odds.argmax(axis=1)[:, None], 0.0, axis=1)
        others = odds.sum(axis=1)
        return np.asarray(others / (1 + others), np.float64)
