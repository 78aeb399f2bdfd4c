"""What each detector is, how it was calibrated, and how it does with other baselines or limits."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from harness.detect.run_length import arl, has_theory
from harness.detect.simulate import run_lengths
from harness.estimate import Statistic
from harness.tasks._pictured import Figures, Table
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.figures import mean_run_length
from harness.tasks.drift.protocol import Outcome, Trials
from harness.tasks.drift.rows import Detected, other_baseline


def tables(trials: Trials, config: DriftConfig, figures: Figures) -> Iterator[Table]:
    """Yield what each detector is and how it was calibrated, and how it does with other baselines."""
    rows = []
    for outcome in trials.outcomes:
        found, detector = outcome.calibration, outcome.detector
        rows.append((
            outcome.label, detector.behaviour, "yes" if detector.memory else "no", detector.rearming,
            float(f"{found.limit:.6g}"), found.method, float(f"{100 * found.error:.2g}"), found.censored,
            int((~outcome.quiet.alarmed).sum()), _censored(outcome, config), detector.multiplicity,
        ))  # fmt: skip
    yield Table(
        "detectors",
        ("detector", "behaviour", "memory", "after an alarm", "limit", "calibrated by", "error of ARL0 (%)",
         "censored: calibration", "censored: no change", "censored: change", "multiplicity"),
        tuple(rows),
        f"All are calibrated to an ARL0 of {config.target_arl0:g} batches before anything is measured. A run length "
        "counts the alarming batch (the first one is 1); a delay in batches is the run length − 1. Zero-state: the "
        "change is there from the start; steady-state: it comes after the onset, given no alarm until then.",
    )  # fmt: skip
    if config.baseline_sizes:
        yield _sizes(trials, config, figures)


def _censored(outcome: Outcome, config: DriftConfig) -> int | None:
    if config.shape == "none":
        return None
    return int((~Detected.of(outcome, config.onset).lengths.alarmed).sum())


def _sizes(trials: Trials, config: DriftConfig, figures: Figures) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for outcome in trials.outcomes:
        for size, (_, moved) in sorted(outcome.by_size.items()):
            of = mean_run_length(outcome.label, other_baseline(size))
            found = figures.estimate(Statistic("arl0", of, "higher", "batches", (1.0, None)))
            delay = float(moved.steps.mean() - 1) if len(moved.steps) and config.shape != "none" else None
            ends = (_finite(end) for end in (found.value, found.low, found.high))
            rows.append((outcome.label, size, *ends, delay))
    return Table(
        "other baselines",
        ("detector", "baseline (samples)", "ARL0", "low", "high", "delay (batches)"),
        tuple(rows),
        f"Under the limits that were calibrated with a baseline of {config.baseline} samples.",
    )


def _finite(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def agreement(trials: Trials, config: DriftConfig) -> Mapping[str, tuple[float, float]]:
    """Return theory's run lengths beside the simulated ones: without a change and from its start, by detector."""
    found = {}
    if config.process and config.process.known and config.shape == "abrupt" and config.process.scale == 1:
        for outcome in trials.outcomes:
            if has_theory(outcome.detector):
                limit = outcome.calibration.limit
                found[outcome.label] = arl(outcome.detector, limit), arl(outcome.detector, limit, config.process.shift)
    return found


def trade_off(outcome: Outcome, onset: int, points: int = 25) -> Sequence[tuple[float, float]]:
    """Return (false alarm probability before the onset, mean delay in batches) under growing limits."""
    highest = outcome.statistics[:, :onset].max(axis=1) if onset else np.zeros(0)
    if not highest.size:
        return []
    limits = np.unique(np.quantile(highest, np.linspace(0.02, 0.999, points)))
    found = []
    for limit in limits:
        early = float((highest > limit).mean())
        quiet = highest <= limit
        delay = run_lengths(outcome.statistics[quiet][:, onset:], float(limit)).steps
        if quiet.sum() >= _LEAST:
            found.append((early, float(delay.mean()) - 1))
    return sorted(found)


_LEAST: Final = 20
"""Streams behind a point of a curve, at least."""
