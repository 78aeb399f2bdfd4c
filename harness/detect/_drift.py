"""What every drift detector says about itself: it looks at one batch after another, of many streams at once."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from harness.detect._base import Floats, make

Behaviour = Literal["persistent", "onset"]
Inputs = Literal["scores", "indices"]
Flags = NDArray[np.bool_]


class DriftDetector(ABC):
    """Gives a statistic for each batch of a stream and alarms where it is above a limit.

    One object watches R streams (simulated runs, with a seed each) side by side: every array has the
    streams along its first axis. The statistic of a batch does not depend on the limit as long as nothing
    has been alarmed, so that one simulation tells the run length under every limit; what happens
    after an alarm is :meth:`rearm`'s.

    A subclass states ``name``, ``behaviour`` (``persistent``: the statistic stays high while the drift
    lasts; ``onset``: the detector takes the new level as normal, and what is high is the change),
    ``memory`` (whether batches before this one count) and ``multiplicity``: how many tests a batch is.
    """

    name: ClassVar[str]
    behaviour: ClassVar[Behaviour] = "persistent"
    inputs: ClassVar[Inputs] = "scores"
    memory: ClassVar[bool] = True
    multiplicity: ClassVar[str] = "one statistic a batch; runs of batches are accounted for by the run length"
    rearming: ClassVar[str] = "starts anew"
    """What an alarm does to it."""

    @abstractmethod
    def start(self, baseline: NDArray[Any], batch_size: int) -> None:
        """Begin R streams.

        Args:
            baseline: what each stream is compared with, [R, m]: scores, or indices into the bound features
                where ``inputs`` says so. It stays frozen.
            batch_size: samples in each batch to come.

        Raises:
            ValueError: if the baseline is too small.
        """

    @abstractmethod
    def step(self, batch: NDArray[Any]) -> Floats:
        """Take in the next batch [R, batch_size]; return the statistic of each stream, [R], higher = more drift."""

    @abstractmethod
    def rearm(self, alarmed: Flags, limit: float) -> None:
        """Do what an alarm does, in the streams that are ``alarmed``, [R]."""


class BatchDetector(DriftDetector):
    """A detector without memory: every batch is compared with the baseline, on its own."""

    memory = False
    rearming = "nothing to forget"

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""


class ControlChart(DriftDetector):
    """A chart of the batch mean, standardised by mean and standard deviation of the frozen baseline.

    With ``known = (mean, standard deviation)`` these are given instead of estimated: what the textbook's
    run lengths hold for. A chart estimated from m samples is off by about 1 / √m of a standard deviation, for
    the whole stream: with small baselines false alarms come sooner.
    """

    known: tuple[float, float] | None = None

    def start(self, baseline: Floats, batch_size: int) -> None:
        """See :class:`DriftDetector`."""
        if self.known is not None:
            runs = len(baseline)
            self._center, self._scale = np.full(runs, self.known[0]), np.full(runs, self.known[1])
        else:
            if baseline.shape[1] < 2:
                raise ValueError(f"{self.name}: a standard deviation needs a baseline of 2 samples or more")
            self._center, self._scale = baseline.mean(axis=1), baseline.std(axis=1, ddof=1)
        # A baseline without spread: whatever is not its value is infinitely far from it, and its value is not.
        self._scale = np.maximum(self._scale / np.sqrt(batch_size), np.finfo(np.float64).tiny)
        self.begin(len(baseline))

    def step(self, batch: Floats) -> Floats:
        """See :class:`DriftDetector`."""
        return self.next(np.clip((batch.mean(axis=1) - self._center) / self._scale, -1e300, 1e300))

    @abstractmethod
    def begin(self, runs: int) -> None:
        """Start the recursion of ``runs`` streams."""

    @abstractmethod
    def next(self, z: Floats) -> Floats:
        """Take in one standardised value a stream, [R]; return the statistics, [R]."""


def drift_detector(name: str, **params: Any) -> DriftDetector:
    """Return a new drift detector, built in or from a plug-in.

    Raises:
        UsageError: if there is none of that name, or a parameter is unknown or impossible.

    >>> drift_detector("ewma", weight=0.1).behaviour
    'persistent'
    """
    return make(name, DriftDetector, "drift", params)  # type: ignore[type-abstract]
