"""Telling which layout lies under a path, by looking at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.data._layout import FilesDataset
from harness.data._mapped import MappedDataset
from harness.data._official import Official
from harness.data._parts import Part, listed_once, refuse_pickle
from harness.errors import ConfigError, Issue, UsageError
from harness.registry import registry
from harness.types import Dataset

_FIRST: Final = ("test", "testdev", "testmini", "val", "validation", "dev")
"""Splits that are shown before others where none is named."""
_COLUMNS: Final = {
    "question": ("question", "query", "prompt", "instruction"),
    "answer": ("answer", "label", "target", "text", "caption", "txt", "cls"),
    "image": ("image", "img", "image_path", "picture", "file_name", "filename"),
    "choices": ("choices", "options"),
    "id": ("id", "question_id", "index", "qid", "uid"),
}
"""Names of columns that a first suite proposes to read, the usual one first."""


@dataclass(frozen=True, slots=True)
class Found:
    """A layout that files under a path are in."""

    type: str
    """As a suite names it."""
    title: str
    parts: tuple[Part, ...]
    official: Official | None
    needs_config: bool = False
    subsets: frozenset[str] = frozenset()
    """Splits that are part of others."""

    def splits(self) -> list[tuple[str, str]]:
        """Return the configurations and splits that lie there."""
        return [*dict.fromkeys((part.config, part.split) for part in self.parts)]

    def chosen(self, split: str | None = None, config: str | None = None) -> dict[str, str]:
        """Return the keys that name one split, where that has to be said; a test or validation split by preference."""
        told: dict[str, str] = {}
        if config is not None:
            told["config"] = config
        elif self.needs_config:
            told["config"] = next(part.config for part in self.parts)
        here = [part.split for part in self.parts if part.config == told.get("config", part.config)]
        if split is not None:
            told["split"] = split
        elif len(set(here)) > 1:
            told["split"] = min(dict.fromkeys(here), key=lambda name: (_rank(name), here.index(name)))
        return told

    def compared(self, keys: Mapping[str, object]) -> list[str]:
        """Return the splits of one configuration that must have nothing in common; one where names tell nothing."""
        here = [part.split for part in self.parts if part.config == keys.get("config", part.config)]
        told = [name for name in dict.fromkeys(here) if name not in self.subsets]
        usual = all(name.startswith(("train", "val", "dev", "test", "restval")) for name in told)
        return told if usual and len(told) > 1 else []


def _rank(split: str) -> int:
    return next((at for at, name in enumerate(_FIRST) if split.startswith(name)), len(_FIRST))


def recognise(path: Path, only: str | None = None) -> list[Found]:
    """Return the layouts that the files under a path are in, the likeliest first.

    Args:
        path: a file or folder.
        only: a layout, where no other is asked for.

    Raises:
        UsageError: if there is nothing, or nothing that is known, with what to do; for a pickle, the command that
            converts it.
    """
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    refuse_pickle(path)
    with listed_once():
        found = _asked(path, only)
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _asked(path: Path, only: str | None) -> list[tuple[int, Found]]:
    """Return what each layout says of a path, with how sure it is.

    Raises:
        ConfigError: if none says anything.
    """
    found: list[tuple[int, Found]] = []
    refused: list[ConfigError] = []
    for entry in registry("datasets") if only is None else [registry("datasets").entry(only)]:
        cls = entry.load()
        if not (isinstance(cls, type) and issubclass(cls, FilesDataset)):
            continue
        try:
            parts = cls.find(path)
        except ConfigError as cause:
            refused.append(cause)
            continue
        except (ValueError, OSError, KeyError, TypeError, AttributeError):
            continue  # files that look like it and are not
        certainty = max((part.certainty for part in parts), default=0)
        if certainty or (parts and only):
            several = not cls.pooled and len({part.config for part in parts}) > 1
            one = Found(entry.name, cls.title, tuple(parts), cls.official, several, cls.subsets)
            found.append((certainty, one))
    if path.suffix in (".jsonl", ".ndjson") and only in (None, "jsonl"):
        part = Part(path.stem, (path,))
        found.append((4, Found("jsonl", "JSON lines", (part,), None)))
    if not found:
        if refused:
            raise refused[0]
        hint = "`harness list datasets` says which there are; docs/data.md which files each of them needs"
        raise ConfigError(Issue(("path",), f"{path} is in no layout that is known", hint))
    return found


def config_of(found: Found, path: Path, **keys: Any) -> Any:
    """Return the configuration of a layout under a path.

    Raises:
        UsageError: if a key is none of its.
    """
    model = registry("datasets").load(found.type).Config
    known = {name: value for name, value in keys.items() if value is not None}
    if unknown := sorted(set(known) - set(model.model_fields)):
        raise UsageError(f"`type: {found.type}` has no key {unknown[0]!r}")
    return model.model_validate({"path": path.name, **known})


def open_found(found: Found, path: Path, roots: tuple[Path, ...] = (), **keys: Any) -> Dataset:
    """Open a layout under a path, whether or not it has answers.

    Raises:
        ConfigError: if it cannot be read.
    """
    cls = registry("datasets").load(found.type)
    folder = path.resolve().parent
    config = config_of(found, path.resolve(), **keys)
    opened = getattr(cls, "opened", cls.from_config)
    dataset: Dataset = opened(config, folder, (folder, *roots))
    return dataset


def proposed(columns: tuple[str, ...], fields: dict[str, str]) -> dict[str, str]:
    """Return which columns a first suite reads as what: those that are named, and usual names.

    >>> proposed(("query", "label", "url"), {})
    {'question': 'query', 'answer': 'label'}
    """
    told = dict(fields)
    for name, usual in _COLUMNS.items():
        if name not in told and name not in columns:
            column = next((one for one in usual if one in columns and one not in told.values()), None)
            if column is not None:
                told[name] = column
    return told


def columns_of(found: Found, path: Path, roots: tuple[Path, ...] = (), **keys: Any) -> tuple[str, ...]:
    """Return the columns of a table; nothing where the layout is no table of the user's own."""
    cls = registry("datasets").load(found.type)
    if not (isinstance(cls, type) and issubclass(cls, MappedDataset)):
        return ()
    dataset: Any = open_found(found, path, roots, question="?", extra="ignore", **keys)
    told = getattr(dataset.table, "columns", None)
    if told is not None:
        return tuple(told)
    first = next(iter(dataset.table.rows(light=False)), None)
    return tuple(first.row) if first else ()
