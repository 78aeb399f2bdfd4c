"""POPE: whether objects that are not there are seen."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import LinesTable, Listed, Placed, Table
from harness.types import Sample

ENTRIES: Final = {"pope": "Pope"}

_FILE: Final = re.compile(r"(?P<source>\w+?)_pope_(?P<category>random|popular|adversarial)\.json")
_OFFICIAL: Final = "official@3df3ba1"
_FOLDERS: Final = ("val2014", "images", "images/val2014")


class Pope(FilesDataset):
    """POPE: `coco_pope_random.json`, `…_popular` and `…_adversarial` (JSON lines) beside `val2014/`, or Parquet.

    A number of a question stands in each of the three categories: the id is `category-number`, the tag `category`
    tells them apart, and the published numbers are those of each.

    Source:
        Li et al. 2023 (arXiv:2305.10355), AoiDragon/POPE: evaluate.py.
    """

    title: ClassVar[str] = "POPE"
    expects: ClassVar[str] = "coco_pope_random.json and its kin with val2014/, or Parquet with the set's columns"
    pooled: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        tuple(
            {"metric": name, "variant": _OFFICIAL}
            for name in ("pope_f1", "pope", "pope_precision", "pope_recall", "pope_yes_ratio")
        ),
        "AoiDragon/POPE: evaluate.py",
        prompt="{{ question }}\nAnswer yes or no.",
        slices=("category",),
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        files = [file for part in named(path, r"(?P<split>\w+_pope_\w+)\.json") for file in part.files]
        found: dict[str, list[Path]] = {}
        for file in sorted(files):
            if match := _FILE.fullmatch(file.name):
                found.setdefault(match["source"], []).append(file)
        told = [Part("test", tuple(some), source) for source, some in found.items()]
        columns = ("question_id", "question", "answer", "image_source", "image", "category")
        return told or [
            Part("test", one.files, one.config, one.certainty) for one in _one(parquet_parts(path, columns))
        ]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            return Listed(files, (placed for file in files for placed in self._rows(file)))
        return ParquetTable(files)

    @staticmethod
    def _rows(file: Path) -> Iterator[Placed]:
        match = _FILE.fullmatch(file.name)
        category = match["category"] if match else file.stem
        for placed in LinesTable(file).rows():
            yield Placed(placed.origin, {**placed.row, "category": category}, placed.problem)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        answer = str(row["answer"] if "answer" in row else row["label"]).strip().lower()
        if answer not in ("yes", "no"):
            raise ValueError(f"the answer {answer!r} is neither yes nor no")
        name, question = row.get("image"), row["text"] if "text" in row else row["question"]
        images = self.pictures(name, origin)
        if isinstance(name, str):
            images = (self.home.file(*(f"{folder}/{name}" for folder in _FOLDERS), name),)
        yield sample_of(
            f"{row['category']}-{row['question_id']}",
            question,
            (answer,),
            images,
            cluster=row.get("image_source") or name,
            tags={"category": row["category"]},
        )


def _one(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield a part for each configuration: its splits are POPE's categories, which their rows name themselves."""
    by_config: dict[str, list[Part]] = {}
    for part in parts:
        by_config.setdefault(part.config, []).append(part)
    for config, some in by_config.items():
        yield Part("test", tuple(file for part in some for file in part.files), config, some[0].certainty)
