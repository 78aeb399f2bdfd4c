"""How far two computations of one number may lie apart by rounding alone, and where that bound comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

_EPSILON: Final[Mapping[str, float]] = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}
"""The distance from 1 to the next number."""
_STEPS: Final = 16
"""Roundings, in units in the last place, of a few operations on a pixel in float32, with room for their order."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """The coarser of the precisions of two adapters."""

    name: str
    epsilon: float
    unknown: bool = False

    @property
    def told(self) -> str:
        """Its name, and that it is assumed where it is."""
        return f"{self.name}, assumed" if self.unknown else self.name


def is_float(precision: str | None) -> bool:
    """Return whether what differs from run to run is rounding of floats: it is not where numbers become integers."""
    return precision in _EPSILON


def coarser(*precisions: str | None) -> Rounding:
    """Return the coarser of some precisions.

    Quantisation is no float noise: ``int8`` counts as the float32 that its scales are in. Where an adapter does not
    say, it is taken to compute in bfloat16, as servers do.

    >>> coarser("float32", "int8"), coarser("float32", None).told
    (Rounding(name='float32', epsilon=1.1920928955078125e-07, unknown=False), 'bfloat16, assumed')
    """
    found = [
        Rounding("bfloat16", _EPSILON["bfloat16"], unknown=True)
        if one is None
        else Rounding(one if one in _EPSILON else "float32", _EPSILON.get(one, _EPSILON["float32"]))
        for one in precisions
    ]
    return max(found, key=lambda one: one.epsilon)


def of_pixels(a: Array, rounding: Rounding) -> float:
    """Return how far pixels may lie apart: a few roundings in float32, and one to the precision of the model.

    One grey level is some 10,000 times as much in float32, so that no real difference hides in it.
    """
    return (_STEPS * _EPSILON["float32"] + rounding.epsilon) * _largest(a)


def of_scores(a: Array, rounding: Rounding) -> float:
    """Return how far the scores of a whole network may lie apart: half of the digits of their spread.

    √ε of the distance from their mean is the usual bound where a function's conditioning is not known (Dennis and
    Schnabel 1983, section 5.4; `isapprox` of Julia); a common offset adds its own last place.
    """
    spread = float(np.abs(a - a.mean()).max()) if a.size else 0.0
    return sqrt(rounding.epsilon) * spread + rounding.epsilon * _largest(a)


def of_log_probability(value: float, rounding: Rounding) -> float:
    """Return how far log-probabilities of one token may lie apart, in nats: √ε of their size, of 1 nat at least."""
    return sqrt(rounding.epsilon) * max(1.0, abs(value))


def furthest(a: Array, b: Array) -> float:
    """Return the largest absolute difference; infinite where one holds what is no number."""
    if not a.size:
        return 0.0
    found = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
    return found if np.isfinite(found) else float("inf")


def _largest(a: Array) -> float:
    return float(np.abs(a).max()) if a.size else 0.0
