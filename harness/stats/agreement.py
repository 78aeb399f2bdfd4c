"""How far do several people agree beyond chance? Krippendorff's alpha, with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from harness.stats._door import Floats

_DRAWS: Final = 2_000
_FEWEST: Final = 5
"""With fewer things that two people judged there is no interval."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha: 1 is full agreement, 0 is what chance gives, below it people contradict each other."""

    alpha: float
    """NaN where nobody judged what somebody else did, or all said one thing of everything."""
    low: float
    high: float
    units: int
    """Things that two people or more judged."""
    people: int
    same: float
    """The share of pairs of judgements of one thing that are the same; NaN without any."""


def krippendorff(
    judged: Sequence[Sequence[float]],
    level: Literal["nominal", "interval"] = "nominal",
    *,
    people: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
) -> Agreement:
    """Return how far judgements of the same things agree.

    Any number of people may have judged a thing; what one person alone judged does not count. The interval draws
    things, whole, with replacement; where nobody disagrees it allows for the share of disagreements that so many
    things can hide (1 − (tail)^(1/n)).

    Args:
        judged: for each thing, what was said of it, as numbers.
        level: whether two judgements are the same or not (``nominal``), or lie apart by the square of their
            difference (``interval``).
        people: how many there are, for whoever reads it.
        confidence: two-sided.
        seed: of the draws.

    Source:
        Krippendorff 2004, "Content Analysis", chapter 11; Hayes and Krippendorff 2007.

    >>> found = krippendorff([[0, 0], [1, 1], [0, 1], [0, 0], [0, 0], [1, 0], [0, 0], [1, 1], [0, 0], [0, 0]])
    >>> round(found.alpha, 3), found.units
    (0.548, 10)
    """
    things = [np.asarray(one, np.float64) for one in judged if len(one) > 1]
    nan = math.nan
    if not things:
        return Agreement(nan, nan, nan, 0, people, nan)
    values = np.unique(np.concatenate(things))
    apart = (values[:, None] != values[None, :]).astype(np.float64)
    distance = apart if level == "nominal" else np.square(values[:, None] - values[None, :])
    counts = np.array([np.bincount(np.searchsorted(values, one), minlength=len(values)) for one in things], np.float64)
    sizes = counts.sum(axis=1)
    seen = _seen(counts, distance) / (sizes - 1)
    pairs = float((sizes * (sizes - 1)).sum())
    same = 1 - float(_seen(counts, apart).sum()) / pairs
    alpha = float(_alpha(seen.sum(keepdims=True), counts.sum(axis=0, keepdims=True), distance)[0])
    low, high = nan, nan
    if len(things) >= _FEWEST and not math.isnan(alpha):
        tail = (1 - confidence) / 2
        hidden = 1 - tail ** (1 / len(things))
        if alpha == 1:
            low, high = 1 - hidden / _expected(counts.sum(axis=0), distance) * float(distance.max()), 1.0
        else:
            rng = np.random.default_rng(seed)
            drawn = rng.multinomial(len(things), np.full(len(things), 1 / len(things)), _DRAWS).astype(np.float64)
            found = _alpha(drawn @ seen, drawn @ counts, distance)
            low, high = (float(one) for one in np.nanquantile(found, [tail, 1 - tail]))
    return Agreement(alpha, low, high, len(things), people, same)


def _seen(counts: Floats, distance: Floats) -> Floats:
    """Return the distances between all ordered pairs of judgements of each thing, [things]."""
    found: Floats = ((counts @ distance) * counts).sum(axis=1)
    return found


def _expected(totals: Floats, distance: Floats) -> float:
    n = float(totals.sum())
    return float(totals @ distance @ totals) / (n * (n - 1))


def _alpha(seen: Floats, totals: Floats, distance: Floats) -> Floats:
    """Return alpha of each draw, [draws], given what was seen, [draws], and how often each value was said."""
    n = totals.sum(axis=1)
    expected = _seen(totals, distance) / (n * (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(expected > 0, 1 - seen / n / expected, np.nan)
    return found
