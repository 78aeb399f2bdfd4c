"""Run lengths from simulated streams: first alarms under any limit, and the limit for a wanted run length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.detect._drift import Flags

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RunLengths:
    """How long each stream ran."""

    steps: Index
    """The step of the first alarm, counted from 1; where there was none, the steps that were watched, [R]."""
    alarmed: Flags
    """False where the stream ended without an alarm: its run length is censored, [R]."""

    @property
    def mean(self) -> float:
        """Steps watched for each alarm; infinite without an alarm.

        With censored streams this is the maximum likelihood estimate for geometric run lengths; without,
        the plain mean.
        """
        alarms = int(self.alarmed.sum())
        return float(self.steps.sum()) / alarms if alarms else float("inf")


def run_lengths(statistics: NDArray[np.floating], limit: float) -> RunLengths:
    """Return the first step of each stream at which the statistic [R, T] is above the limit.

    >>> found = run_lengths(np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]), 1.0)
    >>> found.steps.tolist(), found.alarmed.tolist()
    ([2, 3], [True, False])
    """
    over = np.asarray(statistics > limit)
    alarmed: Flags = np.asarray(over.any(axis=1))
    steps = np.where(alarmed, over.argmax(axis=1) + 1, statistics.shape[1])
    return RunLengths(steps.astype(np.int64), alarmed)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A limit, and how well it is known to give the wanted run length."""

    limit: float
    arl: float
    """What the simulation gave at this limit; a statistic with few values cannot meet every target."""
    error: float
    """Standard error of ``arl`` as a share of it, from the number of alarms."""
    censored: int
    """Streams that ended without an alarm."""
    method: str


def calibrate(statistics: NDArray[np.floating], target: float) -> Calibration:
    """Return the smallest limit under which streams without a change run ``target`` steps or more on average.

    Args:
        statistics: of R streams without a change, [R, T]; T of several times the target leaves few censored.
        target: the wanted average run length, in steps.

    Raises:
        ValueError: if a statistic is NaN, or even the largest limit that was seen alarms too often.
    """
    if np.isnan(statistics).any():
        raise ValueError("statistics: NaN; a detector has no value for some batch")
    highest = np.maximum.accumulate(statistics, axis=1)
    values = np.unique(highest[np.isfinite(highest)])
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if _arl(highest, values[middle]) >= target:
            high = middle
        else:
            low = middle + 1
    limit = float(values[low])
    found = run_lengths(highest, limit)
    alarms = int(found.alarmed.sum())
    if alarms < 10:
        raise ValueError(
            f"target: a run length of {target:g} cannot be calibrated on {statistics.shape[0]} streams of "
            f"{statistics.shape[1]} steps: {alarms} alarms are left; simulate more streams or lower the target"
        )
    error = _spread(found)
    return Calibration(limit, found.mean, error, len(found.alarmed) - alarms, f"simulation, {len(highest):,} streams")


def _arl(highest: NDArray[np.floating], limit: float) -> float:
    over = highest > limit
    alarms = int(over[:, -1].sum())
    # The running maximum stays above once it is: what is left of each row counts down to its first alarm.
    return (over.size - int(over.sum()) + alarms) / alarms if alarms else float("inf")


def _spread(found: RunLengths) -> float:
    """Return the standard error of a ratio of sums, as a share of the ratio."""
    steps, alarms = found.steps.astype(np.float64), found.alarmed.astype(np.float64)
    residuals = steps / steps.mean() - alarms / alarms.mean()
    return float(residuals.std(ddof=1) / np.sqrt(len(residuals)))
