"""The trial of drift detectors: one false-alarm rate for all, then how long each takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.detect import ControlChart, DriftDetector, drift_detector, params_of
from harness.detect.run_length import has_theory, limit_for
from harness.detect.simulate import Calibration, RunLengths, calibrate, run_lengths
from harness.seeds import generator
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.streams import Drift, NormalSource, Plan, Source, Watched, watch

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

LONG: Final = 5
"""Streams without a change are watched for so many times the target run length: e⁻⁵ of them are censored."""
_FEWER: Final = 300
"""Streams for each further size of the baseline."""
_SHORT: Final = 2
_NONE: Final = RunLengths(np.zeros(0, np.int64), np.zeros(0, np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one detector did."""

    label: str
    detector: DriftDetector
    calibration: Calibration
    quiet: RunLengths
    """On streams without a change, to the first alarm: zero-state."""
    false_alarms: Index
    """Alarms of each of those streams, re-armed after each."""
    quiet_steps: int
    """Batches of each of those streams."""
    statistics: NDArray[np.float32]
    """On the streams that change at the onset, [seeds, horizon]."""
    from_start: RunLengths
    """On streams that are changed from the first batch: zero-state; empty where nothing changes."""
    by_size: dict[int, tuple[RunLengths, RunLengths]]
    """By size of the baseline: to the first alarm without a change, and from the onset of one."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """All detectors on the same streams."""

    outcomes: tuple[Outcome, ...]
    problems: dict[str, str]
    """Why a detector has no outcome."""
    changing: Watched


def try_detectors(
    config: DriftConfig, detectors: dict[str, DriftDetector], source: Source, seeds: tuple[int, str]
) -> Trials:
    """Calibrate on unchanged streams, then watch unchanged and changing ones, from other seeds.

    Args:
        config: the task's.
        detectors: by label.
        source: of the samples.
        seeds: the suite's seed and the task's name.
    """
    known = (0.0, 1.0) if isinstance(source, NormalSource) and config.process and config.process.known else None
    makers = {label: _maker(detector, known) for label, detector in detectors.items()}
    plan = Plan(config.seeds, config.batch, config.baseline, math.ceil(LONG * config.target_arl0))
    calm = Drift("none", 0)
    limits, problems = _calibrate(config, makers, source, plan, seeds, known is not None)
    makers = {label: make for label, make in makers.items() if label in limits}
    if not makers:
        empty = np.zeros((config.seeds, 0, config.batch))
        return Trials((), problems, Watched({}, {}, empty.astype(np.float32), empty.astype(np.bool_)))
    levels = {label: found.limit for label, found in limits.items()}
    quiet = watch(source, makers, calm, plan, generator(*seeds, "quiet"), limits=levels)
    drift = drift_of(config)
    watched = Plan(config.seeds, config.batch, config.baseline, config.horizon)
    changing = watch(source, makers, drift, watched, generator(*seeds, "changing"), keep=True)
    started = None
    if config.shape != "none":
        at_once = Drift(config.shape, 0, drift.width, drift.share)
        steps = config.horizon - config.onset
        started = watch(source, makers, at_once, Plan(config.seeds, config.batch, config.baseline, steps),
                        generator(*seeds, "started"))  # fmt: skip
    sizes = {size: _other_size(config, makers, source, size, (seeds, levels)) for size in config.baseline_sizes}
    outcomes = tuple(
        Outcome(
            label,
            make(),
            limits[label],
            run_lengths(quiet.statistics[label], levels[label]),
            quiet.alarms[label],
            plan.steps,
            changing.statistics[label],
            run_lengths(started.statistics[label], levels[label]) if started else _NONE,
            {size: found[label] for size, found in sizes.items() if label in found},
        )
        for label, make in makers.items()
    )
    return Trials(outcomes, problems, changing)


def drift_of(config: DriftConfig) -> Drift:
    """Return the change that a task declares."""
    return Drift(config.shape, config.onset, config.width, config.shift.share if config.shift else 1.0)


def _maker(detector: DriftDetector, known: tuple[float, float] | None) -> Callable[[], DriftDetector]:
    def make() -> DriftDetector:
        new = drift_detector(detector.name, **params_of(detector))
        if isinstance(new, ControlChart):
            new.known = known
        return new

    return make


def _calibrate(
    config: DriftConfig,
    makers: dict[str, Callable[[], DriftDetector]],
    source: Source,
    plan: Plan,
    seeds: tuple[int, str],
    textbook: bool,
) -> tuple[dict[str, Calibration], dict[str, str]]:
    """Return each detector's limit, from theory where it holds, and why others have none."""
    found: dict[str, Calibration] = {}
    problems: dict[str, str] = {}
    if textbook:
        for label, make in makers.items():
            if has_theory(make()):
                limit = limit_for(make(), config.target_arl0)
                found[label] = Calibration(limit, config.target_arl0, 0.0, 0, "integral equation")
    rest = {label: make for label, make in makers.items() if label not in found}
    for label, said in _too_small(source, rest, plan.baseline, plan.batch).items():
        problems[label] = said
        del rest[label]
    if rest:
        seen = watch(source, rest, Drift("none", 0), plan, generator(*seeds, "calibrate"))
        for label in rest:
            try:
                found[label] = calibrate(seen.statistics[label], config.target_arl0)
            except ValueError as error:
                problems[label] = str(error)
    return {label: found[label] for label in makers if label in found}, problems


def _too_small(
    source: Source, makers: dict[str, Callable[[], DriftDetector]], baseline: int, batch: int
) -> dict[str, str]:
    """Return which detectors cannot start from a baseline of this size, and why."""
    first = source.baseline(np.random.default_rng(0), 1, baseline)
    found = {}
    for label, make in makers.items():
        detector = source.ready(make())
        try:
            detector.start(first if detector.inputs == "indices" else source.scores(first), batch)
        except ValueError as error:
            found[label] = str(error)
    return found


def _other_size(
    config: DriftConfig,
    makers: dict[str, Callable[[], DriftDetector]],
    source: Source,
    size: int,
    at: tuple[tuple[int, str], dict[str, float]],
) -> dict[str, tuple[RunLengths, RunLengths]]:
    """Return run lengths under the same limits with baselines of another size; none where it is too small."""
    seeds, levels = at
    small = _too_small(source, makers, size, config.batch)
    makers = {label: make for label, make in makers.items() if label not in small}
    runs = min(_FEWER, config.seeds)
    calm = Plan(runs, config.batch, size, math.ceil(_SHORT * config.target_arl0))
    quiet = watch(source, makers, Drift("none", 0), calm, generator(*seeds, "quiet", size))
    moved = watch(source, makers, drift_of(config), Plan(runs, config.batch, size, config.horizon),
                  generator(*seeds, "changing", size))  # fmt: skip
    return {
        label: (
            run_lengths(quiet.statistics[label], levels[label]),
            after_onset(moved.statistics[label], levels[label], config.onset),
        )
        for label in makers
    }


def after_onset(statistics: NDArray[np.float32], limit: float, onset: int) -> RunLengths:
    """Return run lengths from the onset, of the streams that were quiet until then."""
    quiet = ~(statistics[:, :onset] > limit).any(axis=1)
    return run_lengths(statistics[quiet, onset:], limit)
