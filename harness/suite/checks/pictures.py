"""What is to be known of pictures: which are the same, which nearly, and which show nothing."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from PIL import Image

from harness.images import opaque

NEAR: Final = 6
"""Bits of 64 by which the hashes of two pictures may differ that are nearly the same."""
_APART: Final = 20
"""Grey levels by which the small copies of such may differ anywhere: a bar of another height differs by more."""
_SIDE: Final = 16
_TINY: Final = 16
_HUGE: Final = 20_000_000
_FLAT: Final = 1.0
"""Standard deviation of grey levels below which a picture shows nothing."""
_ORIENTATION: Final = 0x0112
_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture that was decoded."""

    digest: int
    """Of its pixels, however its file is made."""
    phash: int
    small: bytes
    """Its grey levels in 16 × 16 fields."""
    size: tuple[int, int]
    blank: bool

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield kinds of findings about it alone, with what is to say."""
        width, height = self.size
        if min(self.size) < _TINY:
            yield "tiny", f"{width} × {height} px"
        if width * height > _HUGE:
            yield "huge", f"{width} × {height} px"
        if self.blank:
            yield "blank", f"{width} × {height} px of one colour"


def look(image: Image.Image) -> Seen:
    """Return what is to be known of a picture.

    The hash is of the sixty-four lowest frequencies of its cosine transform, each above or below their median (Zauner
    2010, "Implementation and Benchmarking of Perceptual Image Hash Functions").
    """
    plain = opaque(image)
    digest = hashlib.blake2b(f"{plain.mode} {plain.size}".encode(), digest_size=8)
    digest.update(plain.tobytes())
    grey = plain.convert("L")
    field = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    waves = _cosines()
    low = waves @ field @ waves.T
    bits = low.ravel() > np.median(low)
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    levels = np.asarray(plain.resize((32, 32), Image.Resampling.BOX), np.float64)
    extremes = plain.getextrema()
    spread = extremes if isinstance(extremes[0], tuple) else (extremes,)
    blank = float(levels.std(axis=(0, 1)).max()) < _FLAT and all(high - low < 8 for low, high in spread)
    return Seen(
        int.from_bytes(digest.digest(), "big"),
        int.from_bytes(np.packbits(bits).tobytes(), "big"),
        small.tobytes(),
        plain.size,
        blank,
    )


@cache
def _cosines() -> Any:
    """Return the eight lowest waves of a cosine transform of thirty-two points, [8, 32]."""
    points = np.arange(32)
    return np.cos(np.pi * (2 * points[None, :] + 1) * np.arange(8)[:, None] / 64)


def orientation(source: Any) -> int:
    """Return how EXIF says that a picture's file is to be turned; 1 where it says nothing or cannot be read."""
    from harness.errors import HarnessError
    from harness.images import open_picture

    content = getattr(source, "content", None) or getattr(source, "path", None)
    if content is None:
        return 1
    try:
        with open_picture(content, "") as image:
            return int(image.getexif().get(_ORIENTATION, 1) or 1)
    except (HarnessError, OSError, ValueError, TypeError):
        return 1


def near_pairs(pictures: list[Seen]) -> Iterator[tuple[int, int]]:
    """Yield the places of pictures that are nearly the same and not the same, the earlier one first."""
    told = [place for place, one in enumerate(pictures) if not one.blank]
    if len(told) < 2:
        return
    codes = np.array([pictures[place].phash for place in told], np.uint64)
    for start in range(0, len(codes), _BLOCK):
        rows = codes[start : start + _BLOCK]
        for other in range(start, len(codes), _BLOCK * 32):
            columns = codes[other : other + _BLOCK * 32]
            close = np.bitwise_count(rows[:, None] ^ columns[None, :]) <= NEAR
            for left, right in np.argwhere(close):
                first, second = told[start + int(left)], told[other + int(right)]
                if first < second and _alike(pictures[first], pictures[second]):
                    yield first, second


def _alike(first: Seen, second: Seen) -> bool:
    if first.digest == second.digest:
        return False  # the same, which is told elsewhere
    wide, other = (one.size[0] / one.size[1] for one in (first, second))
    if abs(wide - other) > 0.02 * max(wide, other):
        return False
    levels = [np.frombuffer(one.small, np.uint8).astype(np.int16) for one in (first, second)]
    return bool(np.abs(levels[0] - levels[1]).max() <= _APART)
