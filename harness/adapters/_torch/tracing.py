"""What a model of `transformers` makes of a request on the way to its answer, as values that outlive its tensors."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.traces import Pixels

_FLAT: Final = "flattened_patches"
"""Rows of patches with their places in front, as Pix2Struct reads them."""
_IMAGES: Final = ("pixel_values", _FLAT)


def seen(batch: Any, image_processor: Any) -> tuple[Pixels, ...] | None:
    """Return the images in what a processor made of one request; None where it keeps them under no usual name."""
    name = next((name for name in _IMAGES if name in batch), None)
    if name is None:
        return None if "input_ids" not in batch else ()
    values = plain(batch[name])
    if "image_grid_thw" in batch and values.ndim == 2:
        return _patches(values, batch["image_grid_thw"].tolist(), image_processor)
    if name != _FLAT and values.ndim >= 3 and values.shape[-3] in (1, 3):
        return tuple(Pixels(tile, "chw") for tile in values.reshape(-1, *values.shape[-3:]))
    return tuple(Pixels(one, "other") for one in values)


def _patches(values: NDArray[np.float32], grids: list[list[int]], image_processor: Any) -> tuple[Pixels, ...]:
    merge, frames = int(image_processor.merge_size), int(image_processor.temporal_patch_size)
    ends = np.cumsum([times * rows * columns for times, rows, columns in grids])
    parts = np.split(values, ends[:-1])
    return tuple(
        Pixels(part, "patches", (times * rows, columns), merge, frames)
        for part, (times, rows, columns) in zip(parts, grids, strict=True)
    )


def plain(tensor: Any) -> NDArray[np.float32]:
    """Return a tensor's numbers in float32, as whatever precision they were in."""
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)
