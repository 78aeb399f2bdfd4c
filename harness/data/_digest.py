"""One place where the identity of data that lies in files is made."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def files_digest(files: Iterable[Path], configuration: str, names: Iterable[str] = ()) -> str:
    """Return a hash of the content of files, in their order, and of what is read of them and how.

    Args:
        files: whose bytes decide the samples.
        configuration: what of the dataset's keys decides them.
        names: what else does: names of pictures in folders, whose pixels are in the requests' hashes.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    for name in names:
        digest.update(name.encode() + b"\0")
    digest.update(configuration.encode())
    return digest.hexdigest()
