"""The newest commit against the last release and the last good level, so that decay can't pass in small steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

import numpy as np

from harness.history.series import Point, Series
from harness.history.steps import levels
from harness.stats.multiplicity import holm

Against = Literal["last release", "last good level"]
_LEAST: Final = 3
"""Commits that a level needs to count as good."""
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Finding:
    """One series against one reference, lower is better."""

    series: Series
    against: Against
    reference: float
    reference_error: float
    commit: str
    """The release, or the last commit of the good level."""
    newest: Point
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
        margin: how much worse is too much, absolute.
        alpha: false alarms over all series together.
    """
    made = [found for one in series for found in _against(one)]
    known = [i for i, found in enumerate(made) if not math.isnan(found.p)]
    adjusted = holm(np.array([made[i].p for i in known])) if known else np.array([])
    p = {i: float(q) for i, q in zip(known, adjusted, strict=True)}
    return [
        Finding(
            found.series, found.against, found.reference, found.reference_error, found.commit, found.newest,
            found.worse_by, p.get(i, math.nan),
            found.worse_by > margin and (p[i] <= alpha if i in p else True),
        )
        for i, found in enumerate(made)
    ]  # fmt: skip


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
        found.append(_finding(series, "last release", last.value or 0.0, _error(last), last.commit.hash, newest))
    values = [point.value or 0.0 for point in same]
    good = [level for level in levels(values) if level.end - level.start >= _LEAST]
    if good:
        best = min(good, key=lambda level: (level.value, -level.end))
        inside = same[best.start : best.end]
        errors = [error for error in map(_error, inside) if not math.isnan(error)]
        error = sum(errors) / len(errors) if errors else math.nan
        found.append(_finding(series, "last good level", best.value, error, inside[-1].commit.hash, newest))
    return found


def _finding(series: Series, against: Against, reference: float, error: float, commit: str, newest: Point) -> Finding:
    worse = (newest.value or 0.0) - reference
    both = math.hypot(error, _error(newest))
    if math.isnan(both):
        p = math.nan
    elif both == 0:
        p = 0.0 if worse > 0 else 1.0
    else:
        p = 1 - _NORMAL.cdf(worse / both)
    return Finding(series, against, reference, error, commit, newest, worse, p, failed=False)


def _error(point: Point) -> float:
    """Return a standard error from a 95 % interval."""
    return (point.found.high - point.found.low) / (2 * _NORMAL.inv_cdf(0.975))
