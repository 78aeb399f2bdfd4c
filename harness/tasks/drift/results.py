"""What a trial of drift detectors is worth: delays, false alarms, run lengths, labels and retraining."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.detect.run_length import arl, has_theory
from harness.detect.simulate import RunLengths, run_lengths
from harness.stats.bootstrap import draw_weights
from harness.stats.intervals import mean_interval, wilson
from harness.stats.quantiles import minimum_n, quantile_interval
from harness.tasks._base import Table
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.protocol import Outcome, Trials, after_onset
from harness.types import Direction, MetricValue

Floats = NDArray[np.float64]

CHANGE: Final[Mapping[str, tuple[Direction, str]]] = {
    "detection_delay": ("lower", "batches"),
    "detection_delay_median": ("lower", "batches"),
    "detection_delay_p90": ("lower", "batches"),
    "detection_delay_p95": ("lower", "batches"),
    "detection_delay_samples": ("lower", "samples"),
    "missed_detection_rate": ("lower", "share"),
    "false_alarm_rate": ("lower", "share"),
    "arl1": ("lower", "batches"),
    "arl1_steady": ("lower", "batches"),
    "mtd": ("lower", "batches"),
    "mtr": ("higher", "ratio"),
    "label_yield": ("higher", "share"),
    "label_yield_random": ("higher", "share"),
    "retrain_triggers": ("lower", "triggers"),
    "false_retrains": ("lower", "triggers"),
}
"""Which way each metric is better, and its unit, with a value and without; only where something changes."""
ALWAYS: Final[Mapping[str, tuple[Direction, str]]] = {"arl0": ("higher", "batches"), "mtfa": ("higher", "batches")}
_QUANTILES: Final = {"median": 0.5, "p90": 0.9, "p95": 0.95}
_NAN: Final = float("nan")
_DRAWS: Final = 2000


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
    def delays(self) -> Floats:
        """Batches between the first changed one and the alarming one: run length − 1; censored ones at their end."""
        return self.lengths.steps.astype(np.float64) - 1


def values_of(
    outcome: Outcome, trials: Trials, config: DriftConfig, rng: np.random.Generator
) -> dict[str, MetricValue]:
    """Return every metric of one detector.

    Args:
        outcome: the detector's.
        trials: all detectors'.
        config: the task's.
        rng: of the draws of seeds, the same in every run of the suite.
    """
    arl0 = _run_length(outcome.quiet, "higher")
    mtfa = _per_alarm(outcome)
    values = {"arl0": arl0, "mtfa": mtfa}
    if config.shape != "none":
        found = Detected.of(outcome, config.onset)
        values |= _delays(found, config, rng)
        values["arl1"] = _run_length(outcome.from_start, "lower")
        values["mtr"] = _ratio(mtfa, values["mtd"], values["missed_detection_rate"])
        values |= _labels(outcome, trials, config)
        values |= _retraining(outcome, config)
    return {f"{name}[{outcome.label}]": value for name, value in values.items()}


def _delays(found: Detected, config: DriftConfig, rng: np.random.Generator) -> dict[str, MetricValue]:
    delays, alarmed, early = found.delays, found.lengths.alarmed, found.early
    censored = int((~alarmed).sum())
    weights = np.concatenate([*draw_weights(len(early), rng, _DRAWS)])
    note = f"{censored} of {len(delays)} censored at the horizon and counted there" if censored else "none censored"
    quiet = weights[:, ~early]
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (quiet @ delays) / quiet.sum(axis=1)
        late = (quiet @ (~alarmed)) / quiet.sum(axis=1)
    mean = replace(_mean(delays, "batches", f"t; {note}", drawn), reach=float(config.horizon - config.onset))
    values = {"detection_delay": mean, "detection_delay_samples": _scaled(mean, config.batch, "samples")}
    values |= {f"detection_delay_{name}": _quantile(delays, alarmed, q, note) for name, q in _QUANTILES.items()}
    values["missed_detection_rate"] = _share(~alarmed, late)
    values["false_alarm_rate"] = _share(early, weights @ early / len(early))
    values["arl1_steady"] = _shifted(mean, 1.0)
    values["mtd"] = _mean(delays[alarmed] + 1, "batches", "t; detected streams only")
    return values


def _mean(values: Floats, unit: str, method: str, drawn: Floats | None = None) -> MetricValue:
    n = len(values)
    if not n:
        return MetricValue(_NAN, _NAN, _NAN, 0, 0, "lower", unit, method="none")
    low, high = mean_interval(values)
    value = float(values.mean())
    low, high = (value, value) if math.isnan(low) else (max(0.0, low), high)
    return MetricValue(value, low, high, n, n, "lower", unit, {"ok": n}, method, replicates=drawn)


def _scaled(value: MetricValue, by: float, unit: str) -> MetricValue:
    return replace(
        value,
        value=value.value * by,
        low=value.low * by,
        high=value.high * by,
        unit=unit,
        replicates=None if value.replicates is None else value.replicates * by,
        reach=None if value.reach is None else value.reach * by,
    )


def _shifted(value: MetricValue, by: float) -> MetricValue:
    drawn = None if value.replicates is None else value.replicates + by
    return replace(value, value=value.value + by, low=value.low + by, high=value.high + by, replicates=drawn)


def _quantile(delays: Floats, alarmed: NDArray[np.bool_], q: float, note: str) -> MetricValue:
    """Return a quantile of the delay; NaN where it lies among the censored streams."""
    n = len(delays)
    if n < minimum_n(q) or (~alarmed).mean() >= 1 - q:
        said = "fewer streams than a quantile needs" if n < minimum_n(q) else "beyond the horizon"
        return MetricValue(_NAN, _NAN, _NAN, 0, n, "lower", "batches", {"ok": n} if n else {}, f"{said}; {note}")
    found = quantile_interval(delays, q)
    return MetricValue(
        found.estimate, found.low, found.high, n, n, "lower", "batches", {"ok": n}, f"order statistics; {note}"
    )


def _share(flags: NDArray[np.bool_], drawn: Floats) -> MetricValue:
    n = len(flags)
    if not n:
        return MetricValue(_NAN, _NAN, _NAN, 0, 0, "lower", method="none")
    low, high = wilson(int(flags.sum()), n)
    share = float(flags.mean())
    return MetricValue(share, float(low), float(high), n, n, "lower", "share", {"ok": n}, "wilson", replicates=drawn)


def _run_length(found: RunLengths, direction: Direction) -> MetricValue:
    n = len(found.steps)
    if not n or not found.alarmed.any():
        said = f"no alarm in {n} streams"
        return MetricValue(_NAN, _NAN, _NAN, 0, n, direction, "batches", {"ok": n} if n else {}, said)
    low, high = found.interval()
    if math.isnan(low) or low == high:
        low, high = found.mean, found.mean
    method = f"bootstrap over streams; zero-state; {int((~found.alarmed).sum())} of {n} censored"
    return MetricValue(found.mean, low, high, n, n, direction, "batches", {"ok": n}, method)


def _per_alarm(outcome: Outcome) -> MetricValue:
    """Return the mean time between false alarms, the detector re-armed after each."""
    n, alarms = len(outcome.false_alarms), int(outcome.false_alarms.sum())
    if not alarms:
        return MetricValue(_NAN, _NAN, _NAN, 0, n, "higher", "batches", {"ok": n}, f"no alarm in {n} streams")
    rate = outcome.false_alarms / outcome.quiet_steps
    low, high = mean_interval(rate)
    ends = (1 / high, 1 / low if low > 0 else math.inf) if high > 0 else (_NAN, _NAN)
    return MetricValue(
        float(1 / rate.mean()), ends[0], ends[1], n, n, "higher", "batches", {"ok": n}, "t of the rate over streams"
    )


def _ratio(mtfa: MetricValue, mtd: MetricValue, missed: MetricValue) -> MetricValue:
    """Return MTR = MTFA / MTD · (1 − MDR) (Bifet 2013); the interval adds the three relative errors in quadrature."""
    value = mtfa.value / mtd.value * (1 - missed.value) if mtd.n else _NAN
    if not math.isfinite(value):
        return MetricValue(_NAN, _NAN, _NAN, 0, mtfa.total, "higher", "ratio", method="none")
    parts = [(part.high - part.low) / 2 / part.value for part in (mtfa, mtd)]
    parts.append((missed.high - missed.low) / 2 / max(1 - missed.value, 1e-9))
    half = math.sqrt(sum(part**2 for part in parts))
    return MetricValue(
        value, value * math.exp(-half), value * math.exp(half), mtd.n, mtfa.total, "higher", "ratio",
        {"ok": mtfa.total}, "delta method on the log scale",
    )  # fmt: skip


def _labels(outcome: Outcome, trials: Trials, config: DriftConfig) -> dict[str, MetricValue]:
    """Return how many of the most novel samples of flagged batches are truly shifted, and of random ones."""
    flagged = outcome.statistics > outcome.calibration.limit
    some: NDArray[np.bool_] = np.asarray(flagged.any(axis=1))
    scores = np.where(flagged[some][:, :, None], trials.changing.scores[some], -np.inf).reshape(int(some.sum()), -1)
    truth = trials.changing.truth[some].reshape(len(scores), -1)
    if not len(scores):
        none = MetricValue(_NAN, _NAN, _NAN, 0, len(some), "higher", method="no batch was flagged")
        return {"label_yield": none, "label_yield_random": none}
    k = min(config.top_k, config.batch)
    picked = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    chosen = np.take_along_axis(truth, picked, axis=1).mean(axis=1)
    candidates = np.isfinite(scores)
    by_chance = (truth & candidates).sum(axis=1) / candidates.sum(axis=1)
    return {
        "label_yield": _yield(chosen, len(some), f"t over streams; top {k} by novelty"),
        "label_yield_random": _yield(by_chance, len(some), f"t over streams; expected of {k} at random"),
    }


def _yield(values: Floats, total: int, method: str) -> MetricValue:
    n, value = len(values), float(values.mean())
    low, high = mean_interval(values)
    if not low < high:
        low, high = (float(bound) for bound in wilson(value * n, n))
        method = method.replace("t over streams", "wilson over streams (no spread)")
    statuses = {"ok": n} | ({"undefined": total - n} if total > n else {})
    return MetricValue(value, max(0.0, low), min(1.0, high), n, n, "higher", "share", statuses, method)


def _retraining(outcome: Outcome, config: DriftConfig) -> dict[str, MetricValue]:
    """Return retraining triggers a stream, and those before the change; each is followed by a cooldown."""
    flagged = outcome.statistics > outcome.calibration.limit
    last = np.full(len(flagged), -config.cooldown - 1)
    triggers = np.zeros((len(flagged), 2))
    for step in range(flagged.shape[1]):
        fires = flagged[:, step] & (step - last > config.cooldown)
        last[fires] = step
        triggers[:, 0] += fires
        triggers[:, 1] += fires & (step < config.onset)
    said = f"t over streams; cooldown {config.cooldown} batches"
    return {
        "retrain_triggers": _mean(triggers[:, 0], "triggers", said),
        "false_retrains": _mean(triggers[:, 1], "triggers", said),
    }


def tables(trials: Trials, config: DriftConfig) -> Iterator[Table]:
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
        yield _sizes(trials, config)


def _censored(outcome: Outcome, config: DriftConfig) -> int | None:
    if config.shape == "none":
        return None
    return int((~Detected.of(outcome, config.onset).lengths.alarmed).sum())


def _sizes(trials: Trials, config: DriftConfig) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for outcome in trials.outcomes:
        for size, (quiet, moved) in sorted(outcome.by_size.items()):
            low, high = quiet.interval() if quiet.alarmed.any() else (_NAN, _NAN)
            delay = float(moved.steps.mean() - 1) if len(moved.steps) and config.shape != "none" else None
            rows.append((outcome.label, size, _finite(quiet.mean), _finite(low), _finite(high), delay))
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
