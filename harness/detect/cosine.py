"""Cosine distance to the nearest class centroid."""

from typing import Final

import numpy as np

from harness.detect._base import Floats, Matrix, OodDetector, Views, unit_rows

ENTRIES: Final = {"cosine": "CosineToCentroid"}


class CosineToCentroid(OodDetector):
    """Cosine distance to the nearest class centroid, from 0 to 2; without labels, to the overall centroid.

    Centroids are means of features of length 1.

    Source:
        Standard; see Techapanurak et al. 2019 (arXiv:1905.10628).

    >>> fitted = CosineToCentroid().fit(Views(features=np.array([[1, 0], [2, 0]], np.float32)))
    >>> fitted.score(Views(features=np.array([[3, 0], [0, 1], [-1, 0]], np.float32))).tolist()
    [0.0, 1.0, 2.0]
    """

    name = "cosine"

    def __init__(self) -> None:
        self._centroids: Matrix = np.zeros((0, 0), np.float32)

    def _fit(self, data: Views) -> None:
        rows = unit_rows(data.need("features"))
        labels = np.zeros(len(rows), np.int64) if data.labels is None else data.labels
        self._centroids = unit_rows([rows[labels == label].mean(axis=0) for label in np.unique(labels)])

    def _score(self, data: Views) -> Floats:
        similarities = unit_rows(data.need("features")) @ self._centroids.T
        return np.asarray(1 - similarities.max(axis=1), np.float64)
