"""From an image to a classifier's input: resize, crop, normalise, lay out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import SampleError
from harness.images import opaque

if TYPE_CHECKING:
    from collections.abc import Mapping

PREPROCESSING_VERSION: Final = 1
"""Raise it whenever the same image gives other numbers."""

Layout = Literal["nchw", "nhwc", "flat", "tokens"]
Resize = Literal["stretch", "crop"]
Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]

IMAGENET_MEAN: Final = (123.675, 116.28, 103.53)
IMAGENET_STD: Final = (58.395, 57.12, 57.375)
_MODES: Final = {1: "L", 3: "RGB"}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to an image before the model sees it."""

    size: tuple[int, int] = (224, 224)
    """Height and width."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    """Taken off, in grey levels from 0 to 255; one value for each channel, one or three."""
    std: tuple[float, ...] = IMAGENET_STD
    """Divided by, in grey levels."""
    layout: Layout = "nchw"
    """``flat``: one row of numbers; ``tokens``: the grey levels themselves as whole numbers."""
    resize: Resize = "crop"
    """``stretch`` to the size, or keep the aspect and ``crop`` the middle."""
    share: float = 0.875
    """With ``crop``: the size as a share of the shorter side after resizing."""
    resample: Resample = "bilinear"
    shown: int | tuple[int, int] | None = None
    """With ``crop``: what an image is resized to before its middle is taken, instead of by ``share``: the shorter side,
    the longer one then rounded down, or height and width. Where the middle is larger than that, its rim is black."""
    reversed: bool = False
    """Whether the channels go blue first."""

    def __call__(self, images: Sequence[Image.Image]) -> NDArray[Any]:
        """Return the batch: float32, or int64 for ``tokens``.

        Raises:
            SampleError: if an image has no pixels.
        """
        rows = np.stack([self._pixels(image) for image in images])
        rows = rows[..., ::-1] if self.reversed else rows
        if self.layout == "tokens":
            return rows.reshape(len(rows), -1).astype(np.int64)
        numbers = (rows.astype(np.float32) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        if self.layout == "nchw":
            return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2))
        return numbers.reshape(len(rows), -1) if self.layout == "flat" else numbers

    def _pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        if min(image.size) < 1:
            raise SampleError(f"the image has no pixels ({image.width} x {image.height})")
        height, width = self.size
        shown = opaque(image).convert(_MODES[len(self.mean)])
        resample = Image.Resampling[self.resample.upper()]
        if self.resize == "stretch":
            shown = shown.resize((width, height), resample)
        else:
            shown = shown.resize(self._before_crop(shown.width, shown.height), resample)
            left, top = (shown.width - width) // 2, (shown.height - height) // 2
            shown = shown.crop((left, top, left + width, top + height))
        return np.asarray(shown).reshape(height, width, -1)

    def _before_crop(self, wide: int, high: int) -> tuple[int, int]:
        """Return the width and height to which an image is resized before its middle is taken."""
        if isinstance(self.shown, tuple):
            return self.shown[1], self.shown[0]
        if self.shown is not None:
            shorter = min(wide, high)
            return max(1, int(self.shown * wide / shorter)), max(1, int(self.shown * high / shorter))
        height, width = self.size
        scale = max(width / wide, height / high) / self.share
        return max(width, round(wide * scale)), max(height, round(high * scale))

    def describe(self) -> "Mapping[str, Any]":
        """Return everything that changes a number, as plain JSON values."""
        from dataclasses import asdict

        told = asdict(self)
        later = {"shown": None, "reversed": False}  # left out where they are not used: older fingerprints stay
        return {"version": PREPROCESSING_VERSION} | {k: v for k, v in told.items() if k not in later or v != later[k]}
