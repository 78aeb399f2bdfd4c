"""What is said when a disk does not take, or give back, what a run keeps."""

from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.locate import near

_FULL: Final = ("full", "disk i/o error", "readonly", "read-only", "unable to open")


class StorageError(HarnessError):
    """The disk does not take what the run wants to keep: full, read-only, or broken."""


class Gone(StorageError):
    """Somebody deleted the run's folder, or put another file in the store's place, while the run went on."""


def storage_error(path: Path, cause: Exception) -> StorageError:
    """Return what is to be raised where SQLite failed: what is wrong with the file at ``path``, and what to do."""
    said, path = str(cause), near(path)
    if "full" in said:
        return StorageError(f"the disk is full: {path} cannot grow ({said})")
    if "locked" in said:
        return StorageError(f"{path} is in use by another process ({said})")
    if any(sign in said.lower() for sign in _FULL):
        return StorageError(f"{path} cannot be written: {said}")
    return StorageError(f"{path} is damaged: {said}; `harness recover {path.parent}` saves what can be read")
