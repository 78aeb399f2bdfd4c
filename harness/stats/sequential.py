"""May we stop early? Looks at pre-declared sample counts, with the level spent between them (Lan–DeMets)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from harness.stats._door import Floats, inside
from harness.stats.results import Comparison
from harness.stats.verdict import Outcome

Spending = Literal["obrien-fleming", "pocock", "quadratic"]
_STEP: Final = 0.05
"""Of the grid, in standard deviations; levels are right to some 1e-8 of themselves."""
_REACH: Final = 8.5


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """When to look, and how small a p-value must be at each look. One-sided."""

    looks: tuple[int, ...]
    """Samples at each look, increasing; the last is the planned end."""
    alpha: float
    """Chance of any false alarm over all looks together."""
    spending: Spending
    boundaries: tuple[float, ...]
    """A z-score at or beyond this decides; infinite where a look may spend nothing."""
    levels: tuple[float, ...]
    """The same as p-values: a one-sided p at or below this decides."""
    spent: tuple[float, ...]
    """Level spent up to and including each look."""

    def confidence(self, look: int) -> float:
        """Return the confidence of the one-sided bounds that belong to a look (from 0): 1 − its level."""
        return 1 - self.levels[_checked_look(self, look)]


def spent_level(fraction: float, alpha: float = 0.05, spending: Spending = "obrien-fleming") -> float:
    """Return the level that may be spent when a fraction of the samples is in.

    O'Brien–Fleming type: 2 − 2 Φ(z(1 − α/2) / √t), very little early. Pocock type: α ln(1 + (e − 1) t),
    about evenly. Quadratic, between them: α t².

    Args:
        fraction: share of the planned samples, t in (0, 1].
        alpha: one-sided level in the end, in (0, 1).
        spending: which of them.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials"; Kim and DeMets 1987 for powers of t.

    >>> round(spent_level(0.5, 0.025), 5), round(spent_level(0.5, 0.025, "pocock"), 5)
    (0.00153, 0.0155)
    """
    inside("fraction", fraction, 0, math.nextafter(1, 2))
    inside("alpha", alpha, 0, 1)
    if spending == "obrien-fleming":
        return float(2 * ndtr(float(ndtri(alpha / 2)) / math.sqrt(fraction)))
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * fraction)
    if spending == "quadratic":
        return alpha * fraction**2
    raise ValueError(f"spending: must be 'obrien-fleming', 'pocock' or 'quadratic', got {spending!r}")


def sequential_plan(looks: Sequence[int], alpha: float = 0.05, spending: Spending = "obrien-fleming") -> SequentialPlan:
    """Return the boundaries for looks at declared sample counts.

    The z-scores at the looks are jointly normal with correlation √(nᵢ / nⱼ). The density of "not
    stopped so far" is carried from look to look on a grid, and each boundary is solved for the
    level that the spending function allows; no table is involved. Exact for normal differences with
    known spread; with p-values from t or McNemar tests it is close from some 50 samples a look on.

    Args:
        looks: samples at each look, whole, increasing, above 0; the last is the planned end.
        alpha: chance of any false alarm over all looks, in (0, 1). For a family of m metrics that must
            all be decided: alpha / m (Holm's steps do not carry over to looks at different times).
        spending: how the level is spread over the looks.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Armitage, McPherson and Rowe 1969 for the recursion; Jennison and Turnbull 2000, chapter 19.

    >>> plan = sequential_plan([100, 200, 300, 400, 500], alpha=0.025)
    >>> [round(z, 2) for z in plan.boundaries]
    [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    return _planned(tuple(int(n) for n in looks), alpha, spending)


@lru_cache(maxsize=64)
def _planned(counts: tuple[int, ...], alpha: float, spending: Spending) -> SequentialPlan:
    if not counts or counts[0] < 1 or any(b <= a for a, b in pairwise(counts)):
        raise ValueError(f"looks: must be increasing sample counts above 0, got {list(counts)}")
    spent = tuple(spent_level(n / counts[-1], alpha, spending) for n in counts)
    boundaries: list[float] = []
    grid, density = np.zeros(1), np.ones(1)
    before, information = 0.0, 0.0
    for n, total in zip(counts, spent, strict=True):
        share = n / counts[-1]
        spread = math.sqrt(share - information)
        edge = _solve_edge(grid, density, spread, total - before, share)
        boundaries.append(edge / math.sqrt(share))
        grid, density = _carry_on(grid, density, spread, edge, share)
        before, information = total, share
    levels = tuple(float(ndtr(-z)) for z in boundaries)
    return SequentialPlan(counts, alpha, spending, tuple(boundaries), levels, spent)


def _solve_edge(grid: Floats, density: Floats, spread: float, level: float, information: float) -> float:
    """Return the b with P(not stopped before, B(t) ≥ b) = level; B(t) is Brownian motion at information t."""
    if level < 1e-15:
        return math.inf
    scale = math.sqrt(information)
    low, high = -_REACH * scale, _REACH * scale
    for _ in range(80):
        middle = (low + high) / 2
        beyond = float(density @ ndtr((grid - middle) / spread))
        low, high = (middle, high) if beyond > level else (low, middle)
    return (low + high) / 2


def _carry_on(grid: Floats, density: Floats, spread: float, edge: float, information: float) -> tuple[Floats, Floats]:
    """Return grid and probability masses of "not stopped" after this look (Simpson's weights included)."""
    scale = math.sqrt(information)
    top = min(edge, _REACH * scale)
    points = 2 * math.ceil((top + _REACH * scale) / (2 * _STEP * min(scale, spread))) + 1
    new = np.linspace(-_REACH * scale, top, points)
    weights = np.full(points, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    weights *= (new[1] - new[0]) / 3
    masses = np.empty(points)
    for start in range(0, points, 256):
        z = (new[start : start + 256, None] - grid) / spread
        masses[start : start + 256] = np.exp(-z * z / 2) @ density
    return new, masses * weights / (spread * math.sqrt(2 * math.pi))


def certain_at(plan: SequentialPlan, look: int, comparison: Comparison) -> Outcome | None:
    """Return the verdict if it is certain at a look, else None.

    FAIL: the one-sided p for a drop is at or below the look's level, and the observed drop is at
    least the margin. NON-INFERIOR: the p for non-inferiority is at or below the look's level. Both
    tests spend their own level, because at most one of the two can be wrong. At the last look what
    is neither is INCONCLUSIVE.

    Args:
        plan: of this metric.
        look: index of the look, from 0.
        comparison: of the samples so far, with its margin; its p-values are used, not its interval.

    Raises:
        ValueError: if ``look`` is not a look of the plan.

    >>> from harness.stats.paired import paired_t
    >>> plan = sequential_plan([4, 8])
    >>> certain_at(plan, 0, paired_t([-0.5, -0.6, -0.5, -0.4], margin=0.1))
    <Outcome.FAIL: 'fail'>
    """
    level = plan.levels[_checked_look(plan, look)]
    if 0 < level >= comparison.p_less and -comparison.estimate >= comparison.margin:
        return Outcome.FAIL
    if 0 < level >= comparison.p_noninferior:
        return Outcome.NON_INFERIOR
    return Outcome.INCONCLUSIVE if look == len(plan.looks) - 1 else None


def _checked_look(plan: SequentialPlan, look: int) -> int:
    if not 0 <= look < len(plan.looks):
        raise ValueError(f"look: the plan has looks 0 to {len(plan.looks) - 1}, got {look}")
    return look
