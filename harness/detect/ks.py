"""Two-sample Kolmogorov–Smirnov: the largest gap between the batch's and the baseline's distribution."""

from typing import Final

import numpy as np
from scipy.stats import ks_2samp

from harness.detect._base import Floats
from harness.detect._drift import BatchDetector
from harness.detect._two_sample import Baselines

ENTRIES: Final = {"ks": "KolmogorovSmirnov"}


class KolmogorovSmirnov(BatchDetector):
    """Kolmogorov–Smirnov: D, from 0 to 1, between the scores of the batch and of the baseline.

    For given sizes the p-value falls as D rises, so that a limit on D is a limit on p; :meth:`p_value` says
    which (exactly for small samples). One test a batch: against a *fixed* p of α the batches of an unchanged
    stream alarm independently given the baseline, and the run length is about 1 / α.

    Source:
        Smirnov 1939; p-values are SciPy's ``ks_2samp``.
    """

    name = "ks"
    multiplicity = "one test a batch, on one score a sample: no correction within a batch"

    def start(self, baseline: Floats, batch_size: int) -> None:
        """See :class:`DriftDetector`."""
        self._baselines = Baselines(baseline)
        steps = np.arange(batch_size + 1) / batch_size
        self._below, self._upto = steps[:-1], steps[1:]

    def step(self, batch: Floats) -> Floats:
        """See :class:`DriftDetector`."""
        ranked = np.sort(batch, axis=1)
        upto, below = (counts / self._baselines.size for counts in self._baselines.counts(ranked))
        # The batch's distribution jumps at each of its values; equal values only make some jumps look smaller.
        return np.asarray(np.maximum((self._upto - upto).max(axis=1), (below - self._below).max(axis=1)), np.float64)

    @staticmethod
    def p_value(baseline: Floats, batch: Floats) -> float:
        """Return SciPy's two-sided p-value of one batch, exact where both samples are small.

        >>> KolmogorovSmirnov.p_value(np.arange(8.0), np.arange(8.0) + 8) < 0.001
        True
        """
        return float(ks_2samp(baseline, batch, method="auto").pvalue)
