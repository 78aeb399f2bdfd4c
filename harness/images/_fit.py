"""Make pictures no larger than they may be."""

import math
from collections.abc import Mapping
from typing import Final

from PIL import Image

RESAMPLING: Final[Mapping[str, Image.Resampling]] = {one.name.lower(): one for one in Image.Resampling}
"""Filters by name, as Pillow has them."""


def within(size: tuple[int, int], max_pixels: int | None = None, longest_side: int | None = None) -> tuple[int, int]:
    """Return the width and height of a picture that is made smaller to keep limits; it never grows.

    Args:
        size: width and height, in pixels.
        max_pixels: the largest area.
        longest_side: the longest side.

    >>> within((400, 100), max_pixels=10_000), within((400, 100), longest_side=100), within((40, 10), 10_000, 100)
    ((200, 50), (100, 25), (40, 10))
    """
    width, height = size
    shrink = 1.0
    if max_pixels is not None and width * height > max_pixels:
        shrink = math.sqrt(max_pixels / (width * height))
    if longest_side is not None and max(size) * shrink > longest_side:
        shrink = longest_side / max(size)
    return size if shrink == 1.0 else (max(1, math.floor(width * shrink)), max(1, math.floor(height * shrink)))


def fitted(
    image: Image.Image, max_pixels: int | None = None, longest_side: int | None = None, resample: str = "bicubic"
) -> Image.Image:
    """Return a picture within limits: the very same one where it keeps them.

    Args:
        image: L, RGB or RGBA; where it is transparent, what lies under it is not drawn into its edges.
        max_pixels: as :func:`within`.
        longest_side: likewise.
        resample: a name of :data:`RESAMPLING`.
    """
    size = within(image.size, max_pixels, longest_side)
    return image if size == image.size else image.resize(size, RESAMPLING[resample])
