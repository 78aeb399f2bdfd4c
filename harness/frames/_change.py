"""How much a clip changes from frame to frame."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.frames._clip import Clip, Thumbnail

Floats = NDArray[np.float64]

T = TypeVar("T")

_BINS: Final = 8


def motion(clip: Clip) -> Floats:
    """Return the mean absolute difference of each frame's thumbnail to the one before, in grey levels, [n]; 0 first."""
    return np.array([0.0, *_between(clip.thumbnails(), _difference)])


def recolouring(clip: Clip) -> Floats:
    """Return the distance of each frame's colour histogram to the one before, 0 to 1, [n]; 0 first.

    Half the sum of absolute differences of the three channels' histograms of 8 bins, averaged: the share of
    pixels that changed their colour. Motion inside a scene moves pixels and leaves it small; a cut does not.
    """
    return np.array([0.0, *_between((histogram(thumb) for thumb in clip.thumbnails()), _distance)])


def histogram(thumbnail: Thumbnail) -> Floats:
    """Return the histogram of each channel, shares of 8 bins, [24]."""
    pixels = thumbnail.reshape(-1, 3) // (256 // _BINS) + np.array([0, _BINS, 2 * _BINS], np.uint8)
    return np.bincount(pixels.ravel(), minlength=3 * _BINS) / len(pixels)


def _difference(first: Thumbnail, second: Thumbnail) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean())


def _distance(first: Floats, second: Floats) -> float:
    return float(np.abs(first - second).sum() / 6)


def _between(items: Iterable[T], measure: Callable[[T, T], float]) -> Iterator[float]:
    rest = iter(items)
    before = next(rest)
    for item in rest:
        yield measure(before, item)
        before = item
