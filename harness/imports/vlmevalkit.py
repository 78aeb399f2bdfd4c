"""Logs of VLMEvalKit: a model's folder of workbooks (or TSV, JSON) with a score a row, and ``*_acc.csv`` beside them.

Layout: open-compass/VLMEvalKit, ``vlmeval/smp/file.py``, ``vlmeval/inference.py`` and ``vlmeval/dataset``. Pickles
beside them are never opened: the workbooks say the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._log import RIGHT, Asked, Entry, Found, Log, Part, Scale, Told, digest, number, text
from harness.imports._place import Place, known_json, read_json
from harness.imports._xlsx import sheet
from harness.imports.table import rows_of

ENTRIES: Final = {"vlmevalkit": "VlmEvalKit"}

_SCORED: Final = re.compile(
    r"_(?:(?:exact_matching|openai|chatgpt|gpt|qwen|claude|gemini)[^/]*?_?)?(?:result|results|auxmatch)\.(?:xlsx|tsv|json)$"
)
_TABLES: Final = (".xlsx", ".tsv", ".json")
_SCORES: Final = ("hit", "eval_score", "score")
_FAILED: Final = "Failed to obtain answer"
_OPTIONS: Final = tuple("ABCDEFGH")
_WORST: Final = Scale("higher", RIGHT.bounds, "share", worth=0.0, binary=True)
"""VLMEvalKit writes a failure where the answer should be, and counts it as wrong."""
_TAGS: Final = ("category", "l2-category", "split")
_EMPTY: Final = ("", "nan", "NaN")


class VlmEvalKit:
    """Reads VLMEvalKit."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the models' folders that have scored tables."""
        found: dict[Path, list[Path]] = {}
        for file in place.ending(*_TABLES):
            if (_SCORED.search(file.name) or place.alone) and _is_scored(file):
                found.setdefault(file.parent, []).append(file)
        if not found and place.ending(".xlsx"):
            plain = next((file for file in place.ending(".xlsx") if {"index", "prediction"} <= {*_header(file)}), None)
            if plain:
                raise UsageError(f"{plain} holds answers and no scores: let VLMEvalKit evaluate them first")
        return [
            Found("vlmevalkit", place.path if place.alone else folder, tuple(files)) for folder, files in found.items()
        ]

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a model's folder."""
        model = _model(found.files)
        parts: dict[str, Part] = {}
        files: list[tuple[str, Path]] = []
        for file in found.files:
            name = _SCORED.sub("", file.name) if _SCORED.search(file.name) else file.stem
            name = name.removeprefix(f"{model}_") or name
            if name in parts:
                said = f"{file.parent} has two tables of scores for {name}"
                raise UsageError(f"{said}: name one of them, such as {file}")
            parts[name] = Part(name, told=_told(file, model, name))
            files.append((name, file))
        return Log(
            kind="vlmevalkit",
            version="",
            model=model,
            files=found.files,
            parts=parts,
            entries=lambda: (entry for name, file in files for entry in _entries(name, file, parts[name])),
        )


def _model(files: Sequence[Path]) -> str:
    """Return the model's name: that of its folder, with which its files begin."""
    folder = files[0].parent.name
    if all(file.name.startswith(f"{folder}_") for file in files):
        return folder
    above = files[0].parent.parent.name
    return above if all(file.name.startswith(f"{above}_") for file in files) else ""


def _is_scored(file: Path) -> bool:
    names = {*_header(file)}
    return {"index", "prediction"} <= names and bool(names & {*_SCORES})


def _header(file: Path) -> list[str]:
    """Return the names of a table's columns; none where it cannot be read."""
    try:
        if file.suffix.lower() == ".xlsx":
            return next(sheet(file, 1), (0, []))[1]
        return [*next(_rows(file), (0, {}))[1]]
    except UsageError:
        return []


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if file.suffix.lower() == ".xlsx":
        lines = sheet(file)
        _, header = next(lines, (0, []))
        width = len(header)
        for line, cells in lines:
            yield line, dict(zip(header, [*cells, *[""] * (width - len(cells))], strict=False))
    elif file.suffix.lower() == ".tsv":
        yield from rows_of(file)
    else:
        yield from enumerate(_records(file), 1)


def _records(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of JSON as pandas writes it: a list of rows, or columns by row."""
    found = read_json(file) if known_json(file) or file.stat().st_size else []
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, Mapping))
    elif isinstance(found, Mapping) and all(isinstance(one, Mapping) for one in found.values()):
        for key in next(iter(found.values()), {}):
            yield {name: column.get(key) for name, column in found.items()}


def _told(file: Path, model: str, name: str) -> list[Told]:
    """Return what the table of shares beside the scores says: of 1, or of 100 where its set's evaluation does."""
    found: list[Told] = []
    for kind in ("acc", "score"):
        beside = file.with_name(f"{model}_{name}_{kind}.csv")
        if not beside.is_file():
            continue
        rows = [row for _, row in rows_of(beside)]
        whole = [row for row in rows if row.get("split") == "Overall"] or rows
        column = "acc" if "acc" in rows[0] else "Overall" if kind == "acc" else ""
        share = _number(whole[0].get(column)) if len(whole) == 1 and column else None
        if share is not None:
            # Multiple choice is told as a share; what has no splits, and what has precision beside it, of 100.
            times = 1.0 if "split" in rows[0] and kind == "acc" else 100.0
            found.append(Told("", share, f"{beside.name}: {column}", times=times, mean=True))
    return found


def _number(value: Any) -> float | None:
    word = text(value).strip()
    if word in ("True", "False"):
        return float(word == "True")
    try:
        return number(float(word)) if word else None
    except ValueError:
        return None


def _entries(task: str, file: Path, part: Part) -> Iterator[Entry]:
    for line, row in _rows(file):
        where = f"{file}:{line}"
        column = next((name for name in _SCORES if name in row), "")
        identity = text(row.get("index"))
        if not identity or not column:
            raise UsageError(f"{where}: a row without {'index' if column else 'a score'}")
        if column not in part.scales:
            part.scales[column] = _WORST
            part.told = [Told(column, one.value, one.label, mean=True, times=one.times) for one in part.told]
        said, right = text(row.get("prediction")), text(row.get("answer"))
        options = [text(row.get(letter)) for letter in _OPTIONS if text(row.get(letter)) not in _EMPTY]
        question = "\n".join(one for one in (text(row.get("hint")), text(row.get("question"))) if one not in _EMPTY)
        image = text(row.get("image_path")) or text(row.get("image"))
        failed = said.startswith(_FAILED)
        yield Entry(
            task=task,
            id=identity,
            scores={column: _number(row.get(column))},
            prompt="\n".join([question, *(f"{letter}. {one}" for letter, one in zip(_OPTIONS, options, strict=False))]),
            references=(right,),
            response=None if failed else said,
            content=[question, *options, right],
            error=said if failed else None,
            cluster=digest(image)[:16] if image else "",
            tags={name: text(row[name]) for name in _TAGS if text(row.get(name)) not in _EMPTY},
            where=where,
        )
