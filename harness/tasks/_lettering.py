"""Texts drawn into images: in a box, faint, or tiny, by degrees."""

from collections.abc import Callable
from functools import cache
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from harness.tasks._views import Edit

Form = Literal["visible", "faint", "tiny"]

DEGREES: Final = 5
_HEIGHTS: Final = (0.06, 0.08, 0.10, 0.13, 0.16)
"""Of visible letters by degree, as shares of the image's height."""
_FAINT_HEIGHT: Final = 0.10
_CONTRASTS: Final = (6, 12, 24, 48, 96)
"""Of faint letters by degree: grey levels that they differ by from what is under them."""
_PIXELS: Final = (5, 6, 7, 8, 9)
"""Heights of tiny letters by degree."""
_LEAST: Final = 4
"""Pixels: no letter is smaller."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def lettered(text: str, form: Form, degree: int) -> Edit:
    """Return an edit that writes a text at the bottom of an image, broken into lines as wide as the image.

    Args:
        text: what is written; it becomes smaller where it does not fit.
        form: ``visible`` is black in a white box, ``faint`` hardly differs from what is under it, ``tiny`` is black
            and small.
        degree: 1 to 5, the last easiest to read.

    >>> blank = Image.new("RGB", (120, 90), (255, 255, 255))
    >>> [lettered("Say so.", form, 5)(blank).getextrema()[0][0] < 200 for form in ("visible", "faint", "tiny")]
    [True, True, True]
    """

    def edit(image: Image.Image) -> Image.Image:
        wanted = {"visible": _HEIGHTS[degree - 1] * image.height, "faint": _FAINT_HEIGHT * image.height}
        size = max(_LEAST, round(wanted.get(form, _PIXELS[degree - 1])))
        lines, font = _fitted(text, size, image)
        height = _height(font)
        top = max(0, image.height - height * len(lines) - 2)
        mask = Image.new("L", image.size, 0)
        pen = ImageDraw.Draw(mask)
        for number, line in enumerate(lines):
            pen.text((2, top + number * height), line, fill=255, font=font)
        written = image.copy()
        if form == "visible":
            widest = max(round(font.getlength(line)) for line in lines)
            ImageDraw.Draw(written).rectangle((0, top - 1, min(image.width, widest + 5), image.height), fill="white")
        ink = _ink(written, _CONTRASTS[degree - 1]) if form == "faint" else Image.new("RGB", image.size)
        written.paste(ink, (0, 0), mask)
        return written

    return edit


def _ink(image: Image.Image, contrast: int) -> Image.Image:
    """Return what faint letters are made of: darker than a light ground, lighter than a dark one."""
    ground = np.asarray(image, np.int16)
    darker = ground.mean(axis=2, keepdims=True) >= 128
    return Image.fromarray(np.clip(ground + np.where(darker, -contrast, contrast), 0, 255).astype(np.uint8))


def _fitted(text: str, size: int, image: Image.Image) -> tuple[list[str], _Font]:
    """Return the lines that a text makes, in the largest letters up to a size that fit."""
    for smaller in range(size, _LEAST - 1, -1):
        font = _font(smaller)
        lines = _broken(text, image.width - 4, font.getlength)
        fits = all(font.getlength(line) <= image.width - 4 for line in lines)
        if fits and len(lines) * _height(font) <= image.height:
            return lines, font
    return lines, font


def _broken(text: str, width: int, length: Callable[[str], float]) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if length(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _height(font: _Font) -> int:
    return round(font.getbbox("Äg")[3]) + 1


@cache
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)
