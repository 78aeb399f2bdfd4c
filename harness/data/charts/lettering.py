"""The fonts that charts and pages are lettered with: they lie here, so that letters are the same everywhere."""

from functools import cache
from importlib.resources import files
from io import BytesIO

from PIL import ImageFont


@cache
def typeface(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font by its file and size in pixels; laid out by FreeType alone, whatever else is installed."""
    data = (files("harness.data.charts") / "fonts" / name).read_bytes()
    return ImageFont.truetype(BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)
