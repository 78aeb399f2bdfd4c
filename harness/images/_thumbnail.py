"""Small pictures for pages."""

import io
from typing import Final

from PIL import Image

from harness.images._plain import to_rgb

_LONGEST_SIDE: Final = 140
_QUALITY: Final = 50
"""Of WebP: a chart of 140 px takes about a kilobyte and a half."""
EMBEDDED: Final = 5_000_000 * 3 // 4
"""Bytes of thumbnails that a page holds unasked: 5 MB, as it holds them in base64."""


def thumbnail(image: Image.Image) -> bytes:
    """Return a picture as a WebP of at most 140 pixels on a side.

    Raises:
        SampleError: as :func:`harness.images.plain`.
    """
    small = to_rgb(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, method=0)
    return out.getvalue()
