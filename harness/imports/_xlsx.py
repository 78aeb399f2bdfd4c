"""The first sheet of a workbook as texts, row by row: formulas are never computed, nothing outside is followed."""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.imports._xml import read_xml
from harness.imports._zip import Archive

MOST: Final = 256 * 1024 * 1024
"""Bytes of a sheet, or of its texts, unpacked."""
MOST_COLUMNS: Final = 2_000
_CELL: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_SHEET: Final = "xl/worksheets/sheet1.xml"
_TEXTS: Final = "xl/sharedStrings.xml"


class _EnoughError(Exception):
    """So many rows were read as were asked for."""


def sheet(file: Path, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the first sheet with their numbers, every cell as it is written: ``33`` and no ``33.0``.

    Args:
        file: the workbook.
        most: so many rows and no more; all by default.

    Raises:
        UsageError: if it is no workbook, or is larger than anyone's.
    """
    archive = Archive(file)
    name = _SHEET if _SHEET in archive else next((n for n in archive.names() if n.startswith("xl/worksheets/")), "")
    if not name:
        raise UsageError(f"{file} is no workbook: it has no sheet")
    texts = _texts(archive) if _TEXTS in archive else []
    yield from _Rows(file, texts, most).read(archive.read(name, MOST), f"{file}:{name}")


def _texts(archive: Archive) -> list[str]:
    found: list[str] = []
    parts: list[str] = []
    inside = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal inside
        if name == "si":
            parts.clear()
        inside = name == "t"

    def end(name: str) -> None:
        nonlocal inside
        inside = False
        if name == "si":
            found.append("".join(parts))

    def words(text: str) -> None:
        if inside:
            parts.append(text)

    read_xml(io.BytesIO(archive.read(_TEXTS, MOST)), f"{archive.file}:{_TEXTS}", start, end, words, MOST)
    return found


class _Rows:
    """What a sheet's elements come to."""

    def __init__(self, file: Path, texts: list[str], most: int | None) -> None:
        self._file = file
        self._texts = texts
        self._most = most
        self._rows: list[tuple[int, list[str]]] = []
        self._cells: list[str] = []
        self._column = 0
        self._kind = ""
        self._row = 0
        self._words: list[str] = []
        self._inside = False

    def read(self, data: bytes, where: str) -> list[tuple[int, list[str]]]:
        """Return all rows."""
        with suppress(_EnoughError):
            read_xml(io.BytesIO(data), where, self._start, self._end, self._said, MOST)
        return self._rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._cells = []
            number = attributes.get("r", "")
            self._row = int(number) if number.isdecimal() and len(number) < 8 else self._row + 1
        elif name == "c":
            self._kind = attributes.get("t", "n")
            self._column = _column(attributes.get("r", ""), len(self._cells))
            self._words = []
        self._inside = name in ("v", "t")

    def _said(self, text: str) -> None:
        if self._inside:
            self._words.append(text)

    def _end(self, name: str) -> None:
        self._inside = False
        if name == "c":
            if self._column >= MOST_COLUMNS:
                raise UsageError(f"{self._file}: row {self._row} has more than {MOST_COLUMNS:,} columns")
            self._cells += [""] * (self._column - len(self._cells))
            self._cells.append(self._value("".join(self._words)))
        elif name == "row":
            self._rows.append((self._row, self._cells))
            if len(self._rows) == self._most:
                raise _EnoughError

    def _value(self, word: str) -> str:
        if self._kind == "s":
            place = int(word) if word.isdecimal() and len(word) < 10 else len(self._texts)
            if place >= len(self._texts):
                raise UsageError(f"{self._file}: row {self._row} names a text that is not there")
            return self._texts[place]
        return "" if self._kind == "e" else word


def _column(name: str, following: int) -> int:
    """Return a cell's column from 0; that which comes next where it has no name."""
    named = _CELL.fullmatch(name)
    if not named:
        return following
    place = 0
    for letter in named[1]:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1
