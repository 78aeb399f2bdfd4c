"""A first suite over a data set that lies on disk: its layout, its split, the metric that its own tables use."""

import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.data import Found, columns_of, open_found, proposed, recognise
from harness.errors import ConfigError, HarnessError, UsageError
from harness.registry import registry

_PLAIN: Final = ("exact_match",)
_NUMBERS: Final = ("relaxed_accuracy", "exact_match")
_WIDE: Final = 100
_LOOKED: Final = 200
"""So many rows decide whether answers are numbers."""


def layout(path: Path, kind: str | None = None) -> tuple[Found, list[Found]]:
    """Return the layout that files are in, and the others that would do.

    Args:
        path: where they lie.
        kind: which, as a suite names its type; the likeliest by default.

    Raises:
        UsageError: if they are in none, or not in the one that is named.
    """
    if kind is None:
        found = recognise(path)
        return found[0], found[1:]
    registry("datasets").entry(kind)
    try:
        return recognise(path, kind)[0], []
    except ConfigError as cause:
        if "is in no layout" not in str(cause):
            raise
    there = ", ".join(one.type for one in recognise(path))
    raise UsageError(f"{path} is not in the layout `{kind}`; it could be read as {there}")


def keys_for(
    found: Found,
    path: Path,
    roots: tuple[Path, ...] = (),
    *,
    split: str | None = None,
    config: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the keys that a suite has to say of a data set beside its type and path.

    Args:
        found: the layout.
        path: where it lies.
        roots: folders outside its own that its files may lie in.
        split: which split; a test or validation split by default, where there are several.
        config: which configuration.
        fields: which column is what, of a table of the user's own.

    Raises:
        UsageError: if a column that is needed cannot be told.
        ConfigError: if it cannot be read.
    """
    keys: dict[str, Any] = _scored(found, path, roots, found.chosen(split, config), split is not None)
    columns = columns_of(found, path, roots, **keys)
    told = proposed(columns, dict(fields or {})) if columns else dict(fields or {})
    if found.type == "image_folder" and "image" not in (fields or {}):
        told.pop("image", None)
    if not columns and found.type != "image_folder":
        return keys | ({"fields": told} if told else {})
    if found.type == "image_folder" and not columns_are_metadata(columns):
        return keys | {"question": "What does the picture show?"}
    if "question" not in told and "question" not in columns:
        keys["question"] = "What does the picture show?"
        told.pop("question", None)
    if "answer" not in told and not {"answer", "answers"} & set(columns):
        if len(columns) == 1 and ";" in columns[0]:
            raise UsageError(f"{path}:1: columns are parted by semicolons; save the table with commas, or tabs as .tsv")
        said = f"{path}:1: which column is the answer cannot be told: there are {', '.join(columns)}"
        raise UsageError(f"{said}; name it: --field answer=COLUMN")
    return keys | ({"fields": told} if told else {}) | {"extra": "ignore"}


def _scored(found: Found, path: Path, roots: tuple[Path, ...], keys: Mapping[str, str], said: bool) -> dict[str, Any]:
    """Return keys that name a split with answers, the first of the usual order; those given where none has any."""
    told = dict(keys)
    here = [name for config, name in found.splits() if config == keys.get("config", config)]
    if said or "split" not in keys or columns_of(found, path, roots, **keys):
        return told
    for name in sorted(dict.fromkeys(here), key=lambda name: (name != keys["split"], here.index(name))):
        with suppress(UsageError):
            dataset = open_found(found, path, roots, **{**keys, "split": name})
            dataset.scorable()  # type: ignore[attr-defined]
            return told | {"split": name}
    return told


def columns_are_metadata(columns: tuple[str, ...]) -> bool:
    """Return whether the columns of a folder of images are those of its metadata, not of its classes."""
    return set(columns) != {"image", "label"}


def guessed(found: Found, path: Path, roots: tuple[Path, ...], keys: Mapping[str, Any]) -> Sequence[str]:
    """Return metrics for rows of the user's own: where all first answers are numbers they may be a little off.

    Args:
        found: the layout.
        path: where the data lies.
        roots: folders outside its own that its files may lie in.
        keys: as :func:`keys_for` returns them.
    """
    if found.official:
        return _PLAIN
    answers: list[str] = []
    with suppress(HarnessError):  # whoever reads the rows in earnest says what is wrong with them
        rows = islice(open_found(found, path, roots, **keys), _LOOKED)
        answers += [answer for sample in rows for answer in sample.references]
    return _NUMBERS if answers and all(map(_is_number, answers)) else _PLAIN


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return False
    return True


def starter(
    found: Found, path: Path, name: str, folder: Path, keys: Mapping[str, Any], metrics: Sequence[str] = _PLAIN
) -> str:
    """Return the text of a suite.

    Args:
        found: the layout.
        path: where the data lies.
        name: of the suite and its task.
        folder: where the suite will lie; paths start there.
        keys: as :func:`keys_for` returns them.
        metrics: of rows of the user's own; a public set has its own.
    """
    official = found.official
    place = os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, "/")
    data: dict[str, Any] = {"type": found.type, "path": place, **keys}
    lines = [f"suite: {name}", "version: 1", f"description: {_scalar(found.title)}", "", "datasets:"]
    lines += [
        f"  {name}:",
        *(f"    {key}: {_scalar(value)}" for key, value in data.items()),
        "",
        "tasks:",
        f"  {name}:",
    ]
    task: dict[str, Any] = {"kind": official.kind if official else "qa", "dataset": name}
    if official:
        lines += [f"    # {line}" for line in _wrapped(f"Metric: {official.source}. {official.note}".strip())]
        task |= {"prompt": official.prompt} if official.prompt else {}
        task |= {"extract": list(official.extract)} if official.extract else {}
        task |= {"metrics": [dict(one) if isinstance(one, Mapping) else one for one in official.metrics]}
        task |= {"slices": list(official.slices)} if official.slices else {}
        task |= dict(official.task)
    else:
        task |= {"prompt": "{{ question }}", "metrics": [*metrics]}
    for key, value in task.items():
        if key == "prompt" and "\n" in str(value):
            lines += ["    prompt: |-", *(f"      {line}" for line in str(value).split("\n"))]
        else:
            lines.append(f"    {key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """Return a value as YAML on one line: JSON is YAML, and plain words need no quotes."""
    if isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum() and not value.isdecimal():
        return value
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDE)
