"""The members of a zip archive, one at a time and bounded: nothing is unpacked to disk, so no name leads anywhere.

Zstandard (method 93), which Inspect writes, is not in Python's own reader before 3.14; Arrow has it.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from harness.errors import UsageError

MOST_MEMBER: Final = 256 * 1024 * 1024
"""Bytes of one member, unpacked."""
MOST_MEMBERS: Final = 2_000_000
_ZSTD: Final = 93
_CHUNK: Final = 1 << 20


class Archive:
    """A zip archive that is read and never unpacked."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with zipfile.ZipFile(file) as opened:
                self._members = {info.filename: info for info in opened.infolist()}
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as cause:
            raise UsageError(f"{file} is no zip archive that can be read: {cause}") from cause
        if len(self._members) > MOST_MEMBERS:
            raise UsageError(f"{file} has more than {MOST_MEMBERS:,} members")

    def names(self) -> list[str]:
        """Return the names of all members, in order."""
        return [*self._members]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, most: int = MOST_MEMBER) -> bytes:
        """Return one member.

        Raises:
            UsageError: if it is larger than ``most`` bytes, whatever its header says, or damaged.
        """
        where = f"{self.file}:{name}"
        try:
            with self.file.open("rb") as opened:
                found = b"".join(self._unpacked(opened, self._members[name], most, where))
        except (OSError, zlib.error, struct.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as cause:
            raise UsageError(f"{where} cannot be unpacked: {cause}") from cause
        if zlib.crc32(found) != self._members[name].CRC:
            raise UsageError(f"{where} is damaged: its checksum does not fit")
        return found

    def _unpacked(self, opened: IO[bytes], info: zipfile.ZipInfo, most: int, where: str) -> Iterator[bytes]:
        size = 0
        for chunk in self._zstd(opened, info) if info.compress_type == _ZSTD else self._others(info):
            size += len(chunk)
            if size > most:
                raise UsageError(f"{where} unpacks to more than {most / 2**20:.0f} MiB")
            yield chunk

    def _others(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        with zipfile.ZipFile(self.file) as archive, archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                yield chunk

    def _zstd(self, opened: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
        import pyarrow as pa

        opened.seek(info.header_offset)
        header = opened.read(30)
        if header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("no member where the directory says that there is one")
        name, extra = struct.unpack("<HH", header[26:30])
        opened.seek(name + extra, 1)
        packed = pa.BufferReader(opened.read(info.compress_size))
        try:
            with pa.CompressedInputStream(packed, "zstd") as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk
        except (pa.ArrowInvalid, OSError) as cause:
            raise zipfile.BadZipFile(str(cause)) from cause
