"""Pictures beside the numbers: what the model saw in each cell."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.images import to_rgb

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_SIDE: Final = 320
_FRAMES: Final = 16
_FRAME: Final = 96
_STRIP: Final = _FRAMES * _FRAME
"""The longest filmstrip, in pixels."""


def save_thumbnail(folder: Path, task: str, cell: str, *images: "Image.Image") -> None:
    """Write ``artifacts/<task>/<cell>.png``: one image, at most 320 px long, or several as a filmstrip."""
    target = folder / "artifacts" / task / f"{cell}.png"
    if len(images) == 1:
        save_picture(target, images[0])
    else:
        save_picture(target, _filmstrip(images), _STRIP)


def _filmstrip(images: "Sequence[Image.Image]") -> "Image.Image":
    """Return images side by side, each 96 px high at most, from left to right; at most 16 of them."""
    from PIL import Image

    small = [to_rgb(image) for image in images[:_FRAMES]]
    for image in small:
        image.thumbnail((_FRAME, _FRAME))
    strip = Image.new("RGB", (sum(image.width for image in small), max(image.height for image in small)))
    x = 0
    for image in small:
        strip.paste(image, (x, 0))
        x += image.width
    return strip


def save_picture(target: Path, image: "Image.Image", longest: int = _LONGEST_SIDE) -> None:
    """Write a PNG, at most ``longest`` px long."""
    target.parent.mkdir(parents=True, exist_ok=True)
    small = to_rgb(image)
    small.thumbnail((longest, longest))
    small.save(target, optimize=True)
