"""What is made when it is asked for, and kept as long as there is room: columns of very many rows."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

ROOM: Final = 48_000_000
"""Bytes that are kept: everything of a small run, five columns of a million rows."""


Made = TypeVar("Made")
Value_co = TypeVar("Value_co", covariant=True)


class Kept:
    """What was made last, as far as there is room for it; the very last always.

    >>> import numpy as np
    >>> kept, made = Kept(room=20), []
    >>> for name in "abba":
    ...     _ = kept.get(name, lambda: made.append(name) or np.zeros(2))
    >>> made
    ['a', 'b', 'a']
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._made: dict[Hashable, tuple[Any, int]] = {}
        self._taken = 0

    def get(self, key: Hashable, make: Callable[[], Made], size: int | None = None) -> Made:
        """Return what is kept under a key, or else what ``make`` makes.

        Args:
            key: names it.
            make: makes it.
            size: its bytes, about; what it says itself, as ``nbytes``, by default.
        """
        found = self._made.pop(key, None)
        if found is None:
            made = make()
            found = made, _bytes(made) if size is None else size
            self._taken += found[1]
        self._made[key] = found
        while self._taken > self._room and len(self._made) > 1:
            self._taken -= self._made.pop(next(iter(self._made)))[1]
        value: Made = found[0]
        return value


def _bytes(made: Any) -> int:
    return int(made.nbytes)


class Columns(Mapping[str, Value_co]):
    """Columns by name, each made when it is asked for.

    Args:
        names: of the columns.
        make: makes one.
    """

    def __init__(self, names: Iterable[str], make: Callable[[str], Value_co]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make

    def __getitem__(self, name: str) -> Value_co:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


__all__ = ["ROOM", "Columns", "Kept"]
