"""Tables of VLMEvalKit: pictures as base64 in the cells, or the index of the row whose picture it is."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

from PIL import Image

from harness.data._cells import HeldImage, answers_in, listed, literal, pictures, place_of, right_option
from harness.data._images import FileImage
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._parts import Part, files_under, parquet_parts
from harness.data._tables import CsvTable, Placed, Table
from harness.digests import digest
from harness.errors import SampleError
from harness.types import ImageSource, Sample

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_REFERENCE: Final = 64
"""Characters: what is no longer is the index of another row."""
CIRCLE: Final = 1_000_000
"""Copies of a question with its options turned have its index and so much more, once for each turn."""


class TsvTable(CsvTable):
    """A TSV file that knows where its rows begin, so that one can be read again without the others."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "\t")

    def starts(self) -> Iterator[tuple[int, int, Mapping[str, str]]]:
        """Yield where each row begins and ends in the file, with its cells."""
        with self._path.open("rb") as file:
            begin = 0

            def lines() -> Iterator[str]:
                for line in file:
                    yield line.decode("utf-8-sig", "surrogateescape")

            for values in csv.reader(lines(), delimiter="\t"):
                end = file.tell()
                if begin and len(values) == len(self.columns):
                    yield begin, end, dict(zip(self.columns, values, strict=True))
                begin = end

    def row(self, begin: int, end: int) -> Mapping[str, str]:
        """Return the row that stands there."""
        with self._path.open("rb") as file:
            file.seek(begin)
            text = file.read(end - begin).decode("utf-8", "surrogateescape")
        return dict(zip(self.columns, next(csv.reader(io.StringIO(text, newline=""), delimiter="\t")), strict=True))


@dataclass(frozen=True, slots=True)
class RowImage:
    """One of the images of another row, read when it is loaded."""

    owner: "TsvDataset"
    index: str
    place: int

    @property
    def name(self) -> str:
        """What it is known by."""
        return f"{self.owner.table.files[0].name}[{self.index}]" + (f", image {self.place + 1}" if self.place else "")

    def load(self) -> Image.Image:
        """Decode it to 8-bit L, RGB or RGBA.

        Raises:
            SampleError: as :func:`harness.images.decode`, and if the row has no image.
        """
        return self.source().load()

    def mark(self) -> str:
        """Return what tells it from another image: its bytes, and how they are read.

        Raises:
            SampleError: if the row has no image.
            OSError: if its file cannot be read.
        """
        source = self.source()
        if isinstance(source, FileImage):
            return f"{digest(source.path)} {source.reading}"
        return source.mark() if isinstance(source, HeldImage) else ""

    def source(self) -> ImageSource:
        """Return the image that the other row has.

        Raises:
            SampleError: if it has none.
        """
        try:
            found = pictures(_cell(self.owner.other(self.index)["image"]), self.owner.home, self.name)
        except (ValueError, TypeError, OSError) as cause:
            raise SampleError(f"{self.name}: {cause}") from cause
        return found[self.place]


class TsvDataset(FilesDataset):
    """A dataset of a TSV in VLMEvalKit's form, or of the same columns in Parquet."""

    needs: ClassVar[frozenset[str]] = frozenset({"index", "question"})
    """Columns without which it is another set's table."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Of the Parquet form."""
    without: ClassVar[tuple[str, ...]] = ()
    table: Table

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found = []
        for file in files_under(path, ".tsv"):
            try:
                columns = set(CsvTable(file, "\t").columns)
            except (ValueError, OSError):
                continue
            if cls.needs <= columns and columns & {"image", "image_path"} and cls.named_so(file.stem):
                found.append(Part(file.stem, (file,), certainty=20 + len(cls.needs)))
        return found or (parquet_parts(path, cls.columns, without=cls.without) if cls.columns else [])

    @classmethod
    def named_so(cls, stem: str) -> bool:
        """Return whether a file of that name can be this set."""
        return True

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """By index: where rows begin and end whose image other rows name."""
        if not isinstance(self.table, TsvTable):
            return {}
        wanted = {
            row["image"]
            for _, _, row in self.table.starts()
            if "image" in row and 0 < len(row["image"]) <= _REFERENCE and not row["image"].startswith("[")
        }
        return (
            {row["index"]: (begin, end) for begin, end, row in self.table.starts() if row["index"] in wanted}
            if wanted
            else {}
        )

    def other(self, index: str) -> Mapping[str, Any]:
        """Return another row by its index.

        Raises:
            SampleError: if there is none.
        """
        if index not in self._places or not isinstance(self.table, TsvTable):
            raise SampleError(f"there is no row with the index {index!r}")
        return self.table.row(*self._places[index])

    def shown(self, row: Row, origin: str) -> tuple[ImageSource, ...]:
        """Return the images of a row.

        Raises:
            ValueError: if it names a row that is not there.
        """
        cell = _cell(row.get("image"))
        if isinstance(cell, str) and cell and len(cell) <= _REFERENCE:
            if cell not in self._places:
                raise ValueError(f"the image is that of row {cell!r}, and no row has this index")
            count = len(pictures(_cell(self.other(cell)["image"]), self.home, origin))
            return tuple(RowImage(self, cell, place) for place in range(count))
        if cell in (None, ""):
            path = row.get("image_path")
            return () if path in (None, "", "nan") else self.pictures(_cell(path), origin)
        return self.pictures(cell, origin)

    def shared(self, images: Any) -> str:
        if images and isinstance(images[0], RowImage):
            return super().shared(pictures(_cell(self.other(images[0].index)["image"]), self.home, ""))
        return super().shared(images)

    @staticmethod
    def choices(row: Row) -> list[str]:
        """Return the options: the columns A, B, C, … up to the last that says something."""
        cells = [_said(row.get(name)) for name in _LETTERS]
        while cells and not cells[-1]:
            cells.pop()
        return cells

    def references(self, row: Row, choices: list[str]) -> tuple[str, ...]:
        """Return the right answers."""
        answer = _said(row.get("answer"))
        if not answer:
            return ()
        if choices:
            return right_option(choices, place_of(answer, choices))
        return tuple(answers_in(literal(answer) if answer.startswith("[") else answer, "answer"))

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices, images = self.choices(row), self.shown(row, origin)
        index, hint = str(row["index"]), _said(row.get("hint"))
        question = str(row["question"])
        base = str(int(index) % CIRCLE) if index.isdecimal() else index
        yield sample_of(
            index,
            f"{hint}\n{question}" if hint else question,
            self.references(row, choices),
            images,
            cluster=self.shared(images),
            tags={
                "category": _said(row.get("category")),
                "l2-category": _said(row.get("l2-category") or row.get("L2-category")),
                "split": _said(row.get("split")),
                "source": _said(row.get("source")),
            },
            facts={"choices": choices, "group": base} if choices else {},
        )


def _said(cell: Any) -> str:
    """Return what a cell says; the text "nan" stands for an empty one."""
    text = "" if cell is None or cell != cell else str(cell).strip()  # noqa: PLR0124 - NaN
    return "" if text == "nan" else text


def _cell(cell: Any) -> Any:
    return listed(cell, "image") if isinstance(cell, str) and cell.startswith("[") else cell


__all__ = ["Placed", "TsvDataset", "TsvTable"]
