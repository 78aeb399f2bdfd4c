"""Which samples to ask, where some tell more than others: chances by what each is expected to add, and a draw by them.

Whoever asks every sample that ever changed sides and none that never did sees nothing of a model that fails somewhere
new. So half of every draw is plain: no sample's chance is less than half of what a plain draw of the same size gives
it, and no weight (one over the chance) more than twice the plain one.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._door import Floats, Index, at_least, inside, same_length, vector

PLAIN: Final = 0.5
"""The share of a draw that is plain: what the worst history can cost is twice the variance, and half the rest gains."""
_STEPS: Final = 100
_NEAR: Final = 1e-9


def expected_moves(values: ArrayLike, prior: float = 1.0) -> Floats:
    """Return the squared difference to expect of two runs' values of each unit, [units].

    It is the mean squared difference over pairs of earlier runs, which for 0s and 1s is the share of pairs that
    disagree, shrunk towards the mean over units as if so many more runs (``prior``) had shown that.

    Args:
        values: of earlier runs, [runs, units]; NaN where a run says nothing of a unit.
        prior: in runs, above 0.

    Raises:
        ValueError: if an argument is not as described.

    >>> expected_moves([[1, 1, 0], [1, 0, 0], [1, 1, 0]]).round(3).tolist()
    [0.074, 0.519, 0.074]
    """
    told = np.asarray(values, np.float64)
    if told.ndim != 2:
        raise ValueError(f"values: expected 2 dimensions, got shape {told.shape}")
    inside("prior", prior, 0, np.inf)
    there = ~np.isnan(told)
    runs = there.sum(axis=0).astype(np.float64)
    filled = np.where(there, told, 0.0)
    centre = filled.sum(axis=0) / np.maximum(runs, 1)
    squares = np.where(there, np.square(told - centre), 0.0).sum(axis=0)
    free = np.maximum(runs - 1, 0)
    pairs = 2 * squares / np.maximum(free, 1)
    usual = float(free @ pairs / free.sum()) if free.any() else 0.0
    return np.asarray((free * pairs + prior * usual) / (free + prior), np.float64)


def chances(expected: ArrayLike, sizes: ArrayLike, rows: float, plain: float = PLAIN) -> Floats:
    """Return the chance of each unit to be drawn, [units], in (0, 1]: they add up to so many rows.

    The variance of the estimate is least where chances go as the root of a unit's expected squared difference over its
    size. A share of the draw is plain (see above); nobody's chance is above 1.

    Args:
        expected: squared difference of each unit, 0 or more, [units].
        sizes: rows of each unit, above 0, [units].
        rows: how many to ask, above 0.
        plain: in (0, 1].

    Raises:
        ValueError: if an argument is not as described.

    >>> chances([0, 0, 0, 1], [1, 1, 1, 1], 2).round(3).tolist()
    [0.333, 0.333, 0.333, 1.0]
    """
    moves, m = vector("expected", expected), vector("sizes", sizes)
    same_length(expected=moves, sizes=m)
    at_least("rows", rows, 0)
    if not 0 < plain <= 1:
        raise ValueError(f"plain: must lie in (0, 1], got {plain:g}")
    if not m.size or moves.min() < 0 or m.min() <= 0 or rows <= 0:
        raise ValueError("expected and rows must be 0 or more, sizes above 0, and there must be units")
    if rows >= m.sum():
        return np.ones(m.size)
    wanted = np.sqrt(moves / m)
    share = float(m @ wanted)
    base = np.full(m.size, 1 / m.sum())
    weight = base if share <= 0 else plain * base + (1 - plain) * wanted / share
    found: Floats = rows * weight
    for _ in range(_STEPS):  # those above 1 are drawn for certain; the others share what is left
        sure = found >= 1
        left = rows - float(m[sure].sum())
        open_ = float(m[~sure] @ weight[~sure])
        if not sure.any() or open_ <= 0:
            break
        scaled = np.where(sure, 1.0, weight * left / open_)
        if np.array_equal(scaled, found):
            break
        found = scaled
    return np.minimum(found, 1.0)


def drawn(chance: ArrayLike, order: ArrayLike, start: float) -> Index:
    """Return the units of a systematic draw, as places, in their given order.

    Units lie side by side in a random order, each as long as its chance; a comb with teeth at distance 1 falls on
    them. Every unit is met with exactly its chance, whatever the order, and the number drawn is their sum to within 1.

    Args:
        chance: of each unit, in [0, 1], [units].
        order: what each unit is put in order by, [units].
        start: of the comb, in [0, 1).

    Source:
        Hartley and Rao 1962, "Sampling with unequal probabilities and without replacement".

    >>> drawn([0.5, 1.0, 0.5], [2, 0, 1], 0.25).tolist()
    [1, 2]
    """
    p, keys = vector("chance", chance), np.asarray(order)
    same_length(chance=p, order=keys)
    sure = p >= 1
    places = np.flatnonzero(~sure)
    places = places[np.argsort(keys[places], kind="stable")]
    ends = np.cumsum(p[places])
    if ends.size and abs(ends[-1] - round(ends[-1])) < _NEAR:  # a whole number but for rounding
        ends *= round(ends[-1]) / ends[-1]
    teeth = np.floor(ends - start) - np.floor(np.append(0.0, ends[:-1]) - start)
    return np.sort(np.concatenate([np.flatnonzero(sure), places[teeth > 0]])).astype(np.int64)


def worth(chance: ArrayLike, sizes: ArrayLike, expected: ArrayLike) -> float:
    """Return how many rows of a plain draw one row of this draw is worth, if what was expected comes true.

    Args:
        chance: of each unit, [units].
        sizes: rows of each unit, [units].
        expected: squared difference of each unit, [units]; with none above 0 it is 1.

    >>> worth([1.0, 0.5, 0.5], [1, 1, 1], [1.0, 0.0, 0.0])
    1.5
    """
    p, m, moves = vector("chance", chance), vector("sizes", sizes), vector("expected", expected)
    whole = float(moves.sum())
    if whole <= 0:
        return 1.0
    plain = float(p @ m) / float(m.sum())
    return whole / plain / float((moves / p).sum())
