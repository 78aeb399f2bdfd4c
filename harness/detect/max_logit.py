"""The largest logit, negated."""

from typing import ClassVar, Final

import numpy as np

from harness.detect._base import Floats, OodDetector, View, Views

ENTRIES: Final = {"max_logit": "MaxLogit"}


class MaxLogit(OodDetector):
    """Minus the largest logit. Unlike a probability it still tells how much evidence there is. Nothing is fitted.

    Source:
        Hendrycks et al. 2022, "Scaling Out-of-Distribution Detection for Real-World Settings" (arXiv:1911.11132).

    >>> fitted = MaxLogit().fit(Views(logits=np.zeros((2, 3), np.float32)))
    >>> fitted.score(Views(logits=np.array([[1, 5, 2]], np.float32))).tolist()
    [-5.0]
    """

    name = "max_logit"
    uses: ClassVar[tuple[View, ...]] = ("logits",)

    def _fit(self, data: Views) -> None: ...

    def _score(self, data: Views) -> Floats:
        return np.asarray(-data.need("logits").max(axis=1), np.float64)
