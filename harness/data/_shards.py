"""Rows of WebDataset shards: members of a tar that share a key, one behind the other."""

import json
import tarfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from harness.data._tables import Placed, Table

PICTURES: Final = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "ppm", "tif", "tiff", "avif", "jp2")
_REFUSED: Final = ("pyd", "pickle", "pkl", "pth", "pt")
_TEXTS: Final = ("txt", "text", "transcript", "cls", "cls2", "index", "inx", "id")
_HEADER: Final = 512
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
    def _length(self) -> int:
        counts = (_counted(file) for file in self.files)
        return sum(
            sum(1 for _ in self._shard(file, True)) if count is None else count
            for file, count in zip(self.files, counts, strict=True)
        )

    def __len__(self) -> int:
        return self._length

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        for file in self.files:
            yield from self._shard(file, light)

    def _shard(self, file: Path, light: bool) -> Iterator[Placed]:
        key, held = "", dict[str, bytes | str]()
        try:
            with tarfile.open(file, "r:*") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # or they pile up, a kilobyte each
                    if not member.isfile():
                        continue
                    here, ending = _split(member.name)
                    if not here:
                        continue
                    if here != key:
                        if held:
                            yield _row(file, key, held)
                        key, held = here, {}
                    held[ending.lower()] = _content(tar, member, ending.lower(), light)
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
    return f"{folder}/{base}" if folder else base, ending


def _counted(file: Path) -> int | None:
    """Return how many rows a plain shard has, from the headers of its members alone; None where these are not plain.

    `tarfile` makes an object of every header, which takes as long as reading all that is there.
    """
    size, at, key, rows = file.stat().st_size, 0, "", 0
    with file.open("rb") as opened:
        while at + _HEADER <= size:
            opened.seek(at)
            header = opened.read(_HEADER)
            if header[:1] == b"\0":
                return rows
            kind, magic = header[156:157], header[257:262]
            try:
                told = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
                right = int(header[148:156].strip(b"\0 ") or b"-1", 8)
            except ValueError:
                return None
            if kind not in b"05\0" or magic != b"ustar" or sum(header) - sum(header[148:156]) + 256 != right:
                return None
            at += _HEADER + -(-told // _HEADER) * _HEADER
            if at > size:
                return None
            if kind != b"5":
                prefix, name = (part.partition(b"\0")[0].decode() for part in (header[345:500], header[:100]))
                here, _ = _split(f"{prefix}/{name}" if prefix else name)
                rows += here not in (key, "")
                key = here or key
    return rows if at == size else None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str, light: bool) -> bytes | str:
    last = ending.rpartition(".")[2]
    if last in _REFUSED or (light and last != "json" and last not in _TEXTS):
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
