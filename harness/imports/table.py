"""Any table with a row a sample: CSV, TSV, JSON Lines or Parquet, with names of columns that are common or given.

The roles are ``id``, ``prediction``, ``target``, ``prompt``, ``task``, ``filter``, ``epoch``, ``cluster``, ``error``
and ``score`` (one or several); ``tag`` makes slices.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError, did_you_mean
from harness.imports._log import Asked, Entry, Found, Log, Part, number, scale_of, text
from harness.imports._place import MOST_LINE, Place, first_line, json_lines
from harness.record.folder import CHANCE

ENTRIES: Final = {"table": "Table"}

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "sample_id", "doc_id", "question_id", "questionid", "qid", "index", "uid"),
    "prediction": ("prediction", "pred", "response", "output", "answer_pred", "model_output", "completion"),
    "target": ("target", "reference", "references", "label", "gold", "answer", "ground_truth", "expected"),
    "prompt": ("prompt", "question", "query", "input"),
    "task": ("task", "dataset", "benchmark"),
    "filter": ("filter", "cell"),
    "epoch": ("epoch", "repeat"),
    "cluster": ("cluster", "image_id", "image", "document", "docid"),
    "error": ("error",),
    "score": (),
    "tag": (),
}
_SEVERAL: Final = ("score", "tag")
_ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_YES: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "correct": 1.0, "incorrect": 0.0}
_BATCH: Final = 1024


class Table:
    """Reads tables."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every table."""
        return [Found("table", file, (file,)) for file in place.ending(*_ENDINGS)]

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a table.

        Raises:
            UsageError: if no column can be its ids or its scores, with all columns and the option that names them.
        """
        file = found.files[0]
        columns = columns_of(file)
        if CHANCE in columns:
            raise UsageError(
                f"{file} has a column {CHANCE!r}: its samples were drawn with unequal chances, and an imported run "
                "takes plain means, which would be wrong of them; compare the run itself (rename the column if it is "
                "something else)"
            )
        roles = _roles(file, columns, asked)
        parts: dict[str, Part] = {}
        scales = {name: scale_of(name) for name in roles["score"]}
        name = file.stem if "task" not in roles else ""
        if name:
            parts["samples"] = Part("samples", dict(scales))

        def entries() -> Iterator[Entry]:
            for line, row in rows_of(file):
                entry = _entry(row, roles, f"{file}:{line}")
                if entry.task not in parts:
                    parts[entry.task] = Part(entry.task, dict(scales))
                yield entry

        return Log("table", "", file.stem, [file], parts, entries)


def columns_of(file: Path) -> list[str]:
    """Return the names of a table's columns.

    Raises:
        UsageError: if it cannot be read.
    """
    if file.suffix.lower() == ".parquet":
        return [str(name) for name in _parquet(file).schema_arrow.names]
    if file.suffix.lower() in (".jsonl", ".ndjson"):
        line = first_line(file)
        if not isinstance(line, dict):
            raise UsageError(f"{file}:1: no JSON object")
        return [*line]
    header = next(_separated(file), None)
    if header is None:
        raise UsageError(f"{file} is empty")
    return header[1]


def rows_of(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a table with their lines.

    Raises:
        UsageError: naming the line that cannot be read.
    """
    if file.suffix.lower() == ".parquet":
        yield from _parquet_rows(file)
    elif file.suffix.lower() in (".jsonl", ".ndjson"):
        yield from json_lines(file)
    else:
        lines = _separated(file)
        _, header = next(lines, (0, []))
        for line, cells in lines:
            if len(cells) != len(header):
                raise UsageError(f"{file}:{line}: {len(cells)} cells where the header has {len(header)}")
            yield line, dict(zip(header, cells, strict=True))


