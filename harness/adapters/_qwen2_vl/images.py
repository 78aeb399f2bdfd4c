"""Turn an image into Qwen2-VL's patches, bit for bit as `transformers` does, with NumPy and Pillow alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import AdapterError, SampleError
from harness.images import to_rgb

PREPROCESSING_VERSION: Final = 1
"""Raise it whenever the pixels that the model sees change; it is part of the adapter's fingerprint."""

_LARGEST_ASPECT: Final = 200
_CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)
_STEPS: Final = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What ``preprocessor_config.json`` says, with the defaults of `transformers`."""

    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 1280
    patch: int = 14
    """Side of a patch, in pixels."""
    merge: int = 2
    """The vision encoder merges merge × merge patches into one token."""
    frames: int = 2
    """Frames in a patch; an image is repeated to fill them."""
    mean: tuple[float, ...] = _CLIP_MEAN
    std: tuple[float, ...] = _CLIP_STD
    rescale: float = 1 / 255
    resample: int = Image.Resampling.BICUBIC

    @classmethod
    def from_json(
        cls, content: Mapping[str, Any], min_pixels: int | None = None, max_pixels: int | None = None
    ) -> Self:
        """Read the settings; ``min_pixels`` and ``max_pixels`` override the file's.

        Raises:
            AdapterError: if the file switches off a step, or leaves no size that an image may have.
        """
        for step in _STEPS:
            if content.get(step, True) is not True:
                raise AdapterError(f"preprocessor_config.json sets {step} to {content[step]}; only true is supported")
        size = content.get("size") or {}
        lowest = min_pixels or content.get("min_pixels") or size.get("shortest_edge") or size.get("min_pixels")
        highest = max_pixels or content.get("max_pixels") or size.get("longest_edge") or size.get("max_pixels")
        default = cls()
        settings = cls(
            min_pixels=lowest or default.min_pixels,
            max_pixels=highest or default.max_pixels,
            patch=content.get("patch_size", default.patch),
            merge=content.get("merge_size", default.merge),
            frames=content.get("temporal_patch_size", default.frames),
            mean=tuple(content.get("image_mean", default.mean)),
            std=tuple(content.get("image_std", default.std)),
            rescale=content.get("rescale_factor", default.rescale),
            resample=content.get("resample", default.resample),
        )
        if settings.min_pixels > settings.max_pixels:
            raise AdapterError(f"min_pixels ({settings.min_pixels}) exceeds max_pixels ({settings.max_pixels})")
        return settings


def fit(height: int, width: int, settings: ImageSettings) -> tuple[int, int]:
    """Return the height and width to resize to: multiples of a merged patch, with about the same aspect.

    Raises:
        SampleError: if the image is empty, or over 200 times as long as wide.
    """
    if min(height, width) < 1:
        raise SampleError(f"the image has no pixels ({width} x {height})")
    if max(height, width) / min(height, width) > _LARGEST_ASPECT:
        raise SampleError(f"the image is {width} x {height}: one side is over {_LARGEST_ASPECT} times the other")
    unit = settings.patch * settings.merge
    fitted_height, fitted_width = round(height / unit) * unit, round(width / unit) * unit
    if fitted_height * fitted_width > settings.max_pixels:
        shrink = math.sqrt(height * width / settings.max_pixels)
        fitted_height, fitted_width = (max(unit, math.floor(side / shrink / unit) * unit) for side in (height, width))
    elif fitted_height * fitted_width < settings.min_pixels:
        grow = math.sqrt(settings.min_pixels / (height * width))
        fitted_height, fitted_width = (math.ceil(side * grow / unit) * unit for side in (height, width))
    return fitted_height, fitted_width


def rgb(image: Image.Image) -> Image.Image:
    """Return the image in RGB, decoded.

    Raises:
        SampleError: if it cannot be decoded.
    """
    try:
        return to_rgb(image)
    except (OSError, SyntaxError, ValueError) as cause:
        raise SampleError(f"the image cannot be decoded: {cause}") from cause


def to_patches(image: Image.Image, settings: ImageSettings) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
    """Return patches, float32 [rows * columns, 3 * frames * patch²], and their grid (1, rows, columns).

    The patches of one merged token stand together; merged tokens are in reading order.

    Raises:
        SampleError: if the image cannot be decoded or has an impossible shape.
    """
    height, width = fit(image.height, image.width, settings)
    shades = np.asarray(rgb(image).resize((width, height), settings.resample))
    rows, columns = height // settings.patch, width // settings.patch
    merge, patch = settings.merge, settings.patch
    blocks = shades.reshape(rows // merge, merge, patch, columns // merge, merge, patch, 3)
    blocks = blocks.transpose(0, 3, 1, 4, 6, 2, 5)
    patches = np.empty((*blocks.shape[:5], settings.frames, patch, patch), np.float32)
    # What becomes of each shade is looked up: the arithmetic is that of 256 numbers, and not of every pixel.
    for channel, levels in enumerate(_levels(settings)):
        patches[:, :, :, :, channel] = levels.take(blocks[:, :, :, :, channel])[:, :, :, :, None]
    return patches.reshape(rows * columns, -1), (1, rows, columns)


@lru_cache(maxsize=8)
def _levels(settings: ImageSettings) -> NDArray[np.float32]:
    """Return what each of 256 shades of red, green and blue is to the model, float32 [3, 256]."""
    # Float64 for the product alone, float32 from there: the order of roundings is part of the format.
    rescaled = np.multiply(np.arange(256, dtype=np.uint8), settings.rescale, dtype=np.float64).astype(np.float32)
    mean, std = (np.array(numbers, np.float32)[:, None] for numbers in (settings.mean, settings.std))
    return np.broadcast_to((rescaled - mean) / std, (3, 256))
