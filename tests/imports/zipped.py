"""Zip archives as Inspect writes them, by hand: Python's own writer has no Zstandard before 3.14."""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

ZSTD = 93


def zipped(parts: Mapping[str, bytes], sizes: Mapping[str, int] | None = None) -> bytes:
    """Return an archive; ``sizes`` may lie about how long a member is."""
    body, directory = b"", b""
    for name, data in parts.items():
        packed, encoded = pa.compress(data, "zstd", asbytes=True), name.encode()
        size = (sizes or {}).get(name, len(data))
        head = struct.pack("<HHHHHIIIHH", 20, 0, ZSTD, 0, 0x21, zlib.crc32(data), len(packed), size, len(encoded), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + encoded
        body += b"PK\3\4" + head + encoded + packed
    counts = struct.pack("<HHHHIIH", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + counts


def members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what an archive holds."""
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            name, extra = struct.unpack("<HH", whole[info.header_offset + 26 : info.header_offset + 30])
            start = info.header_offset + 30 + name + extra
            packed = whole[start : start + info.compress_size]
            yield info.filename, pa.decompress(packed, info.file_size, "zstd", asbytes=True)
