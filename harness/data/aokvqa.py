"""A-OKVQA: questions that need knowledge of the world, with four options or ten free answers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal

from harness.data._arrow import ParquetTable
from harness.data._cells import listed, right_option
from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import CHOICE, LETTER, Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Table, objects
from harness.types import ImageSource, Sample

ENTRIES: Final = {"aokvqa": "AOkVqa"}


class AOkVqaConfig(LayoutConfig):
    """Keys of a dataset of ``type: aokvqa``."""

    ask: Literal["choice", "direct"] = "choice"
    """Which of the two tracks: the letter of an option, or a free answer held against ten (`vqa_accuracy`), without the
    questions that are marked as difficult to answer freely."""


class AOkVqa(FilesDataset):
    """A-OKVQA: `aokvqa_v1p0_val.json` beside COCO's `val2017/`, or Parquet.

    Source:
        Schwenk et al. 2022 (arXiv:2206.01718), allenai/aokvqa.
    """

    Config = AOkVqaConfig
    title: ClassVar[str] = "A-OKVQA"
    expects: ClassVar[str] = "aokvqa_v1p0_val.json and val2017/, or Parquet with the set's columns"
    one_each: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "allenai/aokvqa: evaluation/eval_predictions.py",
        prompt=CHOICE,
        extract=LETTER,
        note="This is the multiple-choice track. For direct answers: `ask: direct` and vqa_accuracy.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return named(path, r"aokvqa_v1p\d_(?P<split>train|val|test)\.json") or parquet_parts(
            path, ("question_id", "question", "choices", "direct_answers", "image")
        )

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return Listed(files, objects(files[0])) if files[0].suffix == ".json" else ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [str(one) for one in listed(row["choices"], "choices")]
        place, direct = row.get("correct_choice_idx"), self.config.ask == "direct"
        if direct and row.get("difficult_direct_answer"):
            return
        references: Iterable[str] = () if place is None else right_option(choices, place)
        if direct:
            references = [str(one) for one in listed(row.get("direct_answers"), "direct_answers")]
        images: tuple[ImageSource, ...] = self.pictures(row.get("image"), origin)
        if "image_id" in row:
            name = f"{row['image_id']:012d}.jpg"
            images = (self.home.file(f"{row['split']}2017/{name}", name),)
        yield sample_of(
            row["question_id"],
            row["question"],
            references,
            images,
            cluster=row.get("image_id") or self.shared(images),
            facts={} if direct else {"choices": choices},
        )
