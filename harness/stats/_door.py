"""Checks of arguments, done once where data comes in: a ``ValueError`` names the argument and what is wrong."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

ROUNDING: Final = 1e-12
"""Values that differ by less, as a share of the largest, are equal."""


def vector(name: str, values: ArrayLike) -> Floats:
    """Return finite floats [n].

    Raises:
        ValueError: if ``values`` is not one-dimensional, or holds NaN or an infinity.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected 1 dimension(s), got shape {array.shape}")
    bad = ~np.isfinite(array)
    if bad.any():
        at = int(bad.argmax())
        kind = "NaN" if np.isnan(array[at]) else "an infinite value"
        raise ValueError(
            f"{name}: {kind} at {at} ({int(bad.sum())} in all); leave out what has no value, on both sides"
        )
    return array


def probabilities(name: str, values: ArrayLike) -> Floats:
    """Return floats [n] in [0, 1].

    Raises:
        ValueError: as :func:`vector`, and for values outside [0, 1].
    """
    array = vector(name, values)
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{name}: values must lie in [0, 1], got {array.min():g} to {array.max():g}")
    return array


def binary(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Return booleans [n].

    Raises:
        ValueError: as :func:`vector`, and for values other than 0 and 1.
    """
    array = vector(name, values)
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError(f"{name}: values must be 0 or 1")
    return np.equal(array, 1)


def same_length(**arrays: NDArray[Any] | None) -> None:
    """Check that arrays which belong together are equally long; None is skipped.

    Raises:
        ValueError: if they are not.
    """
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(" and ".join(lengths) + f": lengths differ ({', '.join(map(str, lengths.values()))})")


def labels(name: str, values: ArrayLike | None, n: int) -> tuple[Index, int]:
    """Return the index [n] of each row's group, from 0, and the number of groups.

    Where every row is its own (``values`` is None, or has no label twice), row i is group i.

    Raises:
        ValueError: if there are not n labels in one dimension, or one is NaN.
    """
    if values is None:
        return np.arange(n), n
    array = np.asarray(values)
    if array.shape != (n,):
        raise ValueError(f"{name}: expected one label for each of {n} rows, got shape {array.shape}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name}: NaN is no label")
    if array.dtype.kind == "i" and n and int(array.min()) >= 0 and int(array.max()) < 4 * n:
        return _small(array.astype(np.int64, copy=False))
    distinct, index = np.unique(array, return_inverse=True)
    if len(distinct) == n:
        return np.arange(n), n
    return index.astype(np.int64, copy=False), len(distinct)


def _small(numbers: Index) -> tuple[Index, int]:
    """As :func:`labels`, of numbers that are hardly larger than there are rows: counted, not sorted."""
    there = np.bincount(numbers) > 0
    groups = int(there.sum())
    if groups == len(numbers):
        return np.arange(groups), groups
    return (np.cumsum(there) - 1)[numbers], groups


def inside(name: str, value: float, low: float, high: float) -> float:
    """Return ``value``, which must lie strictly between ``low`` and ``high``.

    Raises:
        ValueError: if it does not, or is NaN.
    """
    if not low < value < high:
        raise ValueError(f"{name}: must lie between {low:g} and {high:g}, got {value:g}")
    return float(value)


def at_least(name: str, value: float, low: float) -> float:
    """Return ``value``, which must be ``low`` or more and finite.

    Raises:
        ValueError: if it is not, or is NaN.
    """
    if not low <= value < float("inf"):
        raise ValueError(f"{name}: must be {low:g} or more, got {value:g}")
    return float(value)


def minus(one: Floats, other: Floats) -> Floats:
    """Return ``one − other``, 0 where they differ by rounding alone.

    >>> minus(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.25])).tolist()
    [0.0, 0.25]
    """
    found = one - other
    return np.where(np.abs(found) <= ROUNDING * np.maximum(np.abs(one), np.abs(other)), 0.0, found)


def tied(values: Floats, *levels: float) -> Floats:
    """Return finite values [n] in which those that differ by rounding alone are one: a level, or the lowest of them.

    Without this, whether two differences tie would hang on the order in which their scores were added up.

    >>> tied(np.array([0.3 - 0.2, 0.1, 1e-17, -0.4]), 0.0).tolist() == [0.3 - 0.2, 0.3 - 0.2, 0.0, -0.4]
    True
    """
    near = ROUNDING * float(np.abs(values).max(initial=0.0))
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.r_[True, np.diff(ordered) > near][: values.size]
    found = np.empty_like(values)
    found[order] = ordered[first][np.cumsum(first) - 1]
    for level in levels:
        found[np.abs(found - level) <= near] = level
    return found
