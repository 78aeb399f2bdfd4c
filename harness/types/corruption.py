"""What perturbs an image."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


class Corruption(Protocol):
    """A perturbation of an image with a severity from 1 to ``severities``.

    It takes and returns uint8 arrays [height, width, 3] of the same shape, draws from ``rng``
    alone, and leaves its input as it was. Severity 0 (the image itself) never gets here.
    """

    severities: int

    def __call__(self, image: "np.ndarray", severity: int, rng: "np.random.Generator") -> "np.ndarray": ...
