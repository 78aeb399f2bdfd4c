"""From any mode of Pillow to 8-bit L, RGB or RGBA, by rules that docs/own-dataset.md states."""

from io import BytesIO
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

from harness.errors import SampleError

BACKGROUND: Final = "white"
"""What lies under a picture that is transparent, where a model wants RGB: paper, for charts and pages."""

_SIXTEEN: Final = ("I;16", "I;16L", "I;16B", "I;16N")
_LAYERED: Final = ("RGBA", "LA", "PA", "RGBa", "La")
_DEEP: Final = (*_SIXTEEN, "I", "F")
_WIDENED: Final = ("PNG", "PPM")
"""Formats whose mode I holds 16 bits: PNG by the file's depth, PGM because Pillow stretches every depth to it."""
_BITS: Final = 258
_PHOTOMETRIC: Final = 262
"""Tags of TIFF; of the latter 0 says that the lowest level is white, which Pillow heeds in eight bits only."""

Range = tuple[float, float]
"""What is black and what is white."""


def plain(image: Image.Image, levels: Range | None = None) -> Image.Image:
    r"""Return an image as 8-bit L, RGB or RGBA; the very same one where it is that already.

    Sixteen bits are scaled by what sixteen bits can hold, never by what the picture happens to hold, so that pictures
    of one data set stay comparable: of each level the upper eight bits, as Pillow takes of 16-bit colour.

    Args:
        image: in any mode.
        levels: what is black and what is white in pictures of more than eight bits.

    Raises:
        SampleError: if it has more than eight bits and nobody says which level is white, or levels that are no numbers.

    >>> plain(Image.fromarray(np.array([[0, 128 << 8, 65535]], np.uint16))).tobytes()
    b'\x00\x80\xff'
    """
    mode = image.mode
    clear = mode in _LAYERED or image.info.get("transparency") is not None
    if mode == "RGBA" or (mode in ("L", "RGB") and not clear):
        return image
    if mode in _DEEP:
        return _eight_bits(image, levels)
    if mode == "CMYK":
        return _from_cmyk(image)
    if clear:
        return (image.convert("LA") if mode == "La" else image).convert("RGBA")
    return image.convert("L" if mode == "1" else "RGB")


def opaque(image: Image.Image) -> Image.Image:
    """Return an image as L or RGB, on white where it is transparent: ``convert("RGB")`` would show what lies under it.

    Raises:
        SampleError: as :func:`plain`.
    """
    shown = plain(image)
    if shown.mode != "RGBA":
        return shown
    return Image.alpha_composite(Image.new("RGBA", shown.size, BACKGROUND), shown).convert("RGB")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a new image in RGB, on white where it is transparent: what every adapter shows its model.

    Raises:
        SampleError: as :func:`plain`.

    >>> to_rgb(Image.new("RGBA", (1, 1), (200, 0, 0, 0))).getpixel((0, 0))
    (255, 255, 255)
    """
    return opaque(image).convert("RGB")


def _eight_bits(image: Image.Image, levels: Range | None) -> Image.Image:
    bits = _bits(image)
    if levels is None and bits != 16:
        raise SampleError(_unknown_white(image, bits))
    values = np.asarray(image)
    if levels is None:
        scaled = np.clip(values, 0, 65535) >> 8
    else:
        low, high = levels
        if not np.isfinite(values).all():
            raise SampleError("some of its levels are no finite numbers")
        scaled = np.clip(np.rint((values.astype(np.float64) - low) * (255 / (high - low))), 0, 255)
    grey = scaled.astype(np.uint8)
    return Image.fromarray(255 - grey if _tag(image, _PHOTOMETRIC) == 0 else grey)


def _bits(image: Image.Image) -> int:
    """Return how many bits a level has; 32 where it is whole numbers of unknown range, or not whole at all."""
    if image.mode in _SIXTEEN:
        told = _tag(image, _BITS)
        return int(told[0]) if isinstance(told, tuple) and told else 16
    return 16 if image.mode == "I" and image.format in _WIDENED else 32


def _unknown_white(image: Image.Image, bits: int) -> str:
    values = np.asarray(image)
    kind = "of floating point" if image.mode == "F" else f"of {bits} bits"
    said = f"an image of mode {image.mode!r} has levels {kind}, and nothing says which of them is white"
    if not values.size or not np.isfinite(values).all():
        return f"{said}; say it as `range: [black, white]`"
    return f"{said} (they lie between {values.min():g} and {values.max():g}); say it as `range: [black, white]`"


def _tag(image: Image.Image, number: int) -> Any:
    return getattr(image, "tag_v2", {}).get(number)


def _from_cmyk(image: Image.Image) -> Image.Image:
    """Return inks as RGB, by the file's own profile where it has one that can be used."""
    if profile := image.info.get("icc_profile"):
        try:
            inks = ImageCms.ImageCmsProfile(BytesIO(profile))
            seen = ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            seen = None  # a profile for something else, or a broken one: the picture is there all the same
        if seen is not None:
            return seen
    return image.convert("RGB")
