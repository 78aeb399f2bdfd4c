"""Files that are there as a whole or not at all, and that a power cut does not empty."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path


def settle(temporary: Path, target: Path) -> None:
    """Put a file that was written beside its place into it, once the disk holds it.

    A store of answers is deleted when the file of samples is there: what is only in memory would be lost with both.

    Raises:
        OSError: if the disk is full or broken.
    """
    with temporary.open("rb+") as written:
        os.fsync(written.fileno())
    temporary.replace(target)


def sweep(folder: Path, age: float = 0.0) -> None:
    """Remove what a process that was killed has written half, if it is older than ``age`` seconds.

    Such files have the name of what they were to be, with a dot before it and ``.part`` behind.
    """
    for left in (*folder.glob(".*.part"), *([folder] if folder.match(".*.part") else [])):
        with suppress(OSError):  # another process was faster, or this one may not
            if time.time() - left.stat().st_mtime >= age:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
