"""The one door for users' images: opened by content, bounded, decoded once to 8-bit L, RGB or RGBA."""

from harness.images._door import (
    FORMATS,
    MAX_PIXELS,
    PLAINLY,
    Reading,
    decode,
    further_pages,
    open_picture,
    pictures,
    regular_file,
)
from harness.images._fit import RESAMPLING, fitted, within
from harness.images._plain import opaque, plain, to_rgb
from harness.images._thumbnail import EMBEDDED, thumbnail
from harness.images.markers import misfit, settle

__all__ = [
    "EMBEDDED",
    "FORMATS",
    "MAX_PIXELS",
    "PLAINLY",
    "RESAMPLING",
    "Reading",
    "decode",
    "fitted",
    "further_pages",
    "misfit",
    "opaque",
    "open_picture",
    "pictures",
    "plain",
    "regular_file",
    "settle",
    "thumbnail",
    "to_rgb",
    "within",
]
