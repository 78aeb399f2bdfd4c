"""OCRBench: whether text in pictures is read, in JSON with pictures, Parquet, or VLMEvalKit's TSV."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import answers_in, literal
from harness.data._layout import Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named
from harness.data._tables import Listed, Table, objects
from harness.data._vlmevalkit import TsvDataset, TsvTable
from harness.types import Sample

ENTRIES: Final = {"ocrbench": "OcrBench"}

_FORMULA: Final = "Handwritten Mathematical Expression Recognition"


class OcrBench(TsvDataset):
    """OCRBench, 1,000 questions. The tag `dataset` says where a picture is from: in HME100k, spaces do not count.

    Source:
        Liu et al. 2024 (arXiv:2305.07895), Yuliang-Liu/MultimodalOCR.
    """

    title: ClassVar[str] = "OCRBench"
    expects: ClassVar[str] = "OCRBench.json and OCRBench_Images/, Parquet with the set's columns, or OCRBench.tsv"
    official: ClassVar[Official] = Official(
        ({"metric": "ocrbench", "variant": "lmms-eval@75571cf"},),
        "Liu et al. 2024 (arXiv:2305.07895), as EvolvingLMMs-Lab/lmms-eval scores it",
        prompt="{{ question }}",
        slices=("type",),
        note="The published score is a count: the share times 1,000.",
    )
    needs: ClassVar[frozenset[str]] = frozenset({"index", "question", "answer", "category"})
    columns: ClassVar[tuple[str, ...]] = ("dataset", "question", "question_type", "answer", "image")

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        told = named(path, r"(?P<split>OCRBench)\.json")
        return [Part("test", told[0].files)] if told else super().find(path)

    @classmethod
    def named_so(cls, stem: str) -> bool:
        return stem.lower().startswith("ocrbench") and not stem.lower().startswith("ocrbench_v2")

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            return Listed(files, objects(files[0]))
        return ParquetTable(files) if files[0].suffix == ".parquet" else TsvTable(files[0])

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        answers = row.get("answers", row.get("answer"))
        if isinstance(answers, str) and answers.startswith("["):
            answers = literal(answers)
        kind = row.get("type") or row.get("question_type") or row.get("category")
        source = row.get("dataset_name") or row.get("dataset") or ("HME100k" if kind == _FORMULA else "")
        if "image_path" in row and not row.get("image"):
            path = str(row["image_path"])
            images = self.pictures(path, origin)
            if self.table.files[0].suffix == ".json":
                images = (self.home.file(f"OCRBench_Images/{path}", path),)
        else:
            images = self.shown(row, origin)
        yield sample_of(
            row.get("index", row.get("id")),
            row["question"],
            answers_in(answers, "answer"),
            images,
            cluster=self.shared(images),
            tags={"dataset": source, "type": kind},
        )
