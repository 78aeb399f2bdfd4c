"""Maximum mean discrepancy between whole feature vectors."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from harness.detect._base import Floats, Matrix, positive
from harness.detect._drift import BatchDetector

ENTRIES: Final = {"mmd": "MaximumMeanDiscrepancy"}

Indices = NDArray[np.int64]


class MaximumMeanDiscrepancy(BatchDetector):
    """MMD: unbiased, squared, of batch and baseline, under the kernel exp(−‖a − b‖² / (2 · bandwidth²)).

    It looks at whole feature vectors, not at one score a sample. Streams draw from finite pools, so that the
    kernel is computed once for all pairs (:meth:`bind`) and batches are indices.

    Args:
        bandwidth: in units of the median distance between the bound features (the median heuristic).

    Source:
        Gretton et al. 2012, "A Kernel Two-Sample Test", equation 3.
    """

    name = "mmd"
    inputs = "indices"
    multiplicity = "one statistic a batch on all features together: no correction within a batch"

    def __init__(self, bandwidth: float = 1.0) -> None:
        self.bandwidth = positive("bandwidth", bandwidth)
        self._kernel: Matrix = np.zeros((0, 0), np.float32)

    def bind(self, features: Matrix) -> None:
        """Compute the kernel of all pairs of features [pool, width]: 4 · pool² bytes."""
        self._kernel = gram(features, self.bandwidth).astype(np.float32)

    def start(self, baseline: Indices, batch_size: int) -> None:
        """See :class:`DriftDetector`."""
        m = baseline.shape[1]
        if m < 2 or batch_size < 2:
            raise ValueError("mmd: baseline and batches need 2 samples or more")
        pool = len(self._kernel)
        # How often each of the pool stands in each baseline: one matrix product gives every mean similarity to it.
        weights = np.zeros((len(baseline), pool), np.float32)
        np.add.at(weights, (np.arange(len(baseline))[:, None], baseline), 1.0)
        to_baseline = weights @ self._kernel
        self._to_baseline = to_baseline / m
        # The pairs of a sample with itself have similarity 1 and are left out.
        self._within = ((weights * to_baseline).sum(axis=1, dtype=np.float64) - m) / (m * (m - 1))
        self._streams = np.arange(len(baseline))[:, None]

    def step(self, batch: Indices) -> Floats:
        """See :class:`DriftDetector`."""
        n = batch.shape[1]
        first, second = np.triu_indices(n, 1)  # the kernel is symmetric
        own = 2 * self._kernel[batch[:, first], batch[:, second]].sum(axis=1, dtype=np.float64)
        across = self._to_baseline[self._streams, batch].mean(axis=1, dtype=np.float64)
        return np.asarray(self._within + own / (n * (n - 1)) - 2 * across, np.float64)


def gram(features: Matrix, bandwidth: float = 1.0) -> Floats:
    """Return the kernel of all pairs, [n, n], with the median distance of different pairs as the unit of bandwidth."""
    squared = cdist(features.astype(np.float64), features.astype(np.float64), "sqeuclidean")
    apart = squared[np.triu_indices(len(squared), 1)]
    median = float(np.median(apart)) if apart.size else 0.0
    return np.asarray(np.exp(-squared / (2 * bandwidth**2 * (median or 1.0))), np.float64)


def mmd_squared(kernel: Floats, in_x: NDArray[np.bool_]) -> Floats:
    """Return the unbiased squared MMD for each split of the rows of a kernel in two.

    Args:
        kernel: [n, n] with ones on its diagonal.
        in_x: which rows form the first sample, [splits, n], the same number in each.
    """
    x, y = in_x.astype(np.float64), (~in_x).astype(np.float64)
    m, n = x.sum(axis=1), y.sum(axis=1)
    to_x, to_y = x @ kernel, y @ kernel
    first = ((to_x * x).sum(axis=1) - m) / (m * (m - 1))
    second = ((to_y * y).sum(axis=1) - n) / (n * (n - 1))
    return np.asarray(first + second - 2 * (to_x * y).sum(axis=1) / (m * n), np.float64)


def mmd_test(
    x: Matrix, y: Matrix, rng: np.random.Generator, permutations: int = 999, bandwidth: float = 1.0
) -> tuple[float, float]:
    """Return the squared MMD of two samples and its permutation p-value, (1 + #{as large}) / (1 + permutations).

    Args:
        x: [m, width], m ≥ 2.
        y: [n, width], n ≥ 2.
        rng: decides the permutations.
        permutations: how many; the p-value is never below 1 / (1 + permutations).
        bandwidth: as for the detector; the median is that of both samples together.

    >>> mmd_test(np.zeros((9, 1)), np.ones((9, 1)), np.random.default_rng(0), 99)[1]
    0.01
    """
    kernel = gram(np.concatenate([x, y]), bandwidth)
    first = np.arange(len(kernel)) < len(x)
    found = float(mmd_squared(kernel, first[None])[0])
    shuffled = rng.permuted(np.tile(first, (permutations, 1)), axis=1)
    as_large = mmd_squared(kernel, shuffled) >= found - 1e-12
    return found, float((1 + as_large.sum()) / (1 + permutations))
