"""The frames of a clip as whoever labels sees them: a strip over all of it, each frame with its time."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.errors import HarnessError
from harness.frames import open_clip
from harness.types import ClipSource

if TYPE_CHECKING:
    from PIL import Image

FRAMES: Final = 24
"""In a strip, at most: evenly spaced in time, the first and the last among them."""
_LONGEST_SIDE: Final = 1280
"""Pixels: a strip is kept in memory."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Frames of one clip."""

    frames: tuple[bytes, ...] = ()
    """As PNG."""
    times: tuple[float, ...] = ()
    """When each is shown, in seconds from the clip's start."""
    of: int = 0
    """How many the clip has."""
    seconds: float = 0.0
    """How long it is."""
    why_not: str = ""
    """Why there are none."""


def strip_of(source: ClipSource, most: int = FRAMES) -> Strip:
    """Return frames of a clip, as the data have it; why not where it cannot be decoded.

    Args:
        source: of the clip.
        most: frames, at most; a shorter clip is shown as a whole.
    """
    try:
        with open_clip(source.fetch()) as clip:
            line = clip.timeline
            spread = np.linspace(0, line.times[-1], most)
            picked = np.arange(len(line)) if len(line) <= most else np.unique(line.at(spread))
            images = clip.frames(picked.tolist())
    except (HarnessError, OSError) as cause:
        return Strip(why_not=str(cause))
    times = tuple(float(line.times[place]) for place in picked)
    return Strip(tuple(as_png(image, _LONGEST_SIDE) for image in images), times, len(line), float(line.duration))


def as_png(image: "Image.Image", longest: int) -> bytes:
    """Return an image as PNG, at most so many pixels on its longer side."""
    image.thumbnail((longest, longest))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
