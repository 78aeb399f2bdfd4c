"""Find suites and adapter files: by path, in the working directory, or among the built-in ones; and find the cache."""

import os
import sys
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from harness.errors import UsageError, did_you_mean

Kind = Literal["suites", "adapters"]
_LOOKED_AT: Final = 10_000
"""Names of a folder that are compared with one that is not there."""

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
        near = nearest_file(path) or did_you_mean(path.stem, available(kind))
        raise UsageError(f"there is no file {name}; {near}")
    files = available(kind)
    if name not in files:
        raise UsageError(f"unknown {kind.removesuffix('s')} {name!r}; {did_you_mean(name, files)}")
    return files[name]


def nearest_file(path: Path) -> str:
    """Return the file that a path may have meant, as a question; nothing where none is near.

    The same name in the working directory comes first, then names that are spelt alike beside it.
    """
    if path.parent != Path() and _is_file(Path(path.name)) and Path(path.name).absolute() != path.absolute():
        return f"did you mean {path.name}?"
    try:
        beside = [one.name for one in islice(path.parent.iterdir(), _LOOKED_AT)]
    except OSError:
        return ""
    alike = [name for name in beside if Path(name).suffix == path.suffix]
    near = get_close_matches(path.name, alike, n=1) or get_close_matches(path.name, beside, n=1)
    return f"did you mean {path.with_name(near[0]).name}?" if near else ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long for a name, or in a folder that may not be read
        return False


def _yaml_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
