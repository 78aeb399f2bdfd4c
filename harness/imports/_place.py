"""A place on disk where a log may lie, and how its files are read: bounded, never followed out of it, never run."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError

MOST_FILES: Final = 20_000
DEEPEST: Final = 12
"""Folders within folders."""
MOST_JSON: Final = 256 * 1024 * 1024
"""Bytes of a JSON document, which is read as one piece."""
MOST_LINE: Final = 32 * 1024 * 1024
"""Bytes of one line of JSON Lines."""
HEAD: Final = 64 * 1024
_SKIPPED: Final = frozenset({".git", ".venv", "node_modules", "__pycache__"})


class Place:
    """A file, or a folder with all that lies in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,) if path.is_file() else tuple(_walk(path))
        self.alone = path.is_file()

    def ending(self, *suffixes: str) -> list[Path]:
        """Return the files whose names end so, whatever their case."""
        return [file for file in self.files if file.name.lower().endswith(suffixes)]


def _walk(root: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        here = Path(folder)
        if len(here.relative_to(root).parts) >= DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                raise UsageError(f"{root} holds more than {MOST_FILES:,} files; name the folder of one run")
            if (here / name).is_file():  # no pipe, no device
                yield here / name


def head(file: Path, size: int = HEAD) -> bytes:
    """Return the beginning of a file; nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""


def first_line(file: Path) -> Any:
    """Return the first line of JSON Lines; None where it is not one."""
    try:
        with file.open("rb") as opened:
            return json.loads(opened.readline(MOST_LINE))
    except (OSError, ValueError, RecursionError):
        return None


def parse(data: bytes | str, where: str) -> Any:
    """Return a JSON value.

    Raises:
        UsageError: if it is none, naming the place.
    """
    try:
        return json.loads(data)
    except RecursionError as cause:
        raise UsageError(f"{where}: nested too deeply") from cause
    except (ValueError, UnicodeDecodeError) as cause:
        raise UsageError(f"{where}: no JSON: {cause}") from cause


def read_json(file: Path, most: int = MOST_JSON) -> Any:
    """Return what a JSON file holds.

    Raises:
        UsageError: if it cannot be read, is none, or is larger than ``most`` bytes.
    """
    try:
        size = file.stat().st_size
        if size > most:
            raise UsageError(f"{file} has {size / 2**20:,.0f} MiB; JSON is read up to {most / 2**20:,.0f} MiB")
        return parse(file.read_bytes(), str(file))
    except OSError as cause:
        raise UsageError(f"{file} cannot be read: {cause.strerror}") from cause


def known_json(file: Path) -> dict[str, Any]:
    """Return the object of a JSON file while looking around; an empty one where it is something else."""
    try:
        found = read_json(file)
    except UsageError:
        return {}
    return found if isinstance(found, dict) else {}


def json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of JSON Lines with their lines, from 1; empty lines are passed over.

    Raises:
        UsageError: naming the line that is no object, or is longer than ``MOST_LINE`` bytes.
    """
    try:
        with file.open("rb") as opened:
            line = 0
            while data := opened.readline(MOST_LINE + 1):
                line += 1
                if len(data) > MOST_LINE:
                    raise UsageError(f"{file}:{line}: a line of more than {MOST_LINE / 2**20:.0f} MiB")
                if not data.strip():
                    continue
                # Decoded here, for the parser would first guess the encoding of every line.
                found = parse(data.decode() if line > 1 and data.isascii() else data, f"{file}:{line}")
                if not isinstance(found, dict):
                    raise UsageError(f"{file}:{line}: {type(found).__name__} where an object is expected")
                yield line, found
    except OSError as cause:
        raise UsageError(f"{file} cannot be read: {cause.strerror}") from cause
