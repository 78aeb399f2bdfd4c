"""Rows of files as they come, each with its place: CSV, TSV, JSON lines, JSON."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.data._rows import parsed

_MOST_JSON: Final = 2_000_000_000
"""Bytes of a JSON file that is one value and is read whole; VQA v2's answers are 400 MB."""
_MARKS: Final = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a zip file or a spreadsheet",
    b"\x1f\x8b": "gzip",
}

csv.field_size_limit(1 << 30)  # a picture as base64 is longer than the 131,072 characters that are the default


@dataclass(frozen=True, slots=True)
class Placed:
    """A row, and where it stands."""

    origin: str
    """As ``file:line``, or ``file[number]``, from 0, where rows have no lines of their own."""
    row: Mapping[str, Any]
    problem: str = ""
    """Why it cannot be read."""


class Table(ABC):
    """Rows that can be gone through again and again, in one order."""

    files: tuple[Path, ...]
    """What decides the rows."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many rows there are, without reading them where that can be."""

    @abstractmethod
    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        """Yield the rows.

        Args:
            light: leave out what is costly and says nothing of ids and answers: the bytes of pictures.
        """


class Listed(Table):
    """Rows that were put together from files that are read whole."""

    def __init__(self, files: Sequence[Path], rows: Iterable[Placed]) -> None:
        self.files = tuple(files)
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        return iter(self._rows)


class CsvTable(Table):
    """A CSV or TSV file with a header; all cells are text, and none stands for a missing one but the empty."""

    def __init__(self, path: Path, delimiter: str = ",", header: Sequence[str] | None = None) -> None:
        """Read the header.

        Args:
            path: UTF-8, with or without a mark of it; cells may hold quoted line ends.
            delimiter: between cells.
            header: names of the columns of a file that has none.

        Raises:
            ValueError: if there is no usable header.
        """
        self.files = (path,)
        self._path, self._delimiter, self._given = path, delimiter, header
        with path.open("rb") as file:
            start = file.read(4)
        if said := next((what for mark, what in _MARKS.items() if start.startswith(mark)), ""):
            raise ValueError(f"{path.name} is {said}, not text in UTF-8; save it as CSV in UTF-8")
        self.columns = tuple(header or next(self._cells(), (1, []))[1])
        if not any(self.columns):
            raise ValueError(f"{path.name} has no header")
        twice = sorted({name for name in self.columns if name and self.columns.count(name) > 1})
        if twice:
            raise ValueError(f"{path.name}: two columns are called {twice[0]!r}, and only one would be read")

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self._cells()) - (self._given is None)

    def __len__(self) -> int:
        return self._length

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        name, columns, cells = self._path.name, self.columns, self._cells()
        if self._given is None:
            next(cells, None)
        for line, values in cells:
            origin = f"{name}:{line}"
            if len(values) != len(columns):
                said = f"{len(values)} cells under {len(columns)} columns; is a quote or a delimiter missing?"
                yield Placed(origin, {}, said)
            elif any("\udc80" <= sign <= "\udcff" for value in values if not value.isascii() for sign in value):
                yield Placed(origin, {}, "not UTF-8; save it as UTF-8 (iconv -f LATIN1 -t UTF-8)")
            else:
                yield Placed(origin, dict(zip(columns, values, strict=True)))

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of each row that is not blank, with the line on which it begins."""
        with self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader, line = csv.reader(file, delimiter=self._delimiter), 1
            for values in reader:
                if values and (len(values) > 1 or values[0].strip()):
                    yield line, values
                line = reader.line_num + 1


class LinesTable(Table):
    """JSON lines, whatever the file is called."""

    def __init__(self, path: Path) -> None:
        self.files = (path,)
        self._path = path

    @cached_property
    def _length(self) -> int:
        with self._path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())

    def __len__(self) -> int:
        return self._length

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    origin = f"{self._path.name}:{number}"
                    try:
                        yield Placed(origin, parsed(line))
                    except (ValueError, TypeError, RecursionError) as cause:
                        yield Placed(origin, {}, str(cause))


def document(path: Path) -> Any:
    """Return the value of a JSON file that is read whole.

    Raises:
        ValueError: if it is none, or larger than two gigabytes.
    """
    if path.stat().st_size > _MOST_JSON:
        raise ValueError(f"{path.name} is larger than {_MOST_JSON:,} bytes")
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as cause:
        raise ValueError(f"{path.name}:{cause.lineno}:{cause.colno}: not JSON: {cause.msg}") from cause
    except (UnicodeDecodeError, RecursionError) as cause:
        raise ValueError(f"{path.name}: not JSON: {cause}") from cause


def objects(path: Path, under: str = "") -> Iterator[Placed]:
    """Yield the objects of a JSON file's list, or of its lines: which of the two it is, its content says.

    Args:
        path: the file.
        under: the key of the list, where the file is one object.

    Raises:
        ValueError: if it is neither.
    """
    if not under and first_sign(path) == "{" and not _whole(path):
        yield from LinesTable(path).rows()
        return
    value = document(path)
    if under and isinstance(value, Mapping):
        value = value.get(under)
    if not isinstance(value, list):
        raise ValueError(f"{path.name} has no list" + (f" under {under!r}" if under else ""))
    for number, row in enumerate(value):
        origin = f"{path.name}[{number}]"
        yield Placed(origin, row) if isinstance(row, dict) else Placed(origin, {}, "not a JSON object")


def first_sign(path: Path) -> str:
    """Return the first character of a file that is no white space; nothing where it is empty or no text."""
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1].decode("ascii", "replace")


def _whole(path: Path) -> bool:
    """Return whether a file that begins with an object is that one object and not a line for each."""
    with path.open("rb") as file:
        line = file.readline(10_000_000)
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False


def joined(rows: Iterable[Placed], with_row: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Iterator[Placed]:
    """Yield rows with what belongs to each from elsewhere."""
    for placed in rows:
        yield placed if placed.problem else Placed(placed.origin, {**placed.row, **with_row(placed.row)})
