"""SHA-256 of large files, kept by path, size and time of change, so that the second fingerprint reads nothing."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.locate import CACHE_VARIABLE, cache_folder

__all__ = ["CACHE_VARIABLE", "cache_folder", "digest", "digests"]

_SETTLED_NS: Final = 2_000_000_000
"""A file that changed less than two seconds ago may change again without its time showing it."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, from the cache where path, size and time of change are known.

    A cache that cannot be read or written is no error: the file is then read.
    """
    path = path.resolve()
    known = path.stat()
    identity = f"{path}\0{known.st_size}\0{known.st_mtime_ns}"
    entry = cache_folder() / "digests" / hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()
    with suppress(OSError, UnicodeDecodeError):
        kept = entry.read_text(encoding="ascii")
        if len(kept) == 64:
            return kept
    with path.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if time.time_ns() - known.st_mtime_ns > _SETTLED_NS:
        with suppress(OSError):
            _write(entry, found)
    return found


def _write(entry: Path, text: str) -> None:
    """Write all or nothing: another process may be doing the same."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=entry.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as target:
            target.write(text)
        Path(name).replace(entry)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def digests(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of every file in ``folder`` that a pattern matches, by relative name, sorted."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): digest(path) for path in sorted(found)}
