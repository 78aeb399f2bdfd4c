"""Logs of other harnesses as run records: found by looking, read without running anything of them.

>>> from harness.imports import kinds
>>> "lm-eval" in kinds()
True
"""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Final

from harness.imports._log import Asked, Found
from harness.registry import registry

__all__ = ["KIND", "Asked", "Found", "bring_in", "is_passing", "kinds", "look_at", "opened"]

KIND: Final = "imported"
"""The kind of every task that was read from another harness's log."""

_PASSING: dict[tuple[str, int], Path] = {}
"""Records of logs that were named where a run is expected: they last as long as this process."""


def kinds() -> list[str]:
    """Return whose logs can be read."""
    return registry("importers").names()


def look_at(path: Path, kind: str | None = None) -> Found:
    """Return the one run that lies at a path: its kind, its files, the version that wrote it.

    Raises:
        UsageError: if there is none that is known, or several.
    """
    from harness.imports._find import find

    return find(path, kind)


def bring_in(path: Path, out: Path, kind: str | None = None, asked: Asked | None = None) -> Path:
    """Write the log at a path as a run record under ``out``; return the record's folder.

    Args:
        path: a file, or the folder of one run.
        out: where run records lie.
        kind: whose log it is; by default that is found by looking.
        asked: what the log does not say of itself.

    Raises:
        UsageError: if it is no log that is known, or one that cannot be read.
    """
    from harness.imports._find import find, importer
    from harness.imports._write import write

    options = asked or Asked()
    found = find(path, kind)
    return write(importer(found.kind).read(found, options), options, out)


def opened(path: Path) -> Path:
    """Return the folder of a record of the log at a path, which lasts as long as this process.

    Raises:
        UsageError: as :func:`bring_in`.
    """
    from harness.imports._place import Place

    stats = [(str(file), file.stat()) for file in Place(path).files]
    key = str(path.resolve()), hash(tuple((name, one.st_mtime_ns, one.st_size) for name, one in stats))
    if key not in _PASSING:
        folder = Path(tempfile.mkdtemp(prefix="harness-import-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _PASSING[key] = bring_in(path, folder)
    return _PASSING[key]


def is_passing(folder: Path) -> bool:
    """Return whether a run's folder was made by :func:`opened`, so that nothing may be left in it."""
    return folder in _PASSING.values()
