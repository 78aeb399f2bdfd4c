"""What was asked for last, bounded in bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was last asked for stays; what was not asked for longest goes first. Any thread may use it.

    >>> kept = Recent[str, str](most=10, size=len)
    >>> for name in ("one", "two", "three"):
    ...     kept.put(name, name)
    >>> kept.get("one"), kept.get("three"), kept.held
    (None, 'three', 8)
    """

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        """Start with nothing.

        Args:
            most: bytes; with 0 nothing is ever kept.
            size: tells how many a value takes.
        """
        self.most = most
        self.held = 0
        """Bytes that are kept now."""
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return what is kept under ``key``, if anything is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
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

    def each(self, keys: Sequence[K], make: Callable[[int], V]) -> list[V]:
        """Return a value for each key. One that is not kept is made, once; what it drives out is in the list as well.

        Args:
            keys: of what is wanted.
            make: makes what is wanted at a place of ``keys``.

        >>> Recent[str, str](most=1, size=len).each(["one", "two", "one"], lambda place: f"made at {place}")
        ['made at 0', 'made at 1', 'made at 0']
        """
        found: dict[K, V] = {}
        for place, key in enumerate(keys):
            if key in found:
                continue
            value = self.get(key)
            if value is None:
                value = make(place)
                self.put(key, value)
            found[key] = value
        return [found[key] for key in keys]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
            self.held = 0
