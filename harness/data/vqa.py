"""VQA v2, OK-VQA and TextVQA: questions that ten people answered."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import answers_in
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Table, document, joined, objects
from harness.types import Sample

ENTRIES: Final = {"okvqa": "OkVqa", "textvqa": "TextVqa", "vqav2": "VqaV2"}

_ACCURACY: Final = ({"metric": "vqa_accuracy", "variant": "official@a013f00"},)
_SOURCE: Final = "Antol et al. 2015 (arXiv:1505.00468), GT-Vision-Lab/VQA: vqaEval.py"


class VqaV2(FilesDataset):
    """VQA v2: a file of questions, one of annotations beside it, and COCO's images of 2014.

    Source:
        Goyal et al. 2017 (arXiv:1612.00837).
    """

    title: ClassVar[str] = "VQA v2"
    expects: ClassVar[str] = (
        "v2_OpenEnded_mscoco_val2014_questions.json, v2_mscoco_val2014_annotations.json and val2014/, or Parquet"
    )
    official: ClassVar[Official] = Official(_ACCURACY, _SOURCE, slices=("answer_type",))
    questions: ClassVar[str] = r"v2_OpenEnded_mscoco_(?P<split>[\w-]+)_questions\.json"
    annotations: ClassVar[str] = "v2_mscoco_{split}_annotations.json"
    columns: ClassVar[tuple[str, ...]] = (
        "question_type", "multiple_choice_answer", "answers", "answer_type", "question_id", "question", "image",
    )  # fmt: skip
    without: ClassVar[tuple[str, ...]] = ()
    _folder: str = ""

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found = []
        for part in named(path, cls.questions):
            name = cls.annotations.format(split=part.split)
            told = [file for file in (part.files[0].parent / name, path / name) if file.is_file()]
            if cls.fits(told[0] if told else None):
                found.append(Part(part.split, (part.files[0], *told[:1])))
        return found or parquet_parts(path, cls.columns, without=cls.without)

    @classmethod
    def fits(cls, annotations: Path | None) -> bool:
        """Return whether annotations are this set's, where names do not tell."""
        return True

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix != ".json":
            return ParquetTable(files)
        answers: dict[Any, Row] = {}
        if len(files) > 1:
            kept = ("question_type", "answer_type")
            for row in document(files[1])["annotations"]:
                said = {"answers": [one["answer"] for one in row["answers"]]}
                answers[row["question_id"]] = said | {key: row.get(key) for key in kept}
        rows = joined(objects(files[0], "questions"), lambda row: answers.get(row["question_id"], {}))
        self._folder = parts[0].split.replace("test-dev", "test")  # one folder for both
        return Listed(files, rows)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        images = self.pictures(row.get("image"), origin)
        if self._folder:
            name = f"COCO_{self._folder}_{row['image_id']:012d}.jpg"
            images = (self.home.file(f"{self._folder}/{name}", name, f"images/{self._folder}/{name}"),)
        yield sample_of(
            row["question_id"],
            row["question"],
            answers_in(row.get("answers"), "answers"),
            images,
            cluster=row.get("image_id") or self.shared(images),
            tags={"answer_type": row.get("answer_type"), "question_type": row.get("question_type")},
        )


class OkVqa(VqaV2):
    """OK-VQA: as VQA v2, without `v2_` in the names; the answers are stems, as the official score compares them.

    Source:
        Marino et al. 2019 (arXiv:1906.00067).
    """

    title: ClassVar[str] = "OK-VQA"
    expects: ClassVar[str] = (
        "OpenEnded_mscoco_val2014_questions.json, mscoco_val2014_annotations.json and val2014/, or Parquet"
    )
    official: ClassVar[Official] = Official(_ACCURACY, _SOURCE, slices=("question_type",))
    questions: ClassVar[str] = r"OpenEnded_mscoco_(?P<split>[\w-]+)_questions\.json"
    annotations: ClassVar[str] = "mscoco_{split}_annotations.json"
    columns: ClassVar[tuple[str, ...]] = (
        "question_id", "image", "question", "answers", "question_type", "answer_type",
    )  # fmt: skip
    without: ClassVar[tuple[str, ...]] = ("multiple_choice_answer",)

    @classmethod
    def fits(cls, annotations: Path | None) -> bool:
        # The first VQA has the same names of files; only here an answer has its stem beside it.
        if annotations is None:
            return True
        with annotations.open("rb") as file:
            return b'"raw_answer"' in file.read(1_000_000)


class TextVqa(FilesDataset):
    """TextVQA: `TextVQA_0.5.1_val.json` beside `train_images/` (which holds those of val too), or Parquet.

    Source:
        Singh et al. 2019 (arXiv:1904.08920).
    """

    title: ClassVar[str] = "TextVQA"
    expects: ClassVar[str] = "TextVQA_0.5.1_val.json and train_images/, or Parquet with the set's columns"
    official: ClassVar[Official] = Official(_ACCURACY, _SOURCE)

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return named(path, r"TextVQA_0\.5\.1_(?P<split>train|val|test)\.json") or parquet_parts(
            path, ("image_id", "question_id", "question", "image", "answers", "image_classes", "set_name")
        )

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return Listed(files, objects(files[0], "data")) if files[0].suffix == ".json" else ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        name = f"{row['image_id']}.jpg"
        images = self.pictures(row.get("image"), origin)
        if self.table.files[0].suffix == ".json":
            images = (self.home.file(f"train_images/{name}", f"test_images/{name}", name),)
        yield sample_of(
            row["question_id"],
            row["question"],
            answers_in(row.get("answers"), "answers"),
            images,
            cluster=row["image_id"],
        )