def _separated(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of CSV or TSV. Cells are texts and nothing else: a formula is one too."""
    limit = csv.field_size_limit(MOST_LINE)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(
                _bounded(opened, file), delimiter="\t" if file.suffix.lower() == ".tsv" else ",", strict=True
            )
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except UnicodeDecodeError as cause:
        raise UsageError(f"{file} is not UTF-8: {cause.reason} at byte {cause.start}") from cause
    except (csv.Error, OSError) as cause:
        raise UsageError(f"{file} cannot be read as a table: {cause}") from cause
    finally:
        csv.field_size_limit(limit)


def _bounded(opened: Any, file: Path) -> Iterator[str]:
    count = 0
    while line := opened.readline(MOST_LINE + 1):
        count += 1
        if len(line) > MOST_LINE:
            raise UsageError(f"{file}:{count}: a line of more than {MOST_LINE / 2**20:.0f} MiB")
        if "\0" in line:
            raise UsageError(f"{file}:{count}: a byte of zero: it is no table of text")
        yield line


def _parquet(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (OSError, pa.ArrowInvalid) as cause:
        raise UsageError(f"{file} cannot be read as Parquet: {cause}") from cause


def _parquet_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow as pa

    line = 0
    try:
        for batch in _parquet(file).iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                line += 1
                yield line, row
    except (OSError, pa.ArrowException) as cause:
        raise UsageError(f"{file} cannot be read as Parquet after row {line}: {cause}") from cause


def _roles(file: Path, columns: Sequence[str], asked: Asked) -> dict[str, list[str]]:
    """Return which columns have which role: as asked, else by their names."""
    told = f"its columns are {', '.join(columns)}"
    roles: dict[str, list[str]] = {}
    for role, named in asked.columns.items():
        if role not in ROLES:
            raise UsageError(f"--map {role}={named}: unknown role {role!r}; {did_you_mean(role, ROLES)}")
        wanted = named.split(",") if role in _SEVERAL else [named]
        for name in wanted:
            if name not in columns:
                raise UsageError(f"{file} has no column {name!r}; {told}")
        roles[role] = wanted
    taken = {name for names in roles.values() for name in names}
    lower = {name.lower(): name for name in columns if name not in taken}
    for role, names in ROLES.items():
        if role not in roles and (first := next((lower[name] for name in names if name in lower), None)):
            roles[role] = [first]
            del lower[first.lower()]
    if "score" not in roles:
        roles["score"] = [name for name in lower.values() if scale_of(name).known or name.lower() == "score"]
    for role in ("id", "score"):
        if not roles.get(role):
            raise UsageError(f"{file}: which column is its {role}? {told}; say --map {role}=COLUMN")
    return roles


def _entry(row: Mapping[str, Any], roles: Mapping[str, Sequence[str]], where: str) -> Entry:
    def one(role: str) -> Any:
        return row.get(roles[role][0]) if role in roles else None

    identity = text(one("id"))
    if not identity:
        raise UsageError(f"{where}: a row without {roles['id'][0]}")
    error = text(one("error"))
    return Entry(
        task=text(one("task")) or "samples",
        id=identity,
        scores={name: _score(row.get(name), name, where) for name in roles["score"]},
        cell=text(one("filter")),
        epoch=_epoch(one("epoch"), where),
        prompt=text(one("prompt")) if "prompt" in roles else None,
        references=_references(one("target")) if "target" in roles else (),
        response=text(one("prediction")) if "prediction" in roles else None,
        error=error or None,
        cluster=text(one("cluster")),
        tags={name: text(row.get(name)) for name in roles.get("tag", ())},
        where=where,
    )


def _references(value: Any) -> Sequence[str]:
    """Return the right answers: of a list, or of a text that is one in JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
        return tuple(text(item) for item in value)
    return (text(value),)


def _score(value: Any, name: str, where: str) -> float | None:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("", "nan", "none", "null", "n/a"):
            return None
        if word in _YES:
            return _YES[word]
        try:
            return number(float(word))
        except ValueError as cause:
            raise UsageError(f"{where}: {name} is {value[:40]!r}, which is no score") from cause
    found = number(value)
    if found is None and value is not None and not isinstance(value, float):
        raise UsageError(f"{where}: {name} is {text(value)[:40]!r}, which is no score")
    return found


def _epoch(value: Any, where: str) -> int:
    if value is None or value == "":
        return 0
    try:
        found = int(value)
    except (TypeError, ValueError) as cause:
        raise UsageError(f"{where}: the epoch is {text(value)[:40]!r}, which is no whole number") from cause
    if not 0 <= found < 1_000_000:
        raise UsageError(f"{where}: the epoch is {found}")
    return found + 1
