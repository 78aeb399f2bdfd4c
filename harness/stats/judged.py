"""How many answers are right, when a judge says so who errs: the corrected share, with the judge's own error in it.

A judge passes a share ``p`` of the answers. On answers whose truth is known it passes a share ``a`` of the right and
``b`` of the wrong ones. Then ``p = θ a + (1 − θ) b`` for the share θ that is right, so ``θ = (p − b) / (a − b)``. The
interval holds every θ that the three estimates do not contradict (Fieller's), so that it knows how sure ``a`` and
``b`` are, and widens to everything where nothing says that the judge tells right from wrong.

Source:
    Rogan and Gladen 1978, "Estimating prevalence from the results of a screening test"; Fieller 1954 for the set;
    Lang and Reiczigel 2014, "Confidence limits for prevalence of disease adjusted for estimated sensitivity and
    specificity", for the observations that are added to shares of few; Liang and Zeger 1986 for clusters.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from harness.stats._door import Floats

_POWER: Final = 0.8
_MOST: Final = 100_000
"""A judge for whom more known answers than that would be needed cannot be told from a coin."""
_FEW: Final = 60
"""With fewer clusters Student's t takes the place of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """The interval of a corrected share, and whether the judge was able to give one."""

    low: float
    high: float
    poor: bool = False
    """Whether it is not shown that the judge passes more of the right than of the wrong answers: the interval is
    then everything."""
    needed: int | None = None
    """How many known answers would show it with 80 % power, if a poor judge is as good as it looks; None: it does not
    look any good."""
    unlike: bool = False
    """Whether no share of right answers explains what passes: the known answers are not like the judged ones, and
    there is no interval."""


def corrected_share(passed: float, answered: float, right: float, wrong: float) -> float:
    """Return the share of answers that are right, as it follows from the shares that a judge passes.

    Args:
        passed: of all answers; one that never came is not passed.
        answered: share of them that came.
        right: share that the judge passes of answers known to be right.
        wrong: share that it passes of answers known to be wrong.

    Returns:
        Unbounded: below 0 where fewer pass than of the wrong ones. NaN where no more of the right ones pass.

    >>> corrected_share(0.62, 1.0, right=0.9, wrong=0.2)  # doctest: +ELLIPSIS
    0.6
    """
    informed = right - wrong
    return (passed - answered * wrong) / informed if informed > 0 else math.nan


def corrected_interval(sums: Floats, counts: Floats, confidence: float = 0.95) -> Corrected:
    """Return the interval of :func:`corrected_share`.

    Args:
        sums: by independent unit, of what passed, what came, what passed of the right ones and of the wrong ones,
            [units, 4]; each row is worth 0 to 1. Right and wrong may be one column and its complement, for pairs.
        counts: how many rows each unit has in each, [units, 4].
        confidence: two-sided, in (0, 1).

    Returns:
        Ends within [0, 1].

    >>> ones = np.ones(50)
    >>> judged, right, wrong = np.arange(50) < 30, np.arange(50) < 45, np.arange(50) < 10
    >>> found = corrected_interval(np.column_stack([judged, ones, right, wrong]).astype(float), np.ones((50, 4)))
    >>> round(found.low, 2), round(found.high, 2), found.poor
    (0.39, 0.74, False)
    """
    sizes = counts.sum(axis=0)
    if not (sizes > 0).all():
        return Corrected(math.nan, math.nan, True)
    z = _critical(counts, confidence)
    x, y, variance = _moments(sums, counts, z)
    (xx, xy), (_, yy) = variance
    known = float(counts[:, 2].sum() + (0 if _mirrored(sums, counts) else counts[:, 3].sum()))
    square = y * y - z * z * yy
    if y <= 0 or square <= 0:
        return Corrected(0.0, 1.0, True, _needed(y, yy, known, z))
    middle = (x * y - z * z * xy) / square
    spread = math.sqrt(max(0.0, middle * middle - (x * x - z * z * xx) / square))
    low, high = middle - spread, middle + spread
    if low >= 1 or high <= 0:
        return Corrected(math.nan, math.nan, unlike=True)
    return Corrected(float(max(low, 0.0)), float(min(high, 1.0)))


def _moments(sums: Floats, counts: Floats, z: float) -> tuple[float, float, Floats]:
    """Return ``p − q b``, ``a − b`` and their covariance matrix, with observations added as Lang and Reiczigel do.

    z² observations, half of which pass, are added to the judged answers, and two to the right and to the wrong ones
    each: where all rows agree, something remains to be seen. With clusters, each is as large as a mean one.
    """
    units = (counts > 0).sum(axis=0)
    size = counts.sum(axis=0) / units
    added = np.array([z * z / 2, z * z / 2, 1.0, 1.0])  # so many that pass, and as many that do not
    total = counts.sum(axis=0) + 2 * added * size
    mean = (sums.sum(axis=0) + added * size) / total
    mean[1] = sums[:, 1].sum() / counts[:, 1].sum()  # what came is counted, not estimated from few
    moved = (sums - mean * counts) / total
    p, q, a, b = mean
    xs = moved[:, 0] - q * moved[:, 3] - b * moved[:, 1]
    ys = moved[:, 2] - moved[:, 3]
    xx, xy, yy = float(xs @ xs), float(xs @ ys), float(ys @ ys)
    ends = np.array([0.0, 1.0])
    judged = (ends - p) * size[0] / total[0]
    xx += float(added[0] * (judged @ judged))
    rights, wrongs = (ends - a) * size[2] / total[2], (ends - b) * size[3] / total[3]
    if _mirrored(sums, counts):
        wrongs = wrongs[::-1]
        pairs = [(-q * wrongs, rights - wrongs)]
    else:
        pairs = [(np.zeros(2), rights), (-q * wrongs, -wrongs)]
    for one, other in pairs:
        xx, xy, yy = xx + float(one @ one), xy + float(one @ other), yy + float(other @ other)
    return float(p - q * b), float(a - b), np.array([[xx, xy], [xy, yy]])


def _mirrored(sums: Floats, counts: Floats) -> bool:
    """Return whether right and wrong are one column and its complement: two answers, of which one is better."""
    return bool(np.array_equal(counts[:, 2], counts[:, 3]) and np.allclose(sums[:, 2] + sums[:, 3], counts[:, 2]))


def _critical(counts: Floats, confidence: float) -> float:
    """Return the quantile: Student's where few clusters of several rows tell the spread."""
    tail = 0.5 + confidence / 2
    clustered = (counts > 1).any(axis=0)
    units = (counts > 0).sum(axis=0)[clustered]
    if not units.size or units.min() >= _FEW:
        return NormalDist().inv_cdf(tail)
    from scipy.special import stdtrit

    return float(stdtrit(max(1, int(units.min()) - 1), tail))


def _needed(informed: float, variance: float, known: float, z: float) -> int | None:
    """Return how many known answers would show that a judge is informed, with 80 % power."""
    if informed <= 0:
        return None
    wanted = known * variance * (z + NormalDist().inv_cdf(_POWER)) ** 2 / informed**2
    return None if wanted > _MOST else max(int(known) + 1, math.ceil(wanted))
