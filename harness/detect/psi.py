"""Population stability index: a batch against the bins of the baseline."""

from typing import Final

import numpy as np

from harness.detect._base import Floats, positive, whole
from harness.detect._drift import BatchDetector
from harness.detect._two_sample import Baselines

ENTRIES: Final = {"psi": "PopulationStability"}


class PopulationStability(BatchDetector):
    """Population stability index, Σ (p − q) · log(p / q), over bins that hold equal shares of the baseline.

    A bin that is empty would make it infinite: every bin gets ``smoothing`` samples more, on both sides. The
    usual limits (0.1, 0.25) know nothing of the sizes: with small batches an unchanged stream
    exceeds them all the time, which is why the limit is calibrated here.

    Args:
        bins: how many, 2 or more; the baseline must have as many samples.
        smoothing: pseudo-count of each bin.

    Source:
        Lin 2017, "Examining distributional characteristics of clusters"; Yurdakul 2018 for its distribution.
        It is Jeffreys' divergence of the two histograms.
    """

    name = "psi"
    multiplicity = "one statistic a batch over all bins: no correction within a batch"

    def __init__(self, bins: int = 10, smoothing: float = 0.5) -> None:
        self.bins = whole("bins", bins, 2)
        self.smoothing = positive("smoothing", smoothing)

    def start(self, baseline: Floats, batch_size: int) -> None:
        """See :class:`DriftDetector`."""
        m = baseline.shape[1]
        if m < self.bins:
            raise ValueError(f"psi: {self.bins} bins need a baseline of {self.bins} samples or more, got {m}")
        ranked = np.sort(baseline, axis=1)
        inner = np.arange(1, self.bins) * m // self.bins
        self._edges = (ranked[:, inner - 1] + ranked[:, inner]) / 2
        self._q = self._shares(baseline)

    def step(self, batch: Floats) -> Floats:
        """See :class:`DriftDetector`."""
        p = self._shares(batch)
        return np.asarray(((p - self._q) * np.log(p / self._q)).sum(axis=1), np.float64)

    def _shares(self, values: Floats) -> Floats:
        # How many values lie at or below each edge, without a comparison of every value with every edge.
        upto, _ = Baselines(values).counts(self._edges)
        n = values.shape[1]
        counts = np.diff(upto, axis=1, prepend=0.0, append=float(n)) + self.smoothing
        return np.asarray(counts / (n + self.bins * self.smoothing), np.float64)
