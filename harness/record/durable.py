"""Files that are there as a whole or not at all, and that a power cut does not empty."""

import os
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
