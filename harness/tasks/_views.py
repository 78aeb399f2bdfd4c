"""Pictures that show less than another: its size alone, noise, its patches in disorder, fewer of its pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from harness.seeds import generator
from harness.types import Counterfactual, ImageSource

_GREY: Final = (128, 128, 128)

Edit = Callable[[Image.Image], Image.Image]
"""Makes an RGB image of another; it may keep neither."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit leaves of an image."""

    source: ImageSource
    edit: Edit

    def load(self) -> Image.Image:
        """Return a new RGB image.

        Raises:
            SampleError: if the image itself cannot be read.
        """
        return self.edit(self.source.load().convert("RGB"))


def blanked(source: ImageSource) -> ImageSource:
    """Return a grey image of the same size, or the empty one that the source can draw itself."""
    return source.blank() if isinstance(source, Counterfactual) else Edited(source, _grey)


def noise(*seed: str | int) -> Edit:
    """Return an edit that leaves uniform noise.

    >>> first, again = (noise("a")(Image.new("RGB", (4, 3))) for _ in range(2))
    >>> first.size, first.tobytes() == again.tobytes()
    ((4, 3), True)
    """

    def edit(image: Image.Image) -> Image.Image:
        drawn = generator(*seed).integers(0, 256, (image.height, image.width, 3), np.uint8)
        return Image.fromarray(drawn)

    return edit


def shuffled(patches: int, *seed: str | int) -> Edit:
    """Return an edit that puts the patches of an image, so many a side, in another order.

    What the sides leave over stays at the right and at the bottom.

    >>> image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    >>> sorted(shuffled(2, "a")(image).tobytes()) == sorted(image.tobytes())
    True
    """

    def edit(image: Image.Image) -> Image.Image:
        pixels = np.array(image)
        across, down = (max(1, min(patches, side)) for side in image.size)
        width, height = image.width // across, image.height // down
        whole = pixels[: height * down, : width * across]
        cut = whole.reshape(down, height, across, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
        mixed = cut[generator(*seed).permutation(len(cut))]
        joined = mixed.reshape(down, across, height, width, 3).swapaxes(1, 2)
        pixels[: height * down, : width * across] = joined.reshape(whole.shape)
        return Image.fromarray(pixels)

    return edit


def reduced(share: float) -> Edit:
    """Return an edit that leaves so much of each side's pixels, shown at the former size."""

    def edit(image: Image.Image) -> Image.Image:
        small = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)

    return edit


def _grey(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, _GREY)
