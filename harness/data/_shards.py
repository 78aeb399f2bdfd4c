"""Rows of WebDataset shards: members of a tar that share a key, one behind the other."""

import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from harness.data._tables import Placed, Table

PICTURES: Final = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "ppm", "tif", "tiff", "avif", "jp2")
_REFUSED: Final = ("pyd", "pickle", "pkl", "pth", "pt")
_TEXTS: Final = ("txt", "text", "transcript", "cls", "cls2", "index", "inx", "id")
_MOST: Final = 1 << 30
"""Bytes of a member that is read."""


class ShardTable(Table):
    """Tar files, plain or compressed, read from front to back.

    A row has what its members hold: keys of ``json``, ``txt`` and ``cls`` as text, the first picture as ``image``,
    every other member under its ending, and ``__key__``.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)

    def __len__(self) -> int:
        return sum(1 for _ in self.rows(light=True))

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
                    folder, _, name = member.name.rpartition("/")
                    base, dot, ending = name.partition(".")
                    if not dot or not base:
                        continue
                    here = f"{folder}/{base}" if folder else base
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
