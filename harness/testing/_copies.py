"""Copies of all files that an adapter names, to see that each byte of what is read counts for its fingerprint."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness.digests import onnx_digests
from harness.suite.adapters import AdapterChoice
from harness.types import Adapter

_MOST_BYTES: Final = 1 << 30
_MOST_FILES: Final = 2_000
_LONGEST: Final = 1_000
"""Characters of a key's value that may be a path."""
_WHENCE: Final = "manifest.json"
"""What says where a model comes from: it may be held against the files, and changes no answer."""
_RANGES: Final = ((1 << 20, 4), (1 << 13, 2), (1, 1))
"""From so many bytes on, a file has so many ranges, each of which must count."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The files of an adapter in a scratch folder, and what loads it over them."""

    files: tuple[Path, ...]
    folder: Path
    load: Callable[[], Adapter]

    def unnoticed(self) -> Iterator[str]:
        """Yield each file, with its range of bytes, that can change while the fingerprint stays, though it is read.

        A change with which the adapter cannot be loaded is noticed. A file is read if Python opens it while the adapter
        is loaded, or if it cannot be loaded without it.
        """
        with _opened() as seen:
            self.load().close()
        before = self._fingerprint()
        read = {Path(name).resolve() for name in seen if self._is_ours(name)}
        waiting = [file for file in self.files if file.stat().st_size and file.name != _WHENCE]
        # What lies in a folder of its own that nothing reads costs one try, not one for each range.
        for inner in {file.parent for file in waiting}:
            group = [file for file in waiting if file.parent == inner]
            if len(group) > 1 and not read.intersection(group) and self._without(group) == before:
                waiting = [file for file in waiting if file not in group]
        for file in waiting:
            for start, end in _ranges(file.stat().st_size):
                with _changed_byte(file, (start + end) // 2):
                    after = self._fingerprint()
                if after != before:
                    continue
                if file not in read and self._without([file]) == before:
                    break
                yield f"{file.relative_to(self.folder).as_posix()} (bytes {start:,} to {end:,})"

    def _is_ours(self, name: str) -> bool:
        try:
            return Path(name).resolve().is_relative_to(self.folder)
        except (OSError, ValueError):
            return False

    def _fingerprint(self) -> str | None:
        """Return the fingerprint over the files as they stand; None where the adapter cannot be loaded."""
        try:
            adapter = self.load()
        except Exception:  # noqa: BLE001 - a byte in the wrong place can break a file in any way
            return None
        try:
            return adapter.fingerprint()
        except Exception:  # noqa: BLE001 - as above
            return None
        finally:
            adapter.close()

    def _without(self, files: list[Path]) -> str | None:
        for file in files:
            file.rename(file.with_name(f"{file.name}.away"))
        try:
            return self._fingerprint()
        finally:
            for file in files:
                file.with_name(f"{file.name}.away").rename(file)


def copier(choice: AdapterChoice) -> Callable[[Path], Copies] | None:
    """Return what lays out copies in a scratch folder; None where the adapter's file names none, or very large ones."""
    home = choice.file.resolve().parent
    keys = choice.config.model_dump(mode="json")
    wanted = {file for name in _names(keys) for file in _files(home, name)}
    if not 0 < len(wanted) <= _MOST_FILES or sum(file.stat().st_size for file in wanted) > _MOST_BYTES:
        return None
    return partial(_laid_out, choice, home, keys, sorted(wanted))


def _laid_out(choice: AdapterChoice, home: Path, keys: Mapping[str, Any], wanted: list[Path], scratch: Path) -> Copies:
    """Copy files to where the same relative paths find them, and name those with absolute paths anew."""
    scratch = scratch.resolve()
    top = Path(*_shared([home, *wanted]))
    copies = []
    for file in wanted:
        copy = scratch / file.relative_to(top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copies.append(Path(shutil.copy(file, copy)))
    here = scratch / home.relative_to(top)
    here.mkdir(parents=True, exist_ok=True)
    moved = _moved(keys, top, scratch)
    config = choice.factory.Config.model_validate_json(json.dumps(moved))
    return Copies(tuple(copies), scratch, lambda: choice.factory.from_config(config, here))


def _names(value: Any) -> Iterator[str]:
    """Yield all texts in a configuration, and what stands before the colon of ``file.py:function``."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, str) and 0 < len(value) <= _LONGEST and "\0" not in value:
        place, colon, _ = value.rpartition(":")
        yield place if colon and place.endswith(".py") else value


def _files(home: Path, name: str) -> Iterator[Path]:
    """Yield the files that a name leads to: itself, those of a folder, its neighbours where it is a program or a graph.

    A name that is none leads nowhere.
    """
    try:
        path = (home / name).resolve()
        if path == home or home.is_relative_to(path):
            return
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        elif path.is_file():
            yield path
            if path.suffix == ".onnx":
                yield from (path.parent / beside for beside in onnx_digests(path))
            elif path.suffix == ".py":
                yield from (file for file in path.parent.rglob("*.py") if file.is_file())
    except OSError:
        return


def _shared(paths: list[Path]) -> tuple[str, ...]:
    """Return the parts that all paths begin with."""
    parts = [path.parts if path.is_dir() else path.parent.parts for path in paths]
    count = next((i for i, one in enumerate(zip(*parts, strict=False)) if len(set(one)) > 1), min(map(len, parts)))
    return parts[0][:count]


def _moved(value: Any, top: Path, scratch: Path) -> Any:
    """Return a configuration in which absolute paths lead to the copies."""
    if isinstance(value, Mapping):
        return {key: _moved(item, top, scratch) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, top, scratch) for item in value]
    if isinstance(value, str) and value.startswith(str(top)) and Path(value).exists():
        return str(scratch / Path(value).resolve().relative_to(top))
    return value


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    count = next(many for least, many in _RANGES if size >= least)
    for i in range(count):
        yield size * i // count, size * (i + 1) // count


@contextmanager
def _changed_byte(file: Path, place: int) -> Iterator[None]:
    _turn_a_bit(file, place)
    try:
        yield
    finally:
        _turn_a_bit(file, place)


def _turn_a_bit(file: Path, place: int) -> None:
    with file.open("r+b") as content:
        content.seek(place)
        byte = content.read(1)[0]
        content.seek(place)
        content.write(bytes([byte ^ 1]))


_watching: list[set[str]] = []


@contextmanager
def _opened() -> Iterator[set[str]]:
    """Yield the names of the files that Python opens within the block."""
    if not hasattr(_listen, "installed"):
        sys.addaudithook(_listen)  # there is no way to take it off; it does nothing outside such a block
        _listen.installed = True  # type: ignore[attr-defined]
    seen: set[str] = set()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "open" and isinstance(arguments[0], str):
        for seen in _watching:
            seen.add(arguments[0])
