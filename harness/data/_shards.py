"""Rows of WebDataset shards: members of a tar that share a key, one behind the other."""

import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from harness.data._tables import Placed, Table

PICTURES: Final = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "ppm", "tif", "tiff", "avif", "jp2")
_REFUSED: Final = ("pyd", "pickle", "pkl", "pth", "pt")
_TEXTS: Final = ("txt", "text", "transcript", "cls", "cls2", "index", "inx", "id")
_HEADER: Final = 512
_BUFFER: Final = 1 << 20
_ADLER: Final = 65_521
_MOST: Final = 1 << 30
"""Bytes of a member that is read."""


class ShardTable(Table):
    """Tar files, plain or compressed, read from front to back.

    A row has what its members hold: keys of ``json``, ``txt`` and ``cls`` as text, the first picture as ``image``,
    every other member under its ending, and ``__key__``.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)

    @cached_property
    def _counts(self) -> dict[Path, int | None]:
        """How many rows each shard has that is plain; None for the others."""
        return {file: _counted(file) for file in self.files}

    @cached_property
    def _length(self) -> int:
        counts = self._counts.items()
        return sum(sum(1 for _ in self._shard(file, True)) if count is None else count for file, count in counts)

    def __len__(self) -> int:
        return self._length

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        for file in self.files:
            yield from self._shard(file, light)

    def _shard(self, file: Path, light: bool) -> Iterator[Placed]:
        key, held = "", dict[str, bytes | str]()
        members = _members(file, light) if self._counts[file] is None else _plain_members(file, light)
        try:
            for name, content in members:
                here, ending = _split(name)
                if not here:
                    continue
                if here != key:
                    if held:
                        yield _row(file, key, held)
                    key, held = here, {}
                held[ending] = content
        except (tarfile.TarError, OSError, EOFError, ValueError) as cause:
            yield Placed(f"{file.name}[{key}]", {}, f"the shard breaks off here: {cause}")
            return
        if held:
            yield _row(file, key, held)


def _split(name: str) -> tuple[str, str]:
    """Return the key of a member, up to the first dot of its name, and its ending; nothing where it has none.

    >>> _split("a/0001.seg.png"), _split("a/README")
    (('a/0001', 'seg.png'), ('', ''))
    """
    folder, _, last = name.rpartition("/")
    base, dot, ending = last.partition(".")
    if not dot or not base:
        return "", ""
    return f"{folder}/{base}" if folder else base, ending.lower()


def _members(file: Path, light: bool) -> Iterator[tuple[str, bytes | str]]:
    """Yield names and contents of a shard's files, however it is made."""
    with tarfile.open(file, "r:*") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # or they pile up, a kilobyte each
            if member.isfile():
                yield member.name, _content(tar, member, _split(member.name)[1], light)


def _plain_members(file: Path, light: bool) -> Iterator[tuple[str, bytes | str]]:
    """Yield the same of a shard that :func:`_counted` has found to be plain: `tarfile` makes an object of each header.

    Raises:
        ValueError: if it is no longer what it was.
    """
    with file.open("rb", buffering=_BUFFER) as opened:
        while header := opened.read(_HEADER):
            if header[0] == 0:
                return
            told = _told(header)
            if told is None:
                raise ValueError("a header is not what it was when the shard was opened")
            name, size, is_file = told
            rest = -size % _HEADER
            if not is_file or _unread(_split(name)[1], light):
                opened.seek(size + rest, 1)
                content: bytes | str = ""
            else:
                if size > _MOST:
                    raise ValueError(f"{name} is larger than {_MOST:,} bytes")
                content = opened.read(size)
                if len(content) < size:
                    raise ValueError(f"{name} is cut off")
                opened.seek(rest, 1)
            if is_file:
                yield name, content


def _counted(file: Path) -> int | None:
    """Return how many rows a plain shard has, from the headers of its members alone; None where these are not plain."""
    size, at, key, rows = file.stat().st_size, 0, "", 0
    with file.open("rb") as opened:
        while at + _HEADER <= size:
            opened.seek(at)
            header = opened.read(_HEADER)
            if header[:1] == b"\0":
                return rows
            told = _told(header)
            if told is None:
                return None
            name, content, is_file = told
            at += _HEADER + content + -content % _HEADER
            if at > size:
                return None
            if is_file:
                here, _ = _split(name)
                rows += here not in (key, "")
                key = here or key
    return rows if at == size else None


def _told(header: bytes) -> tuple[str, int, bool] | None:
    """Return a member's name, its size and whether it is a file; None of anything but plain files and folders.

    The sum of a header's bytes is the low half of its Adler-32 checksum, which is a hundred times as fast as adding.
    """
    kind = header[156:157]
    if len(header) < _HEADER or kind not in (b"0", b"5", b"\0") or header[257:262] != b"ustar":
        return None
    try:
        size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        right = int(header[148:156].strip(b"\0 ") or b"-1", 8)
    except ValueError:
        return None
    if size < 0 or (right - 256 + sum(header[148:156]) + 1) % _ADLER != zlib.adler32(header) & 0xFFFF:
        return None
    name = header[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if header[345]:
        name = f"{header[345:500].partition(bytes(1))[0].decode('utf-8', 'surrogateescape')}/{name}"
    return name, size, kind != b"5"


def _unread(ending: str, light: bool) -> bool:
    last = ending.rpartition(".")[2]
    return last in _REFUSED or (light and last != "json" and last not in _TEXTS)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str, light: bool) -> bytes | str:
    if _unread(ending, light):
        return ""
    if member.size > _MOST:
        raise ValueError(f"{member.name} is larger than {_MOST:,} bytes")
    opened: IO[bytes] | None = tar.extractfile(member)
    content = opened.read() if opened else b""
    if len(content) < member.size:
        raise ValueError(f"{member.name} is cut off")
    return content


def _row(file: Path, key: str, held: dict[str, bytes | str]) -> Placed:
    origin = f"{file.name}[{key}]"
    row: dict[str, Any] = {}
    try:
        for ending, content in held.items():
            last = ending.rpartition(".")[2]
            if last in _REFUSED:
                return Placed(origin, {}, f"the member .{ending} is a pickle, which is not opened")
            if ending == "json":
                told = json.loads(content)
                row.update(told if isinstance(told, dict) else {"json": told})
            elif last in _TEXTS:
                row[ending] = content.decode() if isinstance(content, bytes) else content
            elif ending in PICTURES:
                if content:
                    row.setdefault("image", content)
                    if isinstance(row["image"], str):  # the JSON names the file that lies here
                        row["image"] = content
            elif content:
                row[ending] = content
    except (ValueError, UnicodeDecodeError, RecursionError) as cause:
        return Placed(origin, {}, f"its .{ending} cannot be read: {cause}")
    row["__key__"] = key
    return Placed(origin, row)
