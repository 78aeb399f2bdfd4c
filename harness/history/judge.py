"""The newest commit against earlier levels, so that neither a jump nor decay in small steps passes, and noise does."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev
from typing import Final, Literal

import numpy as np

from harness.history.measure import bounded, inverse, inverted
from harness.history.series import Point, Series
from harness.history.steps import Level, levels
from harness.stats.multiplicity import holm
from harness.types import Direction

Against = Literal["last level", "last release", "best level"]
Outcome = Literal["fail", "again", "ok", "undecided"]
"""``again``: worse, by one measurement alone; ``ok``: not shown to be worse; ``undecided``: nothing can be said."""
LEAST: Final = 5
"""Commits that a level needs before anything is judged by it."""
_MOST: Final = 30
"""The commits at the end of a level that speak for it."""
_STEADIEST: Final = 0.1
"""The share of its margin below which no level's standard deviation is believed."""


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is too much."""

    absolute: float = 0.02
    """For shares."""
    relative: float = 0.05
    """For all that has no bound, such as ms, MiB or answers/s: as a share of the reference."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One series against one level, in the metric's own unit: where the history holds an inverse, turned back."""

    series: Series
    against: Against
    reference: float
    """The median of the level."""
    points: int
    """Of the level, at most 30."""
    commit: str
    """The release, or the last commit of the level."""
    newest: Point
    value: float
    """What the first measurement of the newest commit gave."""
    again: float | None
    """The mean of its later ones; None where it was measured once."""
    unit: str
    direction: Direction
    worse_by: float
    """By the first measurement."""
    margin: float
    p: float
    """One-sided, of the first measurement, Holm over the whole judgement. NaN where the level has too few points."""
    outcome: Outcome
    reason: str
    """A sentence, or nothing where all is well."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """How the values of a series are read in the metric's own unit."""

    unit: str
    direction: Direction
    turn: Callable[[float], float]

    def worse(self, value: float, reference: float) -> float:
        return value - reference if self.direction == "lower" else reference - value


@dataclass(frozen=True, slots=True)
class _Judged:
    """A finding whose family is not known yet, and what a second measurement says by itself."""

    found: Finding
    confirmed: bool


def judge(series: Sequence[Series], margins: Margins | None = None, alpha: float = 0.05) -> list[Finding]:
    """Judge the newest point of each series against up to three levels of the points that asked the same.

    The levels are those between steps: the last one; the one of the last release; and the best since that release, so
    that decay cannot pass in steps each too small to be seen. The reference is a level's median, and its standard
    deviation s over k points the error: a new point of the same level lies s·√(1 + 1/k) from it, in a t distribution
    with k − 1 degrees of freedom. Two floors keep a level that never varied from being taken for certain: s is at least
    a tenth of the margin; and a share of n samples that changed by d changed in d·n of them at least, whose number has
    the standard deviation √(d·n), so that the error is at least √(d/n).

    A finding fails where the first measurement is worse by more than the margin with a p of at most ``alpha`` after
    Holm over all findings, and so are the later ones of the same commit, on average and each finding by itself.

    Args:
        series: the history.
        margins: how much worse is too much; 0.02 of a share and 5 % of anything else by default.
        alpha: false alarms over all series together, of the first measurement alone.

    Source:
        Hahn and Meeker 1991, chapter 4, for the prediction of one value.
    """
    made = [found for one in series for found in _against(one, margins or Margins(), alpha)]
    known = [i for i, one in enumerate(made) if not math.isnan(one.found.p)]
    adjusted = holm(np.array([made[i].found.p for i in known])) if known else np.array([])
    p = {i: float(q) for i, q in zip(known, adjusted, strict=True)}
    return [_decided(one, p[i], alpha) if i in p else one.found for i, one in enumerate(made)]


def _decided(one: _Judged, p: float, alpha: float) -> Finding:
    found = replace(one.found, p=p)
    if not (found.worse_by > found.margin and p <= alpha):
        return found
    if found.again is None:
        return replace(found, outcome="again", reason="measured once; measure it again")
    if not one.confirmed:
        return replace(found, reason="the second measurement does not confirm it")
    return replace(found, outcome="fail", reason="the second measurement confirms it")


def _against(series: Series, margins: Margins, alpha: float) -> Iterator[_Judged]:
    known = series.known
    if len(known) < 2:
        return
    newest = known[-1]
    same = [point for point in known[:-1] if point.config == newest.config]
    for against, level, commit in _references(same):
        yield _judged(series, against, same[level.start : level.end][-_MOST:], commit, newest, margins, alpha)


def _references(same: Sequence[Point]) -> Iterator[tuple[Against, Level, str]]:
    """Yield the levels to compare with, none twice, each with the commit that stands for it."""
    found = levels([point.value or 0.0 for point in same])
    if not found:
        return
    last = found[-1]
    yield "last level", last, same[last.end - 1].commit.hash
    named = [last]
    released = max((i for i, point in enumerate(same) if point.commit.released), default=-1)
    if released >= 0:
        level = next(level for level in found if level.start <= released < level.end)
        if level not in named:
            named.append(level)
            yield "last release", level, same[released].commit.hash
    good = [level for level in found if level.end - level.start >= LEAST and level.end > released]
    best = min(good, key=lambda level: (level.value, -level.end), default=last)
    if best not in named:
        yield "best level", best, same[best.end - 1].commit.hash


def _judged(
    series: Series, against: Against, level: Sequence[Point], commit: str, newest: Point, margins: Margins, alpha: float
) -> _Judged:
    how = _measure(series)
    values = [how.turn(point.value or 0.0) for point in level]
    first, *later = (how.turn(value) for value in newest.measured)
    reference, k = median(values), len(values)
    margin = margins.absolute if bounded(series.unit) else margins.relative * abs(reference)
    again = fmean(later) if later else None
    worse = how.worse(first, reference)
    found = Finding(
        series, against, reference, k, commit, newest, first, again, how.unit, how.direction, worse, margin,
        p=math.nan, outcome="undecided", reason="",
    )  # fmt: skip
    if k < LEAST:
        said = f"{k} point{'s' * (k != 1)} of this level: no verdict before {LEAST}"
        return _Judged(replace(found, reason=said), confirmed=False)
    spread = max(stdev(values), _STEADIEST * margin)
    if spread == 0 or not math.isfinite(worse):
        return _Judged(replace(found, reason="a share of 0 is no margin: no verdict"), confirmed=False)
    samples = newest.found.n if bounded(series.unit) else 0
    found = replace(found, p=_chance(worse, spread, k, samples), outcome="ok")
    behind = math.nan if again is None else how.worse(again, reference)
    return _Judged(found, behind > margin and _chance(behind, spread, k, samples) <= alpha)


def _chance(worse: float, spread: float, k: int, samples: int) -> float:
    """Return the one-sided p of a point that lies so far on the worse side of a level of ``k`` points.

    Args:
        worse: than the level's median.
        spread: standard deviation of the level's points, above 0.
        k: points of the level, 2 or more.
        samples: behind a share; 0 where the value is none, or it isn't known.
    """
    from scipy.special import stdtr

    error = spread * math.sqrt(1 + 1 / k)
    if samples:
        error = max(error, math.sqrt(abs(worse) / samples))
    return float(stdtr(k - 1, -worse / error))


def _measure(series: Series) -> _Measure:
    own = inverted(series.benchmark, series.unit)
    if own is None:
        return _Measure(series.unit, "lower", lambda value: value)
    return _Measure(own, "higher", inverse)
