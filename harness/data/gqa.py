"""GQA: compositional questions about photographs."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final

from PIL import Image

from harness.data._arrow import ParquetTable, parquet_facts
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.images import Reading, decode
from harness.types import Sample

ENTRIES: Final = {"gqa": "Gqa"}

_FILE: Final = r"(?P<split>(?:testdev|val|train|test|challenge)(?:_balanced|_all)?)_questions(?:_\d+)?\.json"


@dataclass(frozen=True, slots=True)
class ShelfImage:
    """An image in a row of a Parquet file, fetched when it is loaded."""

    file: Path
    group: int
    place: int
    name: str
    reading: Reading

    def load(self) -> Image.Image:
        """Decode it to 8-bit L, RGB or RGBA.

        Raises:
            SampleError: as :func:`harness.images.decode`.
        """
        return decode(_shelf(self.file, self.group)[self.place], self.name, self.reading)

    def mark(self) -> str:
        """Return what tells it from another image: its bytes, and how they are read."""
        return f"{hashlib.sha256(_shelf(self.file, self.group)[self.place]).hexdigest()} {self.reading}"


@lru_cache(maxsize=2)
def _shelf(file: Path, group: int) -> list[bytes]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        return [cell["bytes"] for cell in opened.read_row_group(group, ["image"]).column("image").to_pylist()]


class Gqa(FilesDataset):
    """GQA: `testdev_balanced_questions.json` beside `images/`, or Parquet of questions and of images, joined by id.

    Source:
        Hudson and Manning 2019 (arXiv:1902.09506).
    """

    title: ClassVar[str] = "GQA"
    expects: ClassVar[str] = "testdev_balanced_questions.json and images/, or the Parquet folders of both"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Hudson and Manning 2019 (arXiv:1902.09506)",
        slices=("structural", "semantic"),
        note="Consistency, validity, plausibility and distribution are not computed.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        asked = parquet_parts(path, ("id", "imageId", "question", "answer", "fullAnswer"))
        return named(path, _FILE) or [
            Part(part.split, part.files, part.config.removesuffix("_instructions"), part.certainty) for part in asked
        ]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        self._shelves: dict[str, ShelfImage] = {}
        if files[0].suffix == ".json":
            return Listed(files, (placed for file in files for placed in self._rows(file)))
        self._shelve(parts)
        return ParquetTable(files)

    @staticmethod
    def _rows(file: Path) -> Iterable[Placed]:
        questions = document(file)
        if not isinstance(questions, dict):
            raise ValueError(f"{file.name} is no object of questions by id")
        for key, row in questions.items():
            yield Placed(f"{file.name}[{key}]", {"id": key, **row})

    def _shelve(self, parts: Sequence[Part]) -> None:
        """Note where each image lies in the Parquet files of images."""
        import pyarrow.parquet as pq

        folders = {f"{part.config}_images" for part in parts}
        for part in parquet_parts(self.path, ("id", "image"), without=("question",)):
            for file in part.files if not part.config or part.config in folders else ():
                if "imageId" in parquet_facts(file)[0]:
                    continue
                with pq.ParquetFile(file) as opened:
                    for group in range(opened.num_row_groups):
                        for place, key in enumerate(opened.read_row_group(group, ["id"]).column("id").to_pylist()):
                            image = ShelfImage(file, group, place, f"{file.name}[{key}]", self.home.reading)
                            self._shelves[str(key)] = image
        if not self._shelves:
            raise ValueError("the questions are there and the folder of images, `…_images`, is not")

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        key = str(row["imageId"])
        if self._shelves and key not in self._shelves:
            raise ValueError(f"there is no image {key!r} in the folder of images")
        image: Any = self._shelves.get(key) or self.home.file(f"images/{key}.jpg", f"{key}.jpg")
        kinds = row.get("types") or {}
        answer = row.get("answer")
        yield sample_of(
            row["id"],
            row["question"],
            () if answer is None else (str(answer),),
            (image,),
            cluster=key,
            tags={name: kinds.get(name) for name in ("structural", "semantic", "detailed")},
        )
