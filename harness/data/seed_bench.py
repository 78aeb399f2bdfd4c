"""SEED-Bench: multiple-choice questions about pictures and frames of videos."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal

from harness.data._arrow import ParquetTable
from harness.data._cells import place_of, right_option
from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import CHOICE, LETTER, Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Table, document, objects
from harness.types import Sample

ENTRIES: Final = {"seed_bench": "SeedBench"}


class SeedBenchConfig(LayoutConfig):
    """Keys of a dataset of ``type: seed_bench``."""

    data_type: Literal["image", "video", "all"] | None = None
    """Which questions: by default those about images where the videos lie elsewhere (JSON), and all in Parquet, where
    the frames stand beside the question."""


class SeedBench(FilesDataset):
    """SEED-Bench: `SEED-Bench.json` beside `SEED-Bench-image/`, whose files have no endings, or Parquet.

    Source:
        Li et al. 2023 (arXiv:2307.16125), AILab-CVC/SEED-Bench.
    """

    Config = SeedBenchConfig
    title: ClassVar[str] = "SEED-Bench"
    expects: ClassVar[str] = "SEED-Bench.json and SEED-Bench-image/, or Parquet with the set's columns"
    one_each: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "AILab-CVC/SEED-Bench: eval.py",
        prompt=CHOICE,
        extract=LETTER,
        slices=("type", "data_type"),
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        told = named(path, r"(?P<split>SEED-Bench)\.json")
        columns = ("question_id", "question", "answer", "choice_a", "choice_b", "image", "question_type_id")
        return [Part("test", told[0].files)] if told else parquet_parts(path, columns)

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        self._types: dict[int, str] = {}
        self._kinds = self.config.data_type
        if files[0].suffix == ".json":
            self._types = {number: name for name, number in document(files[0]).get("question_type", {}).items()}
            self._kinds = self._kinds or "image"
            return Listed(files, objects(files[0], "questions"))
        return ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        kind = row.get("data_type") or "image"
        if self._kinds not in (None, "all", kind):
            return
        choices = [
            str(row[key]) for key in ("choice_a", "choice_b", "choice_c", "choice_d") if row.get(key) is not None
        ]
        number = row.get("question_type_id")
        if self.table.files[0].suffix == ".json":
            if kind != "image":
                raise ValueError("the videos lie elsewhere; take `data_type: image`, or the Parquet form with frames")
            images = (self.home.file(f"SEED-Bench-image/{row['data_id']}", str(row["data_id"])),)
        else:
            images = self.pictures(row.get("image"), origin)  # type: ignore[assignment]
        yield sample_of(
            row["question_id"],
            row["question"],
            () if not row.get("answer") else right_option(choices, place_of(str(row["answer"]), choices)),
            images,
            cluster=row.get("data_id"),
            tags={"type": self._types.get(number, number) if isinstance(number, int) else number, "data_type": kind},
            facts={"choices": choices},
        )
