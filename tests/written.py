"""What a run has written, for tests that search it: the bytes of a file, and what it says where they are compressed."""

from pathlib import Path

import pyarrow.parquet as pq


def written(*folders: Path) -> dict[Path, bytes]:
    """Return every file below some folders with its bytes; a Parquet file's values follow, as text."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    return {file: file.read_bytes() + _values(file) for file in files}


def _values(file: Path) -> bytes:
    return repr(pq.ParquetFile(file).read().to_pydict()).encode() if file.suffix == ".parquet" else b""
