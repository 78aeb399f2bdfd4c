"""A folder of images: a class for each folder, or what metadata.csv, .jsonl or .parquet says of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._layout import Row
from harness.data._mapped import MappedDataset
from harness.data._parts import Part, files_under
from harness.data._tables import CsvTable, LinesTable, Listed, Placed, Table
from harness.types import Sample

ENTRIES: Final = {"image_folder": "ImageFolderDataset"}

PICTURES: Final = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif",
)  # fmt: skip
_METADATA: Final = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_SPLITS: Final = ("train", "test", "val", "valid", "validation", "dev", "training", "testing")
_NAMES: Final = re.compile(r"(?:\w+_)?file_names?")


class ImageFolderDataset(MappedDataset):
    """Images by folder. Without metadata the answer is the folder's name, and `question` says what is asked.

    With metadata each row has `file_name` (or `image_file_name`, `file_names`), relative to the metadata, and its
    other columns are read as those of a table: `fields: {answer: text}`. Classes stand as the facts `label` and
    `choices`, unless there are more than a hundred.
    """

    title: ClassVar[str] = "a folder of images"
    expects: ClassVar[str] = "folders of images, one a class, or metadata.csv, .jsonl or .parquet beside them"
    pooled: ClassVar[bool] = False

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        if not path.is_dir():
            return []
        told = [file for file in files_under(path, ".csv", ".jsonl", ".parquet") if file.name in _METADATA]
        if told:
            found: dict[str, list[Path]] = {}
            for file in told:
                found.setdefault(_split(file.parent, path), []).append(file)
            return [Part(split, tuple(files), certainty=4) for split, files in found.items()]
        splits = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and folder.name in _SPLITS]
        return [
            Part(folder.name if splits else "all", (folder,), certainty=1)
            for folder in splits or [path]
            if any(_classes(folder))
        ]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].is_dir():
            return self._by_class(files[0])
        kinds = sorted({file.suffix for file in files if sum(other.parent == file.parent for other in files) > 1})
        if kinds:
            raise ValueError(f"several kinds of metadata lie in one folder ({', '.join(kinds)}); keep one")
        self._known |= {"file_name", "file_names"}
        tables = [self._table(file) for file in files]
        return tables[0] if len(tables) == 1 else _Several(tables)

    def _table(self, file: Path) -> Table:
        if file.suffix == ".jsonl":
            return LinesTable(file)
        table = CsvTable(file) if file.suffix == ".csv" else ParquetTable([file])
        self._known |= {column for column in table.columns if _NAMES.fullmatch(column)}
        self.columns_known(table.columns, file.name)
        return table

    def _by_class(self, folder: Path) -> Table:
        classes = list(_classes(folder))
        names = [name for name, _ in classes]
        rows = [
            Placed(f"{name}/{file.name}", {"image": file, "label": name}) for name, files in classes for file in files
        ]
        self._labels = names
        if self.config.question is None:
            raise ValueError("no column has a question; say it as `question: What does the picture show?`")
        return Listed((), rows)

    def samples(self, row: Row, origin: str) -> tuple[Sample, ...]:
        file = row.get("image")
        if isinstance(file, Path):
            name = file.relative_to(self.path).as_posix()
            asked = {"id": name, "image": name}
            sample = self.mapped(asked, origin, label=str(row["label"]))
            facts: dict[str, Any] = {"label": row["label"]}
            if 2 <= len(self._labels) <= 100:
                facts["choices"] = self._labels
            return (replace(sample, facts=facts, cluster=name, tags={"class": str(row["label"])}),)
        plain = dict(row)
        things = plain.get("objects")
        boxes = _boxes(plain.pop("objects")) if isinstance(things, Mapping) else None
        named = [plain.pop(key) for key in [*plain] if _NAMES.fullmatch(key)]
        cells = [one for cell in named for one in (cell if isinstance(cell, list) else [cell]) if one]
        sample = self.mapped(plain, origin, image=cells)
        held = sample.facts if boxes is None else {**sample.facts, "boxes": boxes}
        return (replace(sample, id=sample.id or "|".join(map(str, cells)), facts=held),)


class _Several(Table):
    """Tables of several folders, one behind the other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        self.files = tuple(file for table in tables for file in table.files)

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        for table in self._tables:
            yield from table.rows(light=light)


def _split(folder: Path, path: Path) -> str:
    inside = folder.relative_to(path).parts
    return inside[0] if inside and inside[0] in _SPLITS else folder.name if folder.name in _SPLITS else "all"


def _boxes(things: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the boxes of `objects`, which are [x, y, width, height] there, as `datasets` documents it."""
    kinds = things.get("categories") or things.get("category") or [""] * len(things["bbox"])
    return [
        {"box": [x, y, x + width, y + height], "label": str(kind)}
        for (x, y, width, height), kind in zip(things["bbox"], kinds, strict=True)
    ]


def _classes(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the folders that hold images, with these."""
    for inside in sorted(folder.iterdir()):
        if inside.is_dir() and not inside.name.startswith("."):
            files = sorted(file for file in inside.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
            if files:
                yield inside.name, files
