"""What a model made of pictures, kept for the next question about one of them: by pixels, bounded in bytes."""

import hashlib
from typing import TypeVar

from PIL import Image

from harness.recent import Recent

T = TypeVar("T")


class PictureCache(Recent[bytes, T]):
    """What a model made of pictures, by :func:`picture_key`."""


def picture_key(image: Image.Image) -> bytes:
    """Return a SHA-256 over an image's mode, size and every pixel: never over the file that it came from.

    >>> grey, red = Image.new("RGB", (2, 1)), Image.new("RGB", (2, 1), "red")
    >>> picture_key(grey) == picture_key(grey.copy()), picture_key(grey) == picture_key(red)
    (True, False)
    >>> picture_key(grey) == picture_key(Image.new("RGB", (1, 2)))
    False
    """
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.digest()
