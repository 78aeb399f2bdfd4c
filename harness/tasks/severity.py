"""What a severity sweep says: statistics of the table samples × cells, with paired bootstrap intervals."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.stats.bootstrap import percentile_interval, resampled_means
from harness.stats.intervals import wilson
from harness.types import Direction, MetricValue

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Maps column means [..., columns] to values [...]."""

RESAMPLES: Final = 2000
RATIO: Final = (0.0, math.inf)
"""Bounds of a ratio of two shares."""


@dataclass(frozen=True, slots=True)
class Point:
    """A column: a corruption at a severity. The clean cell has no corruption and severity 0."""

    corruption: str
    severity: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its interval."""

    value: float
    low: float
    high: float


class SeverityTable:
    """Scores and answers of the same samples in every cell; column 0 is the clean cell.

    Args:
        scores: worth of each sample in each cell, [n, cells]; NaN where it does not count.
        answers: a code for each answer's text, [n, cells]; 0 where there is none.
        points: what each column is.
        clusters: cluster of each sample, [n].
        rng: decides the resamples; the same for every statistic, so that they are paired.
    """

    def __init__(
        self,
        scores: Floats,
        answers: NDArray[np.int64],
        points: Sequence[Point],
        clusters: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        self._points = tuple(points)
        self.rows = len(scores)
        counted = (~np.isnan(scores)).all(axis=1)
        self.complete = int(counted.sum())
        self.answered = int((counted & (answers != 0).all(axis=1)).sum())
        """Complete rows in which no answer failed; in the others a failure counts as what it is worth."""
        self._independent = len(np.unique(clusters[counted]))
        # Score columns first, then for each cell whether the answer differs from the clean one, then from the
        # next milder severity's.
        left_out = np.isnan(scores)
        table = np.hstack([scores, self._flips(answers, left_out), self._changes(answers, left_out)])
        present = ~np.isnan(table)
        with np.errstate(invalid="ignore", divide="ignore"):
            self._means = np.where(present, table, 0.0).sum(axis=0) / present.sum(axis=0)
        grouped = None if len(np.unique(clusters)) == len(clusters) else clusters
        self._resampled = resampled_means(table, RESAMPLES, rng, grouped)

    def columns(self, corruption: str | None = None) -> list[int]:
        """Return the columns of one corruption, mildest first, or of all."""
        return [i for i, p in enumerate(self._points) if p.severity and corruption in (None, p.corruption)]

    def severity(self, column: int) -> int:
        """Return a column's severity."""
        return self._points[column].severity

    def retained(self, columns: Sequence[int]) -> Statistic:
        """Mean score of the columns as a share of the clean score."""
        picked = list(columns)
        return lambda means: np.asarray(means[..., picked].mean(axis=-1) / means[..., 0])

    def error(self) -> Statistic:
        """Mean error over all corrupted cells."""
        picked = self.columns()
        return lambda means: np.asarray(1 - means[..., picked].mean(axis=-1))

    def drop(self, column: int) -> Statistic:
        """Clean score minus one cell's."""
        return lambda means: np.asarray(means[..., 0] - means[..., column])

    def area(self, corruptions: Iterable[str]) -> Statistic:
        """Area under the severity curve, from 0 to 1, averaged over corruptions."""
        curves = [[0, *self.columns(name)] for name in corruptions]
        axes = [[self._points[i].severity for i in curve] for curve in curves]

        def statistic(means: Floats) -> Floats:
            areas = [
                np.trapezoid(means[..., curve], x, axis=-1) / (x[-1] - x[0])
                for curve, x in zip(curves, axes, strict=True)
            ]
            return np.asarray(np.mean(areas, axis=0))

        return statistic

    def slope(self, corruptions: Iterable[str]) -> Statistic:
        """Least-squares slope of the score per step of severity, averaged over corruptions."""
        fits = []
        for name in corruptions:
            curve = [0, *self.columns(name)]
            x = np.array([self._points[i].severity for i in curve], np.float64)
            fits.append((curve, (x - x.mean()) / np.square(x - x.mean()).sum()))
        return lambda means: np.asarray(np.mean([means[..., curve] @ weights for curve, weights in fits], axis=0))

    def flips(self) -> Statistic:
        """Share of answers that differ from the same sample's clean answer."""
        picked = [i + len(self._points) for i in self.columns()]
        return lambda means: np.asarray(means[..., picked].mean(axis=-1))

    def steadiness(self) -> Statistic:
        """Share of answers that are the same as at the next milder severity."""
        picked = [i + 2 * len(self._points) for i in self.columns()]
        return lambda means: np.asarray(1 - means[..., picked].mean(axis=-1))

    def breaking(self, corruption: str, floor: float) -> Statistic:
        """First severity whose mean lies below ``floor``; one past the last where none does."""
        columns = self.columns(corruption)
        severities = np.array([self._points[i].severity for i in columns] + [self._points[columns[-1]].severity + 1])

        def statistic(means: Floats) -> Floats:
            below = means[..., columns] < floor
            first = np.where(below.any(axis=-1), below.argmax(axis=-1), len(columns))
            return np.asarray(severities[first], np.float64)

        return statistic

    def relative_errors(self, reference: Sequence[Sequence[float]], baseline: float | None) -> Statistic:
        """Mean over corruptions of the summed error as a share of a reference's (Hendrycks and Dietterich 2019).

        Args:
            reference: the reference's errors, a row for each corruption in the order of the columns.
            baseline: None for the mean corruption error; the reference's clean error for the relative one, which
                takes each model's own clean error off first.
        """
        names = list(dict.fromkeys(p.corruption for p in self._points if p.severity))
        kept = [
            (self.columns(name), total) for name, total in zip(names, self.totals(reference, baseline), strict=True)
        ]

        def statistic(means: Floats) -> Floats:
            errors = 1 - means
            clean = 0.0 if baseline is None else errors[..., :1]
            shares = [(errors[..., columns] - clean).sum(axis=-1) / total for columns, total in kept if total > 0]
            return np.asarray(np.mean(shares, axis=0)) if shares else np.full(means.shape[:-1], np.nan)

        return statistic

    @staticmethod
    def totals(reference: Sequence[Sequence[float]], baseline: float | None) -> list[float]:
        """Return the denominators; a corruption whose own is not above 0 is left out of the mean."""
        return [float(np.sum(np.asarray(row) - (baseline or 0.0))) for row in reference]

    def estimate(self, statistic: Statistic) -> Estimate:
        """Return a statistic with its percentile interval."""
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = percentile_interval(statistic(self._resampled))
            return Estimate(float(statistic(self._means)), low, high)

    def value(
        self,
        statistic: Statistic,
        direction: Direction = "higher",
        unit: str = "share",
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> MetricValue:
        """Return a statistic as a metric; ``bounds`` is what values it can have at all."""
        found = self.estimate(statistic)
        counts = {
            "ok": self.answered,
            "failed": self.complete - self.answered,
            "incomplete": self.rows - self.complete,
        }
        statuses = {status: count for status, count in counts.items() if count or status == "ok"}
        method = f"paired bootstrap, percentile, B={RESAMPLES}"
        low, high = found.low, found.high
        if low == high and unit != "severity":
            # No sample changed, so the bootstrap sees no spread; so many clusters can still hide this share of changes.
            hidden = float(wilson(0, self._independent)[1])
            low, high = max(low - hidden, bounds[0]), min(high + hidden, bounds[1])
            method = "wilson (no spread in the sample)"
        return MetricValue(found.value, low, high, self.complete, self.rows, direction, unit, statuses, method)

    def _flips(self, answers: NDArray[np.int64], left_out: NDArray[np.bool_]) -> Floats:
        return differs(answers == 0, left_out, answers, [0] * answers.shape[1])

    def _changes(self, answers: NDArray[np.int64], left_out: NDArray[np.bool_]) -> Floats:
        return differs(answers == 0, left_out, answers, next_milder(self._points))


def next_milder(points: Sequence[Point]) -> list[int]:
    """Return for each column that of the next milder severity of its corruption; column 0 is the clean one."""
    milder = [0] * len(points)
    for name in {point.corruption for point in points if point.severity}:
        severity = {i: point.severity for i, point in enumerate(points) if point.corruption == name}
        for before, after in pairwise([0, *sorted(severity, key=severity.__getitem__)]):
            milder[after] = before
    return milder


def differs(
    failed: NDArray[np.bool_], left_out: NDArray[np.bool_], answers: NDArray[np.int64], others: Sequence[int]
) -> Floats:
    """Return 1.0 where an answer is not that of another column, 0.0 where it is, [n, cells].

    An answer that failed is not the other one: a model that crashes on an image has changed its mind about it. NaN
    where there is no other answer to differ from, or one of both is left out of all scores.

    Args:
        failed: whether there is no answer, [n, cells].
        left_out: whether a failure does not count, [n, cells].
        answers: a code for each text, [n, cells].
        others: for each column the one that it is compared with.
    """
    columns = list(others)
    unknown = failed[:, columns] | left_out | left_out[:, columns]
    return np.where(unknown, np.nan, (failed | (answers != answers[:, columns])).astype(np.float64))
