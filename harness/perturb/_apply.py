"""Apply a corruption to a picture of any mode."""

from typing import TYPE_CHECKING

from harness.errors import HarnessError, SampleError, UsageError
from harness.perturb._make import name_of
from harness.types import Corruption

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


def corrupt(image: "Image.Image", corruption: Corruption, severity: int, rng: "np.random.Generator") -> "Image.Image":
    """Return ``image`` corrupted at ``severity``; at severity 0, the very same object.

    Greyscale stays greyscale and alpha stays as it was. Other modes (palette, CMYK, …) come
    back as RGB or RGBA. Corruptions that treat the channels alike but independently (noise)
    give a greyscale image the first channel's draw; for the others it is the luma that stays.

    Raises:
        UsageError: if the corruption has no such severity.
        SampleError: if the image is empty, or of more bits without a defined white.
        HarnessError: if a plug-in's corruption does not return uint8 of the same shape.
    """
    check_severity(corruption, severity)
    if severity == 0:
        return image
    plain = _plain(image)
    alpha = plain.getchannel("A") if plain.mode in ("LA", "RGBA") else None
    grey = plain.mode in ("L", "LA")
    before = _pixels(plain)
    after = corruption(before, severity, rng)
    _check_result(corruption, before, after)
    result = _to_grey(after, corruption) if grey else _from_array(after)
    if alpha is not None:
        result.putalpha(alpha)
    return result


def check_severity(corruption: Corruption, severity: int, lowest: int = 0) -> None:
    """Raise a :class:`UsageError` unless ``severity`` is an integer in the corruption's range."""
    whole = hasattr(severity, "__index__") and not isinstance(severity, bool)
    if not whole or not lowest <= severity <= corruption.severities:
        raise UsageError(
            f"corruption {name_of(corruption)!r} has severities {lowest} to {corruption.severities}, not {severity!r}"
        )


def _plain(image: "Image.Image") -> "Image.Image":
    """Return the image as L, LA, RGB or RGBA."""
    if 0 in image.size:
        raise SampleError(f"an image of {image.width} × {image.height} pixels cannot be corrupted")
    from harness.images import plain

    return image if image.mode == "LA" else plain(image)


def _pixels(image: "Image.Image") -> "np.ndarray":
    """Return the colours as a uint8 array [height, width, 3] that cannot be written to."""
    import numpy as np

    if image.mode in ("L", "LA"):
        grey = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
    else:
        pixels = np.asarray(image.convert("RGB") if image.mode == "RGBA" else image)
    pixels.flags.writeable = False
    return pixels


def _check_result(corruption: Corruption, before: "np.ndarray", after: "np.ndarray") -> None:
    shape, dtype = getattr(after, "shape", None), getattr(after, "dtype", None)
    if shape != before.shape or dtype != before.dtype:
        raise HarnessError(
            f"corruption {name_of(corruption)!r} returned {type(after).__name__} of {dtype} {shape}; "
            f"it must return an array of {before.dtype} {before.shape}"
        )


def _to_grey(pixels: "np.ndarray", corruption: Corruption) -> "Image.Image":
    import numpy as np

    first = np.ascontiguousarray(pixels[:, :, 0])
    first_stands_for_all = getattr(corruption, "grey_from_first", False)
    if first_stands_for_all or (pixels == pixels[:, :, :1]).all():
        return _from_array(first)
    return _from_array(pixels).convert("L")


def _from_array(pixels: "np.ndarray") -> "Image.Image":
    from PIL import Image

    return Image.fromarray(pixels)
