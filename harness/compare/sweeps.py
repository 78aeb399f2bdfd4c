"""Compare the statistics of two severity sweeps: the same resampled samples in every cell of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from harness.compare.columns import Floats, Index
from harness.record.schema import TaskRecord
from harness.seeds import generator
from harness.stats.bootstrap import resampled_means
from harness.stats.draws import BCA_LIMIT, Units, units_of
from harness.stats.limits import acceleration_of, summarise
from harness.stats.results import Comparison, nothing
from harness.tasks.severity import Point, SeverityTable, Statistic, differs, next_milder

_STEP: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One run's sweep over the paired samples; column 0 is the clean cell."""

    scores: Floats
    """[n, cells]; NaN where a sample does not count."""
    answers: Index
    """[n, cells]; −1 where there is no answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Column means of both sides under the same draws."""

    estimate: Floats
    """[columns of both sides]"""
    draws: Floats
    """[B, columns of both sides]"""
    without: Floats | None
    """Means without each unit in turn, [units, columns]; None where there are too many units for BCa."""
    units: Units

    def compare(self, statistic: Statistic, sign: int, margin: float, confidence: float) -> Comparison:
        """Return the paired comparison of one statistic; ``sign`` is −1 where lower is better."""

        def difference(means: Floats) -> Floats:
            with np.errstate(invalid="ignore", divide="ignore"):
                before, after = np.split(means, 2, axis=-1)
                return np.asarray(sign * (statistic(after) - statistic(before)), np.float64)

        if not self.units.count:
            return nothing("bootstrap", confidence, margin)
        estimate = float(difference(self.estimate))
        acceleration = None if self.without is None else acceleration_of(difference(self.without), self.units)
        draws = difference(self.draws)
        span = max(_reach(statistic, np.split(self.estimate, 2)[1]), abs(estimate))
        return summarise(estimate, draws, acceleration, self.units, confidence, margin, span)

    def values(self, statistic: Statistic) -> tuple[float, float]:
        """Return the statistic of the baseline and of the candidate."""
        with np.errstate(invalid="ignore", divide="ignore"):
            before, after = np.split(self.estimate, 2)
            return float(statistic(before)), float(statistic(after))


def statistics(task: TaskRecord) -> dict[str, Statistic]:
    """Return the statistics of a sweep that can be resampled, by the name of the metric.

    ``breaking_severity`` is not among them: it steps, and an interval of its difference would lie.
    """
    points = _points(task)
    corruptions = list(dict.fromkeys(point.corruption for point in points if point.severity))
    nothing_yet = np.empty((0, len(points)))
    table = SeverityTable(
        nothing_yet, nothing_yet.astype(np.int64), points, np.empty(0, np.int64), np.random.default_rng(0)
    )
    columns = table.columns()
    found: dict[str, Statistic] = {
        "retained_accuracy": table.retained(columns),
        "mean_corruption_error": table.error(),
        "severity_auc": table.area(corruptions),
        "severity_slope": table.slope(corruptions),
        "worst_cell": lambda means: np.asarray(means[..., columns].min(axis=-1)),
        "flip_rate": table.flips(),
        "severity_consistency": table.steadiness(),
    }
    reference: Mapping[str, Any] | None = task.config.get("reference")
    if reference:
        errors = [reference["errors"][name] for name in corruptions]
        found["mce"] = table.relative_errors(errors, None)
        found["relative_mce"] = table.relative_errors(errors, reference["clean"])
    return found | {f"retained_accuracy[{name}]": table.retained(table.columns(name)) for name in corruptions}


def resample(
    task: TaskRecord, baseline: Side, candidate: Side, clusters: Index, resamples: int, seed: int
) -> Resampled:
    """Draw samples (whole clusters) with replacement, the same ones on both sides.

    Above ``BCA_LIMIT`` units, random groups of units are drawn instead: means of many exchangeable
    units vary as means of their groups do, and the cost no longer grows with the number of samples.
    """
    unpaired = np.isnan(baseline.scores) | np.isnan(candidate.scores)
    points = _points(task)
    joint = np.hstack([_layout(side, unpaired, points) for side in (baseline, candidate)])
    rng = generator(seed)
    units = units_of(len(joint), clusters, None)
    grouped = units.count > BCA_LIMIT
    of_row = units.of_row
    if grouped:
        group = rng.permutation(units.count) % BCA_LIMIT
        of_row = group[units.of_row]
    sums, counts = _sums(joint, of_row)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = sums.sum(axis=0) / counts.sum(axis=0)
        without = None if grouped else (sums.sum(axis=0) - sums) / (counts.sum(axis=0) - counts)
    return Resampled(estimate, resampled_means(joint, resamples, rng, of_row), without, units)


def _points(task: TaskRecord) -> list[Point]:
    labels = [cell.labels for cell in task.cells.values()]
    return [Point(str(label["corruption"]) if label["severity"] else "", int(label["severity"])) for label in labels]


def _layout(side: Side, unpaired: np.ndarray, points: Sequence[Point]) -> Floats:
    """Return the columns that statistics of a sweep read: scores, differs from clean, differs from next milder."""
    scores, failed = np.where(unpaired, np.nan, side.scores), side.answers < 0
    others = ([0] * len(points), next_milder(points))
    return np.hstack([scores, *(differs(failed, unpaired, side.answers, other) for other in others)])


def _sums(joint: Floats, of_row: Index) -> tuple[Floats, Floats]:
    groups = int(of_row.max()) + 1 if of_row.size else 0
    present = ~np.isnan(joint)
    filled = np.where(present, joint, 0.0)
    sums = np.stack([np.bincount(of_row, weights=column, minlength=groups) for column in filled.T], axis=1)
    counts = np.stack([np.bincount(of_row, weights=column, minlength=groups) for column in present.T], axis=1)
    return np.asarray(sums, np.float64), np.asarray(counts, np.float64)


def _reach(statistic: Statistic, means: Floats) -> float:
    """Return by how much the statistic can move if a share ε of samples is exchanged, divided by ε (to first order).

    All columns move together, each the way that it moves the statistic. A minimum has a kink where columns are
    equal, so both ways are tried, one column at a time and then all of them.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        here = float(statistic(means))
        steps = _STEP * np.eye(means.size)
        rises, falls = (np.asarray(statistic(means + sign * steps), np.float64) - here for sign in (1, -1))
        slopes = np.where(np.abs(rises) > np.abs(falls), rises, -falls)
        together = _STEP * np.sign(np.where(np.isfinite(slopes), slopes, 0.0))
        moved = [float(statistic(means + sign * together)) - here for sign in (1, -1)]
    return float(np.nanmax(np.abs(moved), initial=0.0)) / _STEP
