"""Timelines, trade-offs and run-length distributions of drift detectors, as data for the report."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.tasks._pictured import Chart, Line, Mark
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.protocol import Outcome, Trials
from harness.tasks.drift.results import trade_off


def charts(trials: Trials, config: DriftConfig) -> Iterator[Chart]:
    """Yield all charts of a task: what a delay costs in false alarms first, for a report shows the first at once."""
    lines = []
    for outcome in trials.outcomes if config.shape != "none" else ():
        found = trade_off(outcome, config.onset)
        if found:
            x, y = zip(*found, strict=True)
            lines.append(Line(outcome.label, x, y))
    if lines:
        yield Chart(
            "delay against false alarms", "false alarm before the onset (share of streams)", "mean delay (batches)",
            tuple(lines),
            note="Each point is another limit. Streams without an alarm count at the horizon.",
        )  # fmt: skip
    if trials.outcomes:
        quiet = [(o.label, o.quiet.steps, o.quiet.alarmed) for o in trials.outcomes]
        yield _distribution("run lengths without a change", quiet)
        if config.shape != "none":
            starts = [(o.label, o.from_start.steps, o.from_start.alarmed) for o in trials.outcomes]
            yield _distribution("run lengths from a change at the start", starts)
    for outcome in trials.outcomes:
        yield _timeline(outcome, config)


def _timeline(outcome: Outcome, config: DriftConfig) -> Chart:
    """Return the first stream whose detector was quiet until the onset, as a user would have seen it."""
    limit = outcome.calibration.limit
    quiet = ~(outcome.statistics[:, : config.onset] > limit).any(axis=1)
    row = outcome.statistics[int(quiet.argmax()) if quiet.any() else 0].astype(np.float64)
    steps = tuple(float(step) for step in range(1, len(row) + 1))
    marks = [Mark("limit", y=limit)]
    if config.shape != "none":
        marks.append(Mark("onset", x=config.onset + 0.5))
    over = np.flatnonzero(row > limit)
    if over.size:
        marks.append(Mark("first alarm", x=float(over[0] + 1), y=float(row[over[0]])))
    statistic = Line("statistic", steps, tuple(_gap(value) for value in row))
    lines = [statistic]
    if over.size:
        lines.append(
            Line(
                "above the limit", tuple(float(i + 1) for i in over), tuple(float(row[i]) for i in over), style="points"
            )
        )
    return Chart(
        f"timeline: {outcome.label}", "batch", "statistic", tuple(lines), tuple(marks),
        note=f"One simulated stream, never re-armed ({outcome.detector.behaviour} behaviour).",
    )  # fmt: skip


def _gap(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _distribution(name: str, found: list[tuple[str, NDArray[np.int64], NDArray[np.bool_]]]) -> Chart:
    lines = []
    for label, steps, alarmed in found:
        lengths = np.sort(steps[alarmed])
        if not lengths.size:
            continue
        values, last = np.unique(lengths, return_index=True)
        upto = np.r_[last[1:], lengths.size] / len(steps)
        kept = np.unique(np.linspace(0, len(values) - 1, 200).round().astype(np.int64))
        x, y = (0.0, *(float(values[i]) for i in kept)), (0.0, *(float(upto[i]) for i in kept))
        lines.append(Line(label, x, y, style="step"))
    return Chart(
        name, "batches", "share of streams that have alarmed", tuple(lines),
        note="The alarming batch counts; what is missing to 1 was censored.",
    )  # fmt: skip
