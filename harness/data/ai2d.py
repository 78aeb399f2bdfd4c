"""AI2D: multiple-choice questions about diagrams."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import right_option
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import CHOICE, LETTER, Official
from harness.data._parts import Part, files_under, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.types import ImageSource, Sample

ENTRIES: Final = {"ai2d": "Ai2d"}

_IDS: Final = "ai2d_test_ids.csv"


class Ai2d(FilesDataset):
    """AI2D: the folders `questions/` and `images/` with `ai2d_test_ids.csv`, or Parquet, where the answer is an index.

    The tag `labels` says whether the options are letters that stand in the picture.

    Source:
        Kembhavi et al. 2016 (arXiv:1603.07396).
    """

    title: ClassVar[str] = "AI2D"
    expects: ClassVar[str] = "ai2d/questions/, ai2d/images/ and ai2d_test_ids.csv, or Parquet with the set's columns"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Kembhavi et al. 2016 (arXiv:1603.07396)",
        prompt=CHOICE,
        extract=LETTER,
        note="Published numbers differ by whether labels in the pictures are masked; these are read as they lie.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        asked = [file for file in files_under(path, ".json") if file.parent.name == "questions"]
        if not asked or not (asked[0].parent.parent / "images").is_dir():
            return parquet_parts(path, ("question", "options", "answer", "image"), without=("image_1", "question_id"))
        ids = asked[0].parent.parent / _IDS
        if not ids.is_file():
            return [Part("all", tuple(asked))]
        test = {line.strip() for line in ids.read_text(encoding="utf-8").splitlines()}
        split = {
            name: tuple(f for f in asked if (f.name.split(".")[0] in test) == (name == "test")) for name in _SPLITS
        }
        return [Part(name, files) for name, files in split.items() if files]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return Listed(files, self._rows(files)) if files[0].suffix == ".json" else ParquetTable(files)

    @staticmethod
    def _rows(files: Iterable[Path]) -> Iterator[Placed]:
        for file in files:
            found = document(file)
            for text, row in found.get("questions", {}).items():
                more = {"text": text, "file": found.get("imageName") or file.name.removesuffix(".json")}
                yield Placed(f"{file.name}[{row.get('questionId')}]", {**row, **more})

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        images: tuple[ImageSource, ...]
        if "questionId" in row:
            options, place, name = row["answerTexts"], row["correctAnswer"], row["file"]
            images = (self.home.file(f"images/{name}", f"../images/{name}"),)
            yield self._one(row["questionId"], row["text"], options, place, images, name, row.get("abcLabel"))
        else:
            images = self.pictures(row.get("image"), origin)
            yield self._one(None, row["question"], row["options"], int(row["answer"]), images, self.shared(images))

    @staticmethod
    def _one(
        identity: object,
        question: object,
        options: Iterable[object],
        place: int,
        images: tuple[ImageSource, ...],
        cluster: str,
        labels: bool | None = None,
    ) -> Sample:
        choices = [str(one) for one in options]
        tags = {} if labels is None else {"labels": "letters" if labels else "words"}
        references = right_option(choices, place)
        return sample_of(identity, question, references, images, cluster=cluster, tags=tags, facts={"choices": choices})


_SPLITS: Final = ("test", "train")
