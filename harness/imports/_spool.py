"""A log that is parsed once and read twice: its samples lie in a temporary file between the two readings."""

import marshal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import IO, Final, Self

from harness.imports._log import Entry

_FIELDS: Final = attrgetter(*(one.name for one in fields(Entry)))
_TOGETHER: Final = 256
"""Samples that are written at a time."""


class Spooled:
    """What ``entries`` yields, kept while it is yielded first.

    The file has no name, is read by the process that wrote it, and holds strings, numbers, lists and dictionaries
    alone. Whoever reads a second time gets what was read the first time, even where the log was changed in between.
    """

    def __init__(self, entries: Callable[[], Iterator[Entry]]) -> None:
        self._entries = entries
        self._kept: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def first(self) -> Iterator[Entry]:
        """Yield the samples of the log, and keep them."""
        some: list[tuple[object, ...]] = []
        for entry in self._entries():
            yield entry
            some.append(_FIELDS(entry))
            if len(some) == _TOGETHER:
                marshal.dump(some, self._kept)
                some.clear()
        marshal.dump(some, self._kept)

    def again(self) -> Iterator[Entry]:
        """Yield the samples once more; :meth:`first` was exhausted before."""
        kept = self._kept
        size = kept.tell()
        kept.seek(0)
        while kept.tell() < size:
            for values in marshal.load(kept):  # noqa: S302 - written above, into a file that nobody else can open
                yield Entry(*values)
