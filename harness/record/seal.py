"""A record that proves itself: ``run.json`` holds checksums of its files and one of its own text.

They show damage and slips, such as a file that was copied half or edited. Whoever can write the folder can make them
anew: against that stand ``harness verify``, which computes every number again, and a signature of who made the run.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.errors import UsageError

UNSIGNED: Final = "0" * 64
_OWN: Final = re.compile(r'"checksum": "([^"]+)"\s*\}\s*\Z')
_CHUNK: Final = 1 << 20
_KEPT: Final = ("*.parquet", "artifacts/**/*")
"""What a record is made of; beside it may lie pages that were made from it, and what is gone when it is whole."""


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, as 64 digits.

    Raises:
        OSError: if it cannot be read.
    """
    found = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Return the checksums of what stands beside ``run.json``, by path in the folder."""
    found = sorted(file for kept in _KEPT for file in folder.glob(kept))
    files = [file for file in found if file.is_file() and not file.is_symlink() and not file.name.startswith(".")]
    return {file.relative_to(folder).as_posix(): digest_of(file) for file in files}


def signed(text: str) -> str:
    """Return the text of a record with its checksum in place of the one that it ends with.

    >>> text = signed('{"a": 1, "checksum": "' + 64 * "0" + '"}')
    >>> is_whole(text), is_whole(text.replace("1,", "2,")), is_whole('{"a": 1}')
    (True, False, True)
    >>> is_whole(text.replace("1,", "2,").replace('"}', 'X"}'))  # what is no checksum is damage, not a record of before
    False
    """
    blank, _ = _parted(text)
    return text if blank is None else blank.replace(UNSIGNED, hashlib.sha256(blank.encode()).hexdigest())


def is_whole(text: str) -> bool:
    """Return whether a record's text is as it was written; one without a checksum, made earlier, is taken as it is."""
    blank, told = _parted(text)
    return blank is None or told == hashlib.sha256(blank.encode()).hexdigest()


def _parted(text: str) -> tuple[str | None, str]:
    found = _OWN.search(text)
    if found is None:
        return None, ""
    return text[: found.start(1)] + UNSIGNED + text[found.end(1) :], found[1]


def check_file(folder: Path, files: Mapping[str, str], name: str) -> None:
    """Hold a file beside the checksum that its record tells; one that no record tells is taken as it is.

    Raises:
        UsageError: if it is another file.
    """
    told = files.get(name)
    if told is None:
        return
    try:
        same = digest_of(folder / name) == told
    except OSError:
        return  # whoever reads it says why it cannot be read
    if not same:
        raise UsageError(
            f"{folder / name} is not the file that run.json describes: it was changed or damaged after the run "
            f"(`harness verify {folder}` says what differs)"
        )
