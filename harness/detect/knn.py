"""Distance to the k-th nearest in-distribution sample."""

from typing import ClassVar, Final

import numpy as np

from harness.detect._base import BLOCK, Floats, Matrix, OodDetector, View, Views, unit_rows, whole

ENTRIES: Final = {"knn": "Knn"}

_GROUP: Final = 16


class Knn(OodDetector):
    """Nearest neighbours: distance to the ``k``-th nearest sample of the fit, between features of length 1.

    It makes no assumption about the shape of the data, and can be calibrated without a split of its own:
    each sample of the fit is judged by all others (leave one out).

    Args:
        k: which neighbour, 1 or more and fewer than the samples of the fit.
        normalise: whether features are scaled to length 1 first, as in the source.

    Source:
        Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors" (arXiv:2204.06507).

    >>> fitted = Knn(k=1).fit(Views(features=np.eye(3, dtype=np.float32)))
    >>> fitted.score(Views(features=np.array([[1, 0, 0], [0, -1, 0]], np.float32))).round(3).tolist()
    [0.0, 1.414]
    """

    name = "knn"
    uses: ClassVar[tuple[View, ...]] = ("features",)
    leaves_out = True

    def __init__(self, k: int = 10, normalise: bool = True) -> None:
        self.k = whole("k", k, 1)
        self.normalise = bool(normalise)
        self._bank: Matrix = np.zeros((0, 0), np.float32)
        self._turned: Matrix = np.zeros((0, 0), np.float32)
        self._squares: Matrix = np.zeros(0, np.float32)

    def _fit(self, data: Views) -> None:
        bank = self._prepared(data.need("features"))
        if len(bank) <= self.k:
            raise ValueError(f"{self.name}: k = {self.k} needs more than {self.k} samples in the fit, got {len(bank)}")
        self._bank = bank
        self._turned = np.ascontiguousarray(-2 * bank.T)
        self._squares = np.square(bank).sum(axis=1)

    def _score(self, data: Views) -> Floats:
        return self._kth(self._prepared(data.need("features")), self.k)

    def _score_left_out(self) -> Floats:
        # The nearest of all is the sample itself, at distance 0.
        bank = self._bank
        return np.concatenate(
            [self._kth(bank[start : start + BLOCK], self.k + 1) for start in range(0, len(bank), BLOCK)]
        )

    def _prepared(self, features: Matrix) -> Matrix:
        return unit_rows(features) if self.normalise else np.asarray(features, np.float32)

    def _kth(self, rows: Matrix, k: int) -> Floats:
        # ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b: one matrix product; ‖a‖² does not change who is nearest.
        near = rows @ self._turned
        near += self._squares
        # The product cancels where two are close: it only picks who may be near, and their distances are computed
        # again. The slack is far above its rounding.
        slack = 1e-5 * (float(self._squares.max()) + np.square(rows).sum(axis=1))
        of_row, column = np.nonzero(near <= (_bound(near, k) + slack)[:, None])
        apart = np.square(self._bank[column] - rows[of_row]).sum(axis=1, dtype=np.float64)
        ranked = apart[np.lexsort((apart, of_row))]
        first = np.searchsorted(of_row, np.arange(len(rows)))
        return np.asarray(np.sqrt(ranked[first + k - 1]), np.float64)


def _bound(values: Matrix, k: int) -> Matrix:
    """Return a value that at least ``k`` of each row are at or below, and not many more, [rows].

    It is the k-th smallest minimum of groups of columns: minima cost far less than selecting among all.
    """
    width = values.shape[1] // _GROUP
    if width < 2 * k:
        return np.asarray(np.partition(values, k - 1, axis=1)[:, k - 1], np.float32)
    minima = values[:, : _GROUP * width].reshape(len(values), _GROUP, width).min(axis=1)
    return np.asarray(np.partition(minima, k - 1, axis=1)[:, k - 1], np.float32)
