"""Find suites and adapter files: by path, in the working directory, or among the built-in ones; and find the cache."""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from harness.errors import UsageError, did_you_mean

Kind = Literal["suites", "adapters"]

CACHE_VARIABLE: Final = "HARNESS_CACHE"
"""Names the cache's folder; by default it is where this system keeps caches."""
_OLD_VARIABLE: Final = "HARNESS_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder for what can be made again: stored answers, digests, models that are built on demand."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    if named := os.environ.get(_OLD_VARIABLE):
        said = f"{_OLD_VARIABLE} is called {CACHE_VARIABLE} now and names the folder of everything cached; rename it"
        warnings.warn(said, FutureWarning, stacklevel=2)
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "vlm-harness"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vlm-harness"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vlm-harness"


def near(path: Path) -> Path:
    """Return a path as one would type it from here: below the working folder without it, elsewhere as it is.

    Paths that a command keeps are absolute, since an adapter may go to another folder meanwhile.

    >>> near(Path.cwd() / "results" / "runs").as_posix(), near(Path("results")).as_posix()
    ('results/runs', 'results')
    """
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) and path != here else path


def builtin_root() -> Path:
    """Return the folder that holds the built-in ``suites``, ``adapters`` and ``fixtures``."""
    package = Path(__file__).resolve().parent
    inside = package / "builtin"
    return inside if inside.is_dir() else package.parent


def available(kind: Kind) -> dict[str, Path]:
    """Return the files of one kind by name; those of the working directory come before built-in ones."""
    found: dict[str, Path] = {}
    for folder in (builtin_root() / kind, Path.cwd() / kind):
        found |= {file.stem: file for file in _yaml_files(folder)}
    return dict(sorted(found.items()))


def find(kind: Kind, name: str, folder: Path | None = None) -> Path:
    """Return the file that ``name`` means: a path (from ``folder``), or the stem of an available file.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    path = (folder or Path.cwd()) / name
    if path.suffix in (".yaml", ".yml"):
        if _is_file(path):
            return path if folder else Path(name)
        raise UsageError(f"there is no file {name}; {did_you_mean(path.stem, available(kind))}")
    files = available(kind)
    if name not in files:
        raise UsageError(f"unknown {kind.removesuffix('s')} {name!r}; {did_you_mean(name, files)}")
    return files[name]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long for a name, or in a folder that may not be read
        return False


def _yaml_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
