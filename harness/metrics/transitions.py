"""Found scene changes against true ones: one-to-one within a tolerance, and how late."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Matching:
    """Which found change is which true one."""

    pairs: tuple[tuple[int, int], ...]
    """Places in the lists of found and of true changes, each once."""
    found: int
    true: int

    @property
    def hits(self) -> int:
        """True changes that were found."""
        return len(self.pairs)


def match_changes(found: Sequence[int], true: Sequence[tuple[int, int]], tolerance: int) -> Matching:
    """Match found frames with true transitions, as many as can be, the nearest first.

    Args:
        found: frames, in any order.
        true: transitions as first frame and the frame behind the last; a cut is one frame long.
        tolerance: how many frames a found change may lie before a transition or behind it.

    >>> match_changes([10, 12, 40], [(11, 12), (50, 60)], tolerance=2).pairs
    ((0, 0),)
    """
    from scipy.optimize import linear_sum_assignment

    if not len(found) or not len(true):
        return Matching((), len(found), len(true))
    away = distances(found, true)
    near = away <= tolerance
    # A pair that counts is worth more than any saving in distance, so that the most pairs are made.
    worth = np.where(near, len(found) * (tolerance + 1.0) + 1.0 - away, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    pairs = tuple((int(f), int(t)) for f, t in zip(rows, columns, strict=True) if near[f, t])
    return Matching(pairs, len(found), len(true))


def distances(found: ArrayLike, true: ArrayLike) -> "np.ndarray":
    """Return how many frames each found change lies outside each transition, [found, true]; 0 inside."""
    frames = np.asarray(found, np.int64)[:, None]
    spans = np.asarray(true, np.int64).reshape(-1, 2)[None]
    return np.asarray(np.maximum(0, np.maximum(spans[..., 0] - frames, frames - spans[..., 1] + 1)))
