"""Streams of batches with a known onset: from pools of real samples, or from a scalar process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.detect import DriftDetector
from harness.detect.mmd import MaximumMeanDiscrepancy

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Shape = Literal["abrupt", "gradual", "incremental", "recurring", "none"]


@dataclass(frozen=True, slots=True)
class Drift:
    """When the stream changes, and how."""

    shape: Shape
    onset: int
    """Batches before the change: batch number ``onset`` (from 0) is the first that may differ."""
    width: int = 1
    """Batches over which a gradual or incremental change comes; batches on and off of a recurring one."""
    share: float = 1.0
    """How much of a changed batch is shifted once the change is complete."""

    def level(self, step: int) -> float:
        """Return how far the change has come at a batch, from 0 to 1.

        >>> [Drift("incremental", 2, 4).level(step) for step in (1, 2, 3, 5, 9)]
        [0.0, 0.25, 0.5, 1.0, 1.0]
        >>> [Drift("recurring", 2, 2).level(step) for step in range(7)]
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]
        """
        since = step - self.onset
        if since < 0 or self.shape == "none":
            return 0.0
        if self.shape in ("gradual", "incremental"):
            return min(1.0, (since + 1) / self.width)
        if self.shape == "recurring":
            return float(since // self.width % 2 == 0)
        return 1.0

    def shifted(self, step: int, rng: np.random.Generator, runs: int, batch: int) -> Flags | None:
        """Return which samples of a batch are shifted, [runs, batch]; None where none is.

        A gradual change mixes batches (each is wholly new or wholly old), an incremental one samples.
        """
        level = self.level(step)
        if level == 0:
            return None
        if self.shape == "gradual":
            new = rng.random((runs, 1)) < level
            return np.asarray(new & (rng.random((runs, batch)) < self.share))
        return np.asarray(rng.random((runs, batch)) < level * self.share)


class Source(Protocol):
    """Where samples come from. A batch is an array [runs, n] that :meth:`scores` and the detectors understand."""

    def baseline(self, rng: np.random.Generator, runs: int, size: int) -> NDArray[Any]: ...

    def batch(self, rng: np.random.Generator, runs: int, size: int, shifted: Flags | None) -> NDArray[Any]: ...

    def scores(self, batch: NDArray[Any]) -> Floats: ...

    def ready(self, detector: DriftDetector) -> DriftDetector: ...


@dataclass(frozen=True, slots=True, eq=False)
class PoolSource:
    """Real samples: clean ones and shifted ones, drawn with replacement. Batches are indices into the pool."""

    vectors: NDArray[np.float32]
    """Features of all, [pool, width]."""
    values: Floats
    """One score each, [pool]."""
    clean: Index
    shifted: Index

    def baseline(self, rng: np.random.Generator, runs: int, size: int) -> Index:
        """Return clean samples; without replacement where the pool is large enough."""
        if size > len(self.clean):
            return self.clean[rng.integers(0, len(self.clean), (runs, size))]
        return self.clean[np.argpartition(rng.random((runs, len(self.clean))), size - 1, axis=1)[:, :size]]

    def batch(self, rng: np.random.Generator, runs: int, size: int, shifted: Flags | None) -> Index:
        """Return one batch of every stream."""
        drawn = self.clean[rng.integers(0, len(self.clean), (runs, size))]
        if shifted is None:
            return drawn
        return np.where(shifted, self.shifted[rng.integers(0, len(self.shifted), (runs, size))], drawn)

    def scores(self, batch: Index) -> Floats:
        """Return the samples' scores."""
        return self.values[batch]

    def ready(self, detector: DriftDetector) -> DriftDetector:
        """Give a detector of features what it draws from."""
        if isinstance(detector, MaximumMeanDiscrepancy):
            detector.bind(self.vectors)
        return detector


@dataclass(frozen=True, slots=True)
class NormalSource:
    """Independent normal values; a shifted one lies ``shift`` standard deviations of the *batch mean* higher."""

    shift: float
    scale: float = 1.0
    """Standard deviation of a shifted value."""

    def baseline(self, rng: np.random.Generator, runs: int, size: int) -> Floats:
        """Return standard normal values."""
        return rng.standard_normal((runs, size))

    def batch(self, rng: np.random.Generator, runs: int, size: int, shifted: Flags | None) -> Floats:
        """Return one batch of every stream."""
        drawn = rng.standard_normal((runs, size))
        if shifted is None:
            return drawn
        return np.where(shifted, drawn * self.scale + self.shift / np.sqrt(size), drawn)

    def scores(self, batch: Floats) -> Floats:
        """Return the values themselves."""
        return batch

    def ready(self, detector: DriftDetector) -> DriftDetector:
        """Return the detector: there is nothing to bind."""
        return detector


@dataclass(frozen=True, slots=True)
class Plan:
    """How many streams are simulated, and what they look like."""

    runs: int
    batch: int
    baseline: int
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What all detectors said of the same streams."""

    statistics: dict[str, NDArray[np.float32]]
    """By detector, [runs, steps]."""
    alarms: dict[str, Index]
    """By detector, alarms of each stream, where the detector was re-armed after each, [runs]; empty otherwise."""
    scores: NDArray[np.float32]
    """Of every sample, [runs, steps, batch]; empty unless kept."""
    truth: Flags
    """Which samples were shifted, [runs, steps, batch]; empty unless kept."""


def watch(
    source: Source,
    make: dict[str, Callable[[], DriftDetector]],
    drift: Drift,
    plan: Plan,
    rng: np.random.Generator,
    *,
    limits: dict[str, float] | None = None,
    keep: bool = False,
) -> Watched:
    """Simulate streams and let all detectors watch them.

    Args:
        source: of the samples.
        make: makes each detector anew.
        drift: the change.
        plan: how many streams, and how long.
        rng: decides the streams.
        limits: with them, a detector is re-armed at each alarm and its alarms are counted.
        keep: whether to keep every sample's score and truth.
    """
    detectors = {name: source.ready(new()) for name, new in make.items()}
    baseline = source.baseline(rng, plan.runs, plan.baseline)
    for detector in detectors.values():
        detector.start(baseline if detector.inputs == "indices" else source.scores(baseline), plan.batch)
    statistics = {name: np.empty((plan.runs, plan.steps), np.float32) for name in detectors}
    alarms = {name: np.zeros(plan.runs, np.int64) for name in detectors}
    kept = (plan.runs, plan.steps if keep else 0, plan.batch)
    scores, truth = np.empty(kept, np.float32), np.zeros(kept, np.bool_)
    for step in range(plan.steps):
        shifted = drift.shifted(step, rng, plan.runs, plan.batch)
        batch = source.batch(rng, plan.runs, plan.batch, shifted)
        values = source.scores(batch)
        if keep:
            scores[:, step] = values
            truth[:, step] = False if shifted is None else shifted
        for name, detector in detectors.items():
            found = detector.step(batch if detector.inputs == "indices" else values).astype(np.float32)
            statistics[name][:, step] = found
            if limits is not None and (over := found > np.float32(limits[name])).any():
                alarms[name] += over
                detector.rearm(over, limits[name])
    return Watched(statistics, alarms, scores, truth)
