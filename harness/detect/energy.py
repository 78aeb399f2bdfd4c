"""Free energy of the logits."""

from typing import ClassVar, Final

import numpy as np
from scipy.special import logsumexp

from harness.detect._base import Floats, OodDetector, View, Views, positive

ENTRIES: Final = {"energy": "Energy"}


class Energy(OodDetector):
    """Energy, −T · log Σ exp(logit / T): high where no class has evidence. Nothing is fitted.

    Args:
        temperature: T.

    Source:
        Liu et al. 2020, "Energy-based Out-of-distribution Detection" (arXiv:2010.03759).

    >>> fitted = Energy().fit(Views(logits=np.zeros((2, 2), np.float32)))
    >>> fitted.score(Views(logits=np.zeros((1, 2), np.float32))).round(4).tolist()
    [-0.6931]
    """

    name = "energy"
    uses: ClassVar[tuple[View, ...]] = ("logits",)

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = positive("temperature", temperature)

    def _fit(self, data: Views) -> None: ...

    def _score(self, data: Views) -> Floats:
        logits = data.need("logits").astype(np.float64) / self.temperature
        return np.asarray(-self.temperature * logsumexp(logits, axis=1), np.float64)
