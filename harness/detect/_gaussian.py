"""A Gaussian's distance, with a covariance that is shrunk so that it can be inverted."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.detect._base import Floats, Index, Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Gaussians:
    """Means of one or more classes that share a covariance."""

    means: Floats
    """[classes, width]."""
    whitening: Floats
    """[width, rank]: turns a difference into one whose squared length is the squared Mahalanobis distance."""

    @classmethod
    def fit(cls, features: Matrix, labels: Index | None, shrinkage: float) -> Self:
        """Estimate.

        Args:
            features: [n, width].
            labels: class of each row; None for a single class.
            shrinkage: from 0 to 1, how far the covariance is drawn towards a multiple of the identity.

        Raises:
            ValueError: if all features are the same.
        """
        rows = features.astype(np.float64)
        groups = np.zeros(len(rows), np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
        means = np.stack([rows[groups == group].mean(axis=0) for group in range(int(groups.max()) + 1)])
        centered = rows - means[groups]
        covariance = centered.T @ centered / len(rows)
        scale = float(np.trace(covariance)) / len(covariance)
        if not scale > 0:
            raise ValueError("features: all samples of the fit are the same")
        shrunk = (1 - shrinkage) * covariance + shrinkage * scale * np.eye(len(covariance))
        values, vectors = np.linalg.eigh(shrunk)
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return cls(means, vectors[:, kept] / np.sqrt(values[kept]))

    def squared(self, features: Matrix) -> Floats:
        """Return the squared distance of each row to each class, [n, classes]."""
        rows = features.astype(np.float64) @ self.whitening
        means = self.means @ self.whitening
        return np.stack([np.square(rows - mean).sum(axis=1) for mean in means], axis=1)


def share(name: str, value: float) -> float:
    """Return ``value`` as a float from 0 to 1.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} is a number from 0 to 1, not {value!r}")
    return float(value)
