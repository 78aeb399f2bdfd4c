"""The least of many correlated statistics when nothing sets the parts of the samples apart."""

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.stats._door import Floats, Index

_CHUNK: Final = 4_000_000
"""Numbers that are held at once."""
_DRAWN: Final = 10_000_000
"""Normal numbers that are drawn in all, but for the fewest draws."""
_FEWEST: Final = 199
_SMALL: Final = 200_000_000
"""Multiplications."""


class Look(Protocol):
    """What is moved about, and how its statistic is made."""

    residuals: Floats
    """[n, C]"""
    there: NDArray[np.bool_]
    """Which rows have a score, [n, C]."""
    places: Index
    """The part of each row by each tag, [tags, n]."""
    parts: int
    units: Index
    kinds: Index
    asked: NDArray[np.bool_]
    """Which parts are looked at under which scores, [K, C]."""

    def normal(self, sums: Floats, n: Floats | Index) -> Floats:
        """Return the statistic of sums of residuals."""


def least_of_permutations(look: Look, draws: int, rng: np.random.Generator) -> Floats:
    """Return the least statistic of each permutation of whole clusters, [draws]."""
    n, scores = look.residuals.shape
    members = (look.places[:, :, None] == np.arange(look.parts)).any(axis=0).astype(np.float64)
    everywhere = bool(look.there.all())
    step = max(1, _CHUNK // max(1, n * scores))
    least = []
    for start in range(0, draws, step):
        order = orders(look.units, look.kinds, min(step, draws - start), rng)
        sums = _summed(look.residuals, order, members)
        counts = look.there[:, :1].T @ members if everywhere else _summed(look.there.astype(np.float64), order, members)
        z = look.normal(sums, counts.reshape(-1, 1) if everywhere else counts)
        least.append(np.where(look.asked & ~np.isnan(z), z, np.inf).min(axis=(1, 2)))
    return np.concatenate(least)


def _summed(values: Floats, order: Index, members: Floats) -> Floats:
    """Return the sum of each part under each order, [b, K, C]."""
    moved = np.ascontiguousarray(values.T)[:, order]
    return np.ascontiguousarray((moved @ members).transpose(1, 2, 0))


def orders(units: Index, kinds: Index, count: int, rng: np.random.Generator) -> Index:
    """Return which row stands in the place of each, [count, n]: whole units move, among those of a kind and a size.

    Units whose sizes lie between two powers of two count as of one size; where they differ, one is cut at its end or
    goes on in the next. Within a unit rows change places, so that a tag which differs between them is moved as well.
    """
    n = len(units)
    sizes = np.bincount(units)
    if sizes.max(initial=1) == 1 and not kinds.any():
        return rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1)
    group = kinds * 64.0 + np.floor(np.log2(np.maximum(1, sizes)))[units]

    def shuffled() -> Index:
        keys = group + 0.999 * rng.random((count, len(sizes)))[:, units] + 1e-9 * rng.random((count, n))
        return np.argsort(keys, axis=1)

    found = np.empty((count, n), np.int64)
    np.put_along_axis(found, shuffled(), shuffled(), axis=1)
    return found


def least_of_normals(look: Look, draws: int, rng: np.random.Generator) -> Floats:
    """Return the least of normal numbers that are correlated as the statistics are, [draws]; fewer where many are.

    Under permutation the correlation of two is that of their parts times that of their scores.
    """
    joint = np.zeros((look.parts + 1, look.parts + 1))
    for one in look.places:
        for other in look.places:
            counts = np.bincount(one * (look.parts + 1) + other, minlength=joint.size)
            joint += counts.reshape(joint.shape)
    joint = joint[:-1, :-1]
    inside = np.bincount(look.places.ravel(), minlength=look.parts + 1)[:-1]
    left = _root(joint - np.outer(inside, inside) / len(look.units))
    right = _root(_times(look.residuals.T, look.residuals))
    count = int(max(_FEWEST, min(draws, _DRAWN // look.asked.size)))
    step = max(1, _CHUNK // look.asked.size)
    least = []
    for start in range(0, count, step):
        size = min(step, count - start)
        drawn = _times(rng.standard_normal((size * look.parts, right.shape[0]), np.float32), right)
        moved = drawn.reshape(size, look.parts, -1).transpose(1, 0, 2).reshape(look.parts, -1)
        made = _times(left, moved).reshape(look.parts, size, -1)
        least.append(np.where(look.asked[:, None, :], made, np.inf).min(axis=(0, 2)))
    return np.concatenate(least)


def _times(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return a product of matrices; a small one without the threads of BLAS, which cost more on a busy machine."""
    small = a.shape[0] * a.shape[1] * b.shape[1] < _SMALL
    return np.asarray(np.einsum("ij,jk->ik", a, b) if small else a @ b)


def _root(products: Floats) -> NDArray[np.float32]:
    """Return the symmetric root of the correlations that products of sums have."""
    scale = np.sqrt(np.maximum(np.diag(products), 1e-300))
    values, vectors = np.linalg.eigh(products / scale[:, None] / scale)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T, np.float32)
