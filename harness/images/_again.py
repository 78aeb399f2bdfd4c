"""Pictures that are decoded for the third time: questions about one stand together, and each of them reads it."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from PIL import Image

from harness.recent import Recent

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
        self._once: OrderedDict[Key, None] = OrderedDict()
        self._kept = Recent[Key, Image.Image](most, _size)
        self._lock = threading.Lock()

    def get(self, key: Key) -> Image.Image | None:
        """Return a picture of its own for the caller, or None."""
        found = self._kept.get(key)
        return None if found is None else found.copy()

    @property
    def held(self) -> int:
        """Bytes of pixels that are kept now."""
        return self._kept.held

    def note(self, key: Key, image: Image.Image) -> None:
        """Take in that a picture was decoded; the second time a copy is kept, where it fits."""
        with self._lock:
            if key not in self._once:
                self._once[key] = None
                while len(self._once) > _NAMES:
                    self._once.popitem(last=False)
                return
        if _size(image) <= self._kept.most:  # a copy of what is larger would be made for nothing
            self._kept.put(key, image.copy())


def key_of(content: bytes, how: Hashable) -> Key:
    """Return what a picture is known by: a SHA-256 of its file's bytes, and how they are read."""
    return hashlib.sha256(content).digest(), how


def _size(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())
