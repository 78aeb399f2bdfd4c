"""Two-sample Cramér–von Mises: the mean squared gap between two distributions."""

from typing import Final

import numpy as np
from scipy.stats import cramervonmises_2samp

from harness.detect._base import Floats
from harness.detect._drift import BatchDetector
from harness.detect._two_sample import Baselines

ENTRIES: Final = {"cvm": "CramerVonMises"}


class CramerVonMises(BatchDetector):
    """Cramér–von Mises: Anderson's two-sample T, from the ranks of both samples together; ties share their mean rank.

    It weighs the whole distribution where ``ks`` looks at its widest gap. :meth:`p_value` as for ``ks``.

    Source:
        Anderson 1962; p-values are SciPy's ``cramervonmises_2samp``.
    """

    name = "cvm"
    multiplicity = "one test a batch, on one score a sample: no correction within a batch"

    def start(self, baseline: Floats, batch_size: int) -> None:
        """See :class:`DriftDetector`."""
        self._baselines = Baselines(baseline)
        ranked = np.sort(baseline, axis=1)
        upto, below = Baselines(ranked).counts(ranked)
        self._own = (upto + below + 1) / 2

    def step(self, batch: Floats) -> Floats:
        """See :class:`DriftDetector`."""
        n, m = batch.shape[1], self._baselines.size
        ranked = np.sort(batch, axis=1)
        upto, below = self._baselines.counts(ranked)
        own_upto, own_below = Baselines(ranked).counts(ranked)
        of_batch = (own_upto + own_below + 1 + upto + below) / 2
        # A batch's value lies below the i-th of the baseline where at most i of the baseline lie at or below it.
        of_baseline = self._own + (_at_most(upto, m) + _at_most(below, m)) / 2
        u = n * np.square(of_batch - np.arange(1, n + 1)).sum(axis=1)
        u += m * np.square(of_baseline - np.arange(1, m + 1)).sum(axis=1)
        product, total = n * m, n + m
        return np.asarray(u / (product * total) - (4 * product - 1) / (6 * total), np.float64)

    @staticmethod
    def p_value(baseline: Floats, batch: Floats) -> float:
        """Return SciPy's p-value of one batch, exact where both samples are small.

        >>> CramerVonMises.p_value(np.arange(8.0), np.arange(8.0) + 8) < 0.001
        True
        """
        return float(cramervonmises_2samp(baseline, batch, method="auto").pvalue)


def _at_most(counts: Floats, m: int) -> Floats:
    """Return how many of each row are at most 0, 1, …, m − 1, [rows, m]."""
    rows = len(counts)
    cells = counts.astype(np.int64) + (m + 1) * np.arange(rows)[:, None]
    table = np.bincount(cells.ravel(), minlength=rows * (m + 1)).reshape(rows, m + 1)
    return np.asarray(table[:, :m].cumsum(axis=1), np.float64)
