"""Two folders of one model: which kinds of its files differ, and a folder with some kinds from each."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from harness.comparison.identity import brief
from harness.digests import digest
from harness.locate import cache_folder

_KINDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "model": {
        "template": ("chat_template*", "additional_chat_templates/*"),
        "image processor": ("*preprocessor_config.json", "processor_config.json"),
        "tokenizer": ("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
        "generation settings": ("generation_config.json",),
        "weights": ("*",),
    },
    "lora": {"LoRA settings": ("adapter_config.json",), "LoRA weights": ("*",)},
}
"""By key of an adapter's file: what its folder holds; a file is of the first kind that it fits."""
FOLDERS: Final = tuple(_KINDS)
"""Keys of an adapter's file that name such folders."""
_BESIDE: Final = ("manifest.json", "README*", "*.md", ".*")
"""Files that no model reads."""
_NEAR: Final = 14
"""Letters to both sides of where two texts differ."""
_MOST: Final = 1 << 20
"""Bytes of a file that is read to say what differs."""


def differing(key: str, before: Path, after: Path) -> dict[str, tuple[str, str]]:
    """Return the kinds of files that differ between two folders, with what stands in each, in short.

    Args:
        key: of the adapter's file, ``model`` or ``lora``.
        before: one folder.
        after: the other.
    """
    sides = _files(before), _files(after)
    found: dict[str, tuple[str, str]] = {}
    for kind in _KINDS[key]:
        own = [{name: path for name, path in side.items() if _kind(key, name) == kind} for side in sides]
        names = sorted({*own[0], *own[1]})
        other = [name for name in names if _digest(own[0].get(name)) != _digest(own[1].get(name))]
        if other:
            told = [_told(own[0].get(name), own[1].get(name)) for name in other]
            found[kind] = ("; ".join(one for one, _ in told), "; ".join(one for _, one in told))
    return found


def composed(key: str, base: Path, other: Path, kind: str) -> Path:
    """Return a folder with the files of ``base``, but those of one kind from ``other``.

    It lies in the cache, under a name that follows from its content, and its files are links where that is possible.
    """
    files = {name: path for name, path in _files(base).items() if _kind(key, name) != kind}
    files |= {name: path for name, path in _files(other).items() if _kind(key, name) == kind}
    return linked(files)


def linked(files: Mapping[str, Path]) -> Path:
    """Return a folder in the cache that holds some files under these names, as links where that is possible."""
    content = sorted((name, _digest(path)) for name, path in files.items())
    name = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    folder = cache_folder() / "why" / name
    if folder.is_dir():
        return folder
    made = folder.with_name(f".{name}-{os.getpid()}")
    for inside, path in files.items():
        (made / inside).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, made / inside)
        except OSError:  # another disk, or one that has no links
            shutil.copyfile(path, made / inside)
    with suppress(OSError):  # another process was first
        made.rename(folder)
    shutil.rmtree(made, ignore_errors=True)
    return folder


def _files(folder: Path) -> dict[str, Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.resolve() for path in found}
    return {name: path for name, path in named.items() if not any(fnmatch(name, one) for one in _BESIDE)}


def _kind(key: str, name: str) -> str:
    return next(kind for kind, patterns in _KINDS[key].items() if any(fnmatch(name, one) for one in patterns))


def _digest(path: Path | None) -> str:
    return "" if path is None else digest(path)


def _told(before: Path | None, after: Path | None) -> tuple[str, str]:
    """Return what tells two files apart: the keys that differ, the texts where they are short, else their hashes."""
    one, other = _json(before), _json(after)
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        sides = (", ".join(f"{key} {brief(side.get(key))}" for key in keys) for side in (one, other))
        return next(sides), next(sides)
    first, second = _text(before), _text(after)
    if first is not None and second is not None:
        return _around(first, second)
    return _short(before), _short(after)


def _around(one: str, other: str) -> tuple[str, str]:
    r"""Return what stands in two texts where they first differ.

    >>> _around("is assistant\n{% end %}", "is assistant{% end %}")
    ('…is assistant⏎{% end %}', '…is assistant{% end %}')
    """
    place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    window = slice(max(0, place - _NEAR), place + _NEAR)
    told = [f"…{side[window]}".replace("\n", "⏎") for side in (one, other)]
    return told[0], told[1]


def _text(path: Path | None) -> str | None:
    if path is None or path.suffix not in (".jinja", ".txt") or path.stat().st_size > _MOST:
        return None
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return None


def _short(path: Path | None) -> str:
    return "none" if path is None else f"{path.name} {digest(path)[:8]}"


def _json(path: Path | None) -> Any:
    if path is None or path.suffix != ".json" or path.stat().st_size > _MOST:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
