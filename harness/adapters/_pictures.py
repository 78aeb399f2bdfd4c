"""What a model made of pictures, kept for the next question about one of them: by pixels, bounded in bytes."""

import hashlib
from typing import TypeVar

from PIL import Image

from harness.errors import ConfigError, Issue
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


def require_known_pictures(image_cache: int) -> None:
    """See that pictures are known, by which beginnings of prompts are told apart.

    Args:
        image_cache: bytes of the key of that name; 0 where it is not given.

    Raises:
        ConfigError: if they are not.
    """
    if not image_cache:
        said = "`prefix_cache` needs `image_cache`, by which pictures are known"
        raise ConfigError(Issue(("prefix_cache",), said, "add `image_cache: 256MiB`"))
