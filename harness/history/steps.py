"""Where a series changed: steps in both directions, recoveries, and slow drift.

Steps are found by asv's own Potts solver with a milder penalty than asv's default, which misses 85 % of steps of
three standard deviations in thirty commits (docs/history.md has the simulation). asv also forgets a regression once
it has recovered; here it stays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from harness.errors import UsageError
from harness.extras import install
from harness.history.trend import trend

Kind = Literal["worse", "better", "recovered", "drift"]

_MIN_SIZE: Final = 3
"""Commits that a level lasts at least."""
_SHORT: Final = 30
_ALPHA: Final = 0.01
_DRIFT: Final = 50
"""Commits under which no drift is looked for: fewer don't show how much of a slope is noise that lingers."""


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch of commits between two steps."""

    start: int
    """Index of its first point."""
    end: int
    """One past its last."""
    value: float
    """The median."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a series; values are better when lower."""

    kind: Kind
    at: int
    """Index of the first point after a step; of the last point of a drift."""
    before: float
    after: float


def levels(values: Sequence[float]) -> list[Level]:
    """Return the stretches of a series, by minimising absolute deviations with a penalty a step.

    The penalty is chosen by asv's information criterion with ``beta = m·ln(n)/n``, m = 2.5 under thirty points and 2
    above.

    Raises:
        UsageError: if asv is not installed.

    >>> [(one.start, one.end) for one in levels([1, 1.01, 0.99, 1, 1.01, 2, 2.01, 1.99, 2, 2.01])]
    [(0, 5), (5, 10)]
    """
    n = len(values)
    if n < 2 * _MIN_SIZE or len(set(values)) == 1:
        return [Level(0, n, _median(values))] if n else []
    try:
        from asv.step_detect import solve_potts_autogamma
    except ImportError as cause:
        raise UsageError(f"change points need asv: {install('asv')}") from cause
    m = 2.5 if n < _SHORT else 2.0
    rights, _, _, _ = solve_potts_autogamma(list(values), [1.0] * n, beta=m * math.log(n) / n, min_size=_MIN_SIZE)
    ends = [0, *map(int, rights)]
    return [Level(start, end, _median(values[start:end])) for start, end in pairwise(ends) if end > start]


def changes(values: Sequence[float]) -> list[Change]:
    """Return what happened to a series, in order.

    A step up is a regression. A step down is a recovery where it undoes at least half of the regression before it,
    else an improvement. A drift is a trend within the last level, which no single step shows.
    """
    found = levels(values)
    out: list[Change] = []
    debt: float | None = None
    for old, new in pairwise(found):
        if new.value == old.value:
            continue
        if new.value > old.value:
            out.append(Change("worse", new.start, old.value, new.value))
            debt = old.value if debt is None else min(debt, old.value)
        else:
            back = debt is not None and new.value <= old.value - 0.5 * (old.value - debt)
            out.append(Change("recovered" if back else "better", new.start, old.value, new.value))
            debt = None if back else debt
    return [*out, *_drift(values, found)]


def _drift(values: Sequence[float], found: Sequence[Level]) -> list[Change]:
    if not found or found[-1].end - found[-1].start < _DRIFT:
        return []
    last = values[found[-1].start : found[-1].end]
    if len(set(last)) == 1:
        return []
    line = trend(last)
    return [Change("drift", found[-1].end - 1, line.start, line.end)] if line.p < _ALPHA else []


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
