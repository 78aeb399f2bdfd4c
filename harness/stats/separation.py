"""Intervals of numbers that separate two classes by a score: AUROC, AUPR, and the errors at a threshold that was found.

What they share is that the rarer class decides: ten positives among a thousand negatives are ten, whatever the error
that a spread over the thousand suggests.
"""

import math
from typing import Final

import numpy as np

from harness.stats._door import Floats, Index
from harness.stats.intervals import wilson
from harness.stats.quantiles import order_statistics

NONE: Final = (math.nan, math.nan)
_MOST: Final = 4
"""However small the variance, an area is worth no more than so many times the rarer class in answers."""
_NO_SPREAD: Final = 1e-24


def auroc_interval(
    positives: Floats, negatives: Floats, units: tuple[Index, Index] | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return Wilson's interval of an AUROC, with as many trials as DeLong's variance says that it is worth.

    A share of n trials has variance A (1 − A) / n; the n that gives DeLong's variance, at most four times the rarer
    class, takes its place, and the rarer class itself where the variance is 0 (perfect order, or nothing but ties).
    Simulated with 2 to 30 positives it covers 95–98 %, DeLong's own interval 44–95 % (docs/statistics.md).

    Args:
        positives: scores, [n], infinities included.
        negatives: scores, [m].
        units: the unit of each positive and of each negative; None where all are independent.
        confidence: two-sided, in (0, 1).

    Returns:
        ``(low, high)``; NaN with fewer than two units of either class, where no spread can be seen.

    Source:
        DeLong et al. 1988; Obuchowski 1997 for clusters; Wilson 1927.

    >>> low, high = auroc_interval(np.full(6, 0.5), np.full(6, 0.5))
    >>> round(low, 3), round(high, 3)
    (0.188, 0.812)
    """
    together = units is not None
    units = units or (np.arange(len(positives)), np.arange(len(negatives)))
    few = min(len(np.unique(side)) for side in units)
    if few < 2:
        return NONE
    beaten, beating = _placed(positives, negatives), 1 - _placed(negatives, positives)
    area = float(beaten.mean())
    moves = (beaten - area) / len(positives), (beating - area) / len(negatives)
    if together:
        of_unit = np.bincount(np.unique(np.concatenate(units), return_inverse=True)[1], np.concatenate(moves))
        variance = few / (few - 1) * float(np.square(of_unit).sum())
    else:
        variance = sum(len(part) / (len(part) - 1) * float(np.square(part).sum()) for part in moves)
    worth = few if variance <= _NO_SPREAD else min(area * (1 - area) / variance, _MOST * few)
    low, high = wilson(area * max(worth, 1.0), max(worth, 1.0), confidence)
    return float(low), float(high)


def aupr_interval(value: float, positives: int, rarer: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of an area under precision and recall, on the logit scale; Wilson's of the rarer class at 1.

    Args:
        value: the area.
        positives: independent units that are positive.
        rarer: independent units of the smaller class.
        confidence: two-sided, in (0, 1).

    Source:
        Boyd, Eng and Page 2013, "Area under the precision-recall curve: point estimates and confidence intervals".
    """
    from scipy.special import expit, logit, ndtri

    if positives < 1 or math.isnan(value):
        return NONE
    if not 0 < value < 1:
        trials = rarer or positives
        low, high = wilson(value * trials, trials, confidence)
        return float(low), float(high)
    half = float(ndtri(0.5 + confidence / 2)) / math.sqrt(positives * value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def fpr_interval(
    positives: Floats,
    negatives: Floats,
    tpr: float = 0.95,
    units: tuple[Index, Index] | None = None,
    confidence: float = 0.95,
) -> tuple[float, float, bool]:
    """Return the interval of the share of negatives at or above the threshold that a share ``tpr`` of positives reach.

    Two doubts add up: that of the share at a given threshold (Wilson) and that of the threshold, a quantile of the
    positives (order statistics). Their half widths are added as squares, on each side for itself (MOVER).

    Args:
        positives: scores, [n].
        negatives: scores, [m].
        tpr: the share of positives that must be reached.
        units: as for :func:`auroc_interval`; a class of clusters counts as n² / Σ size² of them.
        confidence: two-sided, in (0, 1).

    Returns:
        ``low``, ``high``, and whether there are enough positives to bound the threshold at all: with fewer (72 at
        95 %) even the lowest score of all may be too high, so that the upper end is 1. NaN where a class is empty.

    Source:
        Zou and Donner 2008 for MOVER; Conover 1999 for order statistics.

    >>> low, high, enough = fpr_interval(np.arange(100.0), np.arange(100.0) - 80)
    >>> low < 0.15 < high < 1, enough
    (True, True)
    """
    if not len(positives) or not len(negatives):
        return *NONE, False
    ranked = np.sort(positives)
    threshold = ranked[len(ranked) - math.ceil(tpr * len(ranked) - 1e-9)]
    share = float((negatives >= threshold).mean())
    worth = [len(positives), len(negatives)] if units is None else [effective(side) for side in units]
    low, high = (float(end) for end in wilson(share * worth[1], worth[1], confidence))
    lowest, highest, _ = order_statistics(ranked, 1 - tpr, 0.5 - confidence / 2, worth[0])
    enough = lowest > -math.inf
    fewest = float((negatives >= highest).mean()) if highest < math.inf else 0.0
    most = float((negatives >= lowest).mean()) if enough else 1.0
    return (
        max(0.0, share - math.hypot(share - low, share - fewest)),
        min(1.0, share + math.hypot(high - share, most - share)) if enough else 1.0,
        enough,
    )


def least_positives(tpr: float = 0.95, confidence: float = 0.95) -> int:
    """Return the fewest positives that bound the threshold which a share ``tpr`` of them reach.

    >>> least_positives(), least_positives(confidence=0.9)
    (72, 59)
    """
    return math.ceil(math.log(0.5 - confidence / 2) / math.log(tpr))


def effective(units: Index) -> float:
    """Return how many clusters of one size those of some rows are worth, n² / Σ size².

    >>> effective(np.array([0, 0, 1, 1, 2, 2])), effective(np.array([3, 4, 5]))
    (3.0, 3.0)
    """
    sizes = np.unique(units, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def _placed(scores: Floats, others: Floats) -> Floats:
    """Return the share of ``others`` that each score lies above, ties half."""
    ranked = np.sort(others)
    below, up_to = (np.searchsorted(ranked, scores, side=side) for side in ("left", "right"))
    return np.asarray((below + up_to) / (2 * len(others)), np.float64)
