"""What was made of files, SHA-256 above all, kept by path, size and times of change: once read, not read again."""

import hashlib
import mmap
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.locate import cache_folder
from harness.waits import Beating

__all__ = ["Digests", "OfFiles", "digest", "digests", "onnx_digests"]

_SETTLED_NS: Final = 2_000_000_000
"""A file that changed less than two seconds ago may change again without its time showing it."""
_TABLE: Final = """create table if not exists digests
(path text primary key, size integer not null, changed text not null, sha256 text not null) without rowid"""
_FIND: Final = "select sha256 from digests where path = ? and size = ? and changed = ?"
_KEEP: Final = "insert or replace into digests values (?, ?, ?, ?)"
_PATIENCE: Final = 0.5
"""Seconds to wait for another process that writes what it read; beyond it files are read again."""


class OfFiles:
    """A text for each of many files, looked up together; what is new is kept when the block ends.

    A cache that cannot be read or written is no error: the files are then read.

    Args:
        name: of the file that keeps them. Its column is called as it was when there were digests alone.
        make: makes the text of the file at a path.
    """

    def __init__(self, name: str, make: Callable[[str], str]) -> None:
        self._make = make
        self._file = cache_folder() / name
        self._connection: sqlite3.Connection | None = None
        self._known: dict[str, str] = {}
        self._new: list[tuple[str, int, str, str]] = []

    def __enter__(self) -> Self:
        with suppress(sqlite3.Error, OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, timeout=_PATIENCE, isolation_level=None)
            self._connection.execute(_TABLE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
                 ) -> None:  # fmt: skip
        if self._connection is None:
            return
        with suppress(sqlite3.Error, OSError):
            if self._new:
                self._connection.execute("begin immediate")
                self._connection.executemany(_KEEP, self._new)
                self._connection.execute("commit")
        self._connection.close()

    def of(self, path: str, found: os.stat_result | None = None) -> str:
        """Return the text of the regular file at a real path, one whose links are resolved.

        Args:
            path: of the file.
            found: what is known of it, where somebody has just asked.

        Raises:
            OSError: if there is no such file, or it is none that can be read.
        """
        if path not in self._known:
            self._known[path] = self._of(path, found or Path(path).stat())
        return self._known[path]

    def _of(self, path: str, known: os.stat_result) -> str:
        if not stat.S_ISREG(known.st_mode):
            raise OSError(f"{path} is no regular file")
        # The time of the inode's change too: what copies a file can set the other one back.
        key = (os.fsencode(path).hex(), known.st_size, f"{known.st_mtime_ns} {known.st_ctime_ns} {known.st_ino}")
        if self._connection is not None:
            with suppress(sqlite3.Error):
                if kept := self._connection.execute(_FIND, key).fetchone():
                    return str(kept[0])
        found = self._make(path)
        if time.time_ns() - max(known.st_mtime_ns, known.st_ctime_ns) > _SETTLED_NS:
            self._new.append((*key, found))
        return found


class Digests(OfFiles):
    """SHA-256 of many files."""

    def __init__(self) -> None:
        super().__init__("digests.sqlite", _sha256)


def _sha256(path: str) -> str:
    with open(path, "rb") as source:  # noqa: PTH123 - a path costs as much as reading a small file
        return hashlib.file_digest(Beating(source, path), "sha256").hexdigest()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, from the cache where path, size and times of change are known.

    Raises:
        OSError: if it cannot be read.
    """
    with Digests() as known:
        return known.of(os.path.realpath(path))


def digests(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of every file in ``folder`` that a pattern matches, by relative name, sorted."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    with Digests() as known:
        return {path.relative_to(folder).as_posix(): known.of(os.path.realpath(path)) for path in sorted(found)}


def onnx_digests(graph: Path) -> dict[str, str]:
    """Return the SHA-256 of an ONNX file and of every file that its tensors lie in, by relative name, sorted.

    Raises:
        OSError: if the graph cannot be read.
    """
    found = {graph, *(path for name in _locations(graph) if (path := graph.parent / name).is_file())}
    with Digests() as known:
        return {os.path.relpath(path, graph.parent): known.of(os.path.realpath(path)) for path in sorted(found)}


_LOCATION: Final = b"\x0a\x08location\x12"
"""How an entry of ``TensorProto.external_data`` begins whose key is "location": its value, the file, follows with its
length. Looking for it finds the entries of all subgraphs and functions, without the package `onnx`."""
_LONGEST: Final = 4096
"""Of a path."""


def _locations(graph: Path) -> set[str]:
    """Return the files that an ONNX graph says its tensors lie in."""
    found: set[str] = set()
    with graph.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return found
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(_LOCATION)
            while at >= 0:
                at += len(_LOCATION)
                length, shift = 0, 0
                while at < len(content) and shift < 21:  # a number in sevens of bits, the least first
                    byte = content[at]
                    length, shift, at = length | (byte & 127) << shift, shift + 7, at + 1
                    if byte < 128:
                        break
                if 0 < length <= _LONGEST:
                    with suppress(UnicodeDecodeError):
                        found.add(content[at : at + length].decode())
                at = content.find(_LOCATION, at)
    return {name for name in found if "\0" not in name}
