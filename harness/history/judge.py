"""The newest commit against the last release and the last good level, so that decay can't pass in small steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final, Literal

import numpy as np

from harness.history.measure import Measured, inverted, turned_back
from harness.history.series import Point, Series
from harness.history.steps import levels
from harness.stats.multiplicity import holm
from harness.types import Direction

Against = Literal["last release", "last good level"]
_LEAST: Final = 3
"""Commits that a level needs to count as good."""
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Finding:
    """One series against one reference, in the metric's own unit: where the history holds an inverse, turned back."""

    series: Series
    against: Against
    reference: float
    reference_error: float
    commit: str
    """The release, or the last commit of the good level."""
    newest: Point
    value: float
    """The newest."""
    unit: str
    direction: Direction
    worse_by: float
    p: float
    """One-sided, Holm over the whole judgement. NaN where an interval is missing."""
    failed: bool


def judge(series: Sequence[Series], margin: float, alpha: float = 0.05) -> list[Finding]:
    """Judge the newest point of each series.

    A finding fails where the newest value is worse by more than ``margin`` and the adjusted p-value is at most
    ``alpha``. Runs of two commits are compared by their intervals alone, as if they were independent: for one suite
    they share their samples, and the test is then careful, not rash. For the exact answer compare the two runs.

    Args:
        series: the history.
        margin: how much worse is too much, absolute, in the metric's own unit.
        alpha: false alarms over all series together.
    """
    made = [found for one in series for found in _against(one)]
    known = [i for i, found in enumerate(made) if not math.isnan(found.p)]
    adjusted = holm(np.array([made[i].p for i in known])) if known else np.array([])
    p = {i: float(q) for i, q in zip(known, adjusted, strict=True)}
    return [
        replace(
            found,
            p=p.get(i, math.nan),
            failed=found.worse_by > margin and (p[i] <= alpha if i in p else True),
        )
        for i, found in enumerate(made)
    ]


def _against(series: Series) -> list[Finding]:
    known = series.known
    if len(known) < 2:
        return []
    newest, earlier = known[-1], known[:-1]
    same = [point for point in earlier if point.config == newest.config]
    found = []
    released = [point for point in same if point.commit.released]
    if released:
        last = released[-1]
        found.append(_finding(series, "last release", last.found, last.commit.hash, newest))
    values = [point.value or 0.0 for point in same]
    good = [level for level in levels(values) if level.end - level.start >= _LEAST]
    if good:
        best = min(good, key=lambda level: (level.value, -level.end))
        inside = same[best.start : best.end]
        found.append(_finding(series, "last good level", _typical(best.value, inside), inside[-1].commit.hash, newest))
    return found


def _typical(value: float, points: Sequence[Point]) -> Measured:
    """Return the value of a level with the mean width of its points' intervals."""
    widths = [point.found.high - point.found.low for point in points if not math.isnan(point.found.high)]
    half = sum(widths) / len(widths) / 2 if widths else math.nan
    return Measured(value, value - half, value + half)


def _finding(series: Series, against: Against, reference: Measured, commit: str, newest: Point) -> Finding:
    before, after, unit, sign = reference, newest.found, series.unit, 1
    direction: Direction = "lower"
    if (own := inverted(series.benchmark, series.unit)) is not None:
        before, after, unit, sign, direction = turned_back(before), turned_back(after), own, -1, "higher"
    value, wanted = after.value or 0.0, before.value or 0.0
    worse = sign * (value - wanted)
    error = _error(before)
    both = math.hypot(error, _error(after))
    if math.isnan(both):
        p = math.nan
    elif both == 0:
        p = 0.0 if worse > 0 else 1.0
    else:
        p = 1 - _NORMAL.cdf(worse / both)
    return Finding(series, against, wanted, error, commit, newest, value, unit, direction, worse, p, failed=False)


def _error(found: Measured) -> float:
    """Return a standard error from a 95 % interval."""
    return (found.high - found.low) / (2 * _NORMAL.inv_cdf(0.975))
