"""Finding the files of a layout under a path: which splits and configurations lie there, and what is refused."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from harness.data._arrow import parquet_facts
from harness.errors import ConfigError, Issue

_SHARD: Final = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
_MOST: Final = 20_000
"""Files that are looked at under a folder."""
_DEPTH: Final = 3
_PICKLES: Final = (".p", ".pkl", ".pickle")
_ALIASES: Final = {"validation": "val", "valid": "val", "dev": "val", "testing": "test", "training": "train"}


@dataclass(frozen=True, slots=True)
class Part:
    """One split of one configuration of a data set, as it lies on disk."""

    split: str
    files: tuple[Path, ...]
    config: str = ""
    """Of a data set that has several: a subject, a language; empty where there is but one."""
    certainty: int = 50
    """How much speaks for the layout, where several would read the same files: the more specific one has more."""


def parquet_parts(path: Path, needs: Iterable[str], *, without: Iterable[str] = ()) -> list[Part]:
    """Return the Parquet files under a path that have some columns, by configuration and split.

    A file's split is what its name says, as the Hub names shards (``test-00000-of-00003.parquet``); its configuration
    is its folder, unless that is called ``data`` or is the path itself.
    """
    needed, barred = set(needs), set(without)
    found: dict[tuple[str, str], list[Path]] = {}
    for file in files_under(path, ".parquet"):
        try:
            columns = set(parquet_facts(file)[0])
        except (ValueError, OSError):
            continue
        if needed <= columns and not barred & columns:
            folder = "" if file.parent in (path, path.parent) or file.parent.name == "data" else file.parent.name
            found.setdefault((folder, split_of(file)), []).append(file)
    return [Part(split, tuple(sorted(files)), config, len(needed)) for (config, split), files in sorted(found.items())]


def split_of(file: Path) -> str:
    """Return the split that a file's name says.

    >>> split_of(Path("test-00000-of-00003.parquet")), split_of(Path("train.csv"))
    ('test', 'train')
    """
    match = _SHARD.fullmatch(file.stem)
    return match["split"] if match else file.stem


_LISTED: ContextVar[dict[Path, tuple[Path, ...]] | None] = ContextVar("listed", default=None)


@contextmanager
def listed_once() -> Iterator[None]:
    """Go through each folder once, however many layouts ask what lies in it."""
    token = _LISTED.set({})
    try:
        yield
    finally:
        _LISTED.reset(token)


def _inside(path: Path) -> tuple[Path, ...]:
    known = _LISTED.get()
    if known is None:
        return tuple(_walk(path, _DEPTH, [_MOST]))
    if path not in known:
        known[path] = tuple(_walk(path, _DEPTH, [_MOST]))
    return known[path]


def files_under(path: Path, *suffixes: str) -> list[Path]:
    """Return the files of some endings under a path, three folders deep, sorted; the path itself where it is one."""
    if path.is_file():
        return [path] if path.suffix.lower() in suffixes else []
    return sorted(file for file in _inside(path) if file.suffix.lower() in suffixes)


def _walk(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(islice(entries, left[0]), key=lambda entry: entry.name)
    except OSError:
        return
    left[0] -= len(inside)
    folders = []
    for entry in inside:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            folders.append(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
    for further in folders if depth else ():
        yield from _walk(further, depth - 1, left)


def named(path: Path, pattern: str, *, config: str = "", certainty: int = 60) -> list[Part]:
    """Return the files under a path whose names match a pattern with the group ``split``, a part for each split."""
    wanted, found = re.compile(pattern), dict[str, list[Path]]()
    for file in [path] if path.is_file() else sorted(_inside(path)):
        if match := wanted.fullmatch(file.name):
            found.setdefault(match["split"], []).append(file)
    return [Part(split, tuple(files), config, certainty) for split, files in found.items()]


def same_split(first: str, second: str) -> bool:
    """Return whether two names mean one split: `val` and `validation` do.

    >>> same_split("val", "validation"), same_split("test", "testmini")
    (True, False)
    """
    return _ALIASES.get(first, first) == _ALIASES.get(second, second)


def chosen(parts: Sequence[Part], split: str | None, config: str | None, *, pooled: bool, where: str) -> list[Part]:
    """Return the parts that are meant; where several could be, it is asked for.

    Args:
        parts: what was found.
        split: as the suite says it.
        config: as the suite says it.
        pooled: whether configurations make one data set where none is named.
        where: what messages call the place.

    Raises:
        ConfigError: if there is no such split or configuration, or several and none is named.
    """
    configs = sorted({part.config for part in parts})
    if config is not None:
        parts = [part for part in parts if part.config == config]
        if not parts:
            raise ConfigError(Issue(("config",), f"{where} has no configuration {config!r}", f"there: {_or(configs)}"))
    elif len(configs) > 1 and not pooled:
        said = f"{where} has several configurations, and which is meant is not said"
        raise ConfigError(Issue(("path",), said, f"add `config:` {_or(configs)}"))
    splits = list(dict.fromkeys(part.split for part in parts))
    if split is not None:
        exact = [part for part in parts if part.split == split]
        parts = exact or [part for part in parts if same_split(part.split, split)]
        if not parts:
            raise ConfigError(Issue(("split",), f"{where} has no split {split!r}", f"there: {_or(splits)}"))
    elif len(splits) > 1:
        said = f"{where} has several splits, and which is meant is not said"
        raise ConfigError(Issue(("path",), said, f"add `split:` {_or(splits)}"))
    return list(parts)


def _or(names: Sequence[str]) -> str:
    return ", ".join(name or "(none)" for name in names)


def is_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, by its name or its first bytes."""
    if path.suffix.lower() in _PICKLES:
        return True
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError:
        return False
    return len(start) == 2 and start[0] == 0x80 and 2 <= start[1] <= 5


def refuse_pickle(path: Path) -> None:
    """See that a file is no pickle: to open one runs whatever was put into it.

    Raises:
        ConfigError: with the command that makes JSON of it.
    """
    if path.is_file() and is_pickle(path):
        to = path.with_suffix(".json")
        code = "import json, pickle, sys; json.dump(pickle.load(open(sys.argv[1], 'rb')), open(sys.argv[2], 'w'))"
        command = shlex.join(["python", "-c", code, str(path), str(to)])
        said = f"{path.name} is a pickle, which is not opened: to open one runs whatever was put into it"
        raise ConfigError(
            Issue(("path",), said, f"if you trust where it comes from, make JSON of it yourself: {command}")
        )
