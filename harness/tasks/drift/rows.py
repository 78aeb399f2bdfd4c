"""What a trial of drift detectors comes to: a row a simulated stream, in a cell for each family of streams.

The same suite and seed give the same streams, so that two runs are paired stream by stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.detect.simulate import RunLengths
from harness.record.rows import MadeRows
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.protocol import Outcome, Trials, after_onset

Floats = NDArray[np.float64]

CHANGE: Final = "change"
"""Streams that change at the onset."""
QUIET: Final = "quiet"
"""Streams that never change."""
FROM_START: Final = "from-start"
"""Streams that are changed from the first batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """One detector's alarms on the streams that change, seed by seed."""

    early: NDArray[np.bool_]
    """Alarmed before the onset: a false alarm. Such a stream has no delay."""
    lengths: RunLengths
    """From the onset, of the streams that were quiet until then; the first changed batch is 1."""

    @classmethod
    def of(cls, outcome: Outcome, onset: int) -> "Detected":
        """Read the alarms off the statistics."""
        limit = outcome.calibration.limit
        early = np.asarray((outcome.statistics[:, :onset] > limit).any(axis=1))
        return cls(early, after_onset(outcome.statistics, limit, onset))

    @property
    def columns(self) -> dict[str, Floats]:
        """What each stream says, [seeds]; NaN where a false alarm came first, or for run lengths none came at all."""
        steps, alarmed = self.lengths.steps.astype(np.float64), self.lengths.alarmed
        return {
            "false_alarm": self.early.astype(np.float64),
            # A delay is the run length − 1; one that is censored counts at the horizon.
            "delay": self._spread(steps - 1),
            "missed": self._spread((~alarmed).astype(np.float64)),
            "run_length": self._spread(np.where(alarmed, steps, np.nan)),
            # The same in every row: a quantile of the delay lies among the censored streams from this share on.
            "detected": np.full(len(self.early), alarmed.mean() if len(alarmed) else np.nan),
        }

    def _spread(self, quiet: Floats) -> Floats:
        whole = np.full(len(self.early), np.nan)
        whole[~self.early] = quiet
        return whole


def other_baseline(size: int) -> str:
    """Return the cell of unchanged streams that are watched from a baseline of another size."""
    return f"quiet, baseline {size}"


def rows_of(task: str, trials: Trials, config: DriftConfig) -> tuple[MadeRows, ...]:
    """Return all streams of a trial."""
    outcomes = trials.outcomes
    quiet = {one.label: _lengths(one.quiet) | {"false_alarms": one.false_alarms} for one in outcomes}
    found = [_cell(task, QUIET, quiet)]
    if config.shape != "none":
        change = {
            one.label: Detected.of(one, config.onset).columns | _labels(one, trials, config) | _retraining(one, config)
            for one in outcomes
        }
        started = {one.label: _lengths(one.from_start) for one in outcomes}
        found += [_cell(task, CHANGE, change), _cell(task, FROM_START, started)]
    for size in config.baseline_sizes:
        other = {one.label: _lengths(one.by_size[size][0]) for one in outcomes if size in one.by_size}
        found.append(_cell(task, other_baseline(size), other))
    return tuple(one for one in found if one.columns)


def _cell(task: str, cell: str, of: Mapping[str, Mapping[str, NDArray[np.generic]]]) -> MadeRows:
    columns = {
        f"{name}[{label}]": np.asarray(values, np.float64)
        for label, given in of.items()
        for name, values in given.items()
    }
    count = len(next(iter(columns.values()), ()))
    return MadeRows(task, cell, [f"{cell} {stream:06d}" for stream in range(count)], columns, stratum=cell)


def _lengths(found: RunLengths) -> dict[str, NDArray[np.generic]]:
    return {"steps": found.steps, "alarmed": found.alarmed}


def _labels(outcome: Outcome, trials: Trials, config: DriftConfig) -> dict[str, Floats]:
    """Return how many of the most novel samples of flagged batches are truly shifted, and of random ones, by stream."""
    flagged = outcome.statistics > outcome.calibration.limit
    some = np.asarray(flagged.any(axis=1))
    found = {name: np.full(len(some), np.nan) for name in ("label_yield", "label_yield_random")}
    if not some.any():
        return found
    scores = np.where(flagged[some][:, :, None], trials.changing.scores[some], -np.inf).reshape(int(some.sum()), -1)
    truth = trials.changing.truth[some].reshape(len(scores), -1)
    k = min(config.top_k, config.batch)
    picked = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    candidates = np.isfinite(scores)
    found["label_yield"][some] = np.take_along_axis(truth, picked, axis=1).mean(axis=1)
    found["label_yield_random"][some] = (truth & candidates).sum(axis=1) / candidates.sum(axis=1)
    return found


def _retraining(outcome: Outcome, config: DriftConfig) -> dict[str, Floats]:
    """Return retraining triggers a stream, and those before the change; each is followed by a cooldown."""
    flagged = outcome.statistics > outcome.calibration.limit
    last = np.full(len(flagged), -config.cooldown - 1)
    every, false = np.zeros(len(flagged)), np.zeros(len(flagged))
    for step in range(flagged.shape[1]):
        fires = flagged[:, step] & (step - last > config.cooldown)
        last[fires] = step
        every += fires
        false += fires & (step < config.onset)
    return {"retrain_triggers": every, "false_retrains": false}
