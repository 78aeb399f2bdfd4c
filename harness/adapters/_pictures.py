"""What a model made of pictures, kept for the next question about one of them: by pixels, bounded in bytes."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from PIL import Image

T = TypeVar("T")


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


class PictureCache(Generic[T]):
    """What was last asked for stays; what was not asked for longest goes first. Any thread may use it.

    >>> kept = PictureCache(most=10, size=len)
    >>> for name in ("one", "two", "three"):
    ...     kept.put(name.encode(), name)
    >>> kept.get(b"one"), kept.get(b"three"), kept.held
    (None, 'three', 8)
    """

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        """Start with nothing.

        Args:
            most: bytes; with 0 nothing is ever kept.
            size: tells how many a value takes.
        """
        self.most = most
        self.held = 0
        """Bytes that are kept now."""
        self._size = size
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: bytes) -> T | None:
        """Return what is kept under ``key``, if anything is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: bytes, value: T) -> None:
        """Keep a value, and let go of others until all fit; one that does not fit alone is not kept."""
        size = self._size(value)
        with self._lock:
            if size > self.most or key in self._values:
                return
            self._values[key] = value
            self.held += size
            while self.held > self.most:
                _, gone = self._values.popitem(last=False)
                self.held -= self._size(gone)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
            self.held = 0
