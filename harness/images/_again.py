"""Pictures that are decoded for the third time: questions about one stand together, and each of them reads it."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from PIL import Image

_MOST: Final = 16 << 20
"""Bytes of pixels that are kept, 16 MiB: a few pictures, since those of one follow each other."""
_NAMES: Final = 64
"""Pictures that were decoded once are known by their key alone."""

Key = tuple[bytes, Hashable]


class Again:
    """Keeps the pixels of pictures that came twice, by the bytes of their files and how they were read.

    >>> kept, picture = Again(), Image.new("L", (2, 2), 7)
    >>> key = key_of(b"bytes of a file", "read plainly")
    >>> for _ in range(2):
    ...     assert kept.get(key) is None
    ...     kept.note(key, picture)
    >>> kept.get(key) == picture, kept.get(key) is picture
    (True, False)
    """

    def __init__(self, most: int = _MOST) -> None:
        """Keep at most ``most`` bytes of pixels."""
        self.most = most
        self.held = 0
        """Bytes of pixels that are kept now."""
        self._once: OrderedDict[Key, None] = OrderedDict()
        self._kept: OrderedDict[Key, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Image.Image | None:
        """Return a picture of its own for the caller, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
        return found.copy()

    def note(self, key: Key, image: Image.Image) -> None:
        """Take in that a picture was decoded; the second time a copy is kept, where it fits."""
        size = _size(image)
        with self._lock:
            if key not in self._once:
                self._once[key] = None
                while len(self._once) > _NAMES:
                    self._once.popitem(last=False)
                return
            if key in self._kept or size > self.most:
                return
            self._kept[key] = image.copy()
            self.held += size
            while self.held > self.most:
                self.held -= _size(self._kept.popitem(last=False)[1])


def key_of(content: bytes, how: Hashable) -> Key:
    """Return what a picture is known by: a SHA-256 of its file's bytes, and how they are read."""
    return hashlib.sha256(content).digest(), how


def _size(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())
