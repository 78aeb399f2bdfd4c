"""DocVQA and InfographicVQA: questions about pages, in the JSON of the challenge or as Parquet."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import answers_in
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Table, objects
from harness.types import Sample

ENTRIES: Final = {"docvqa": "DocVqa", "infographicvqa": "InfographicVqa"}

_ANLS: Final = ({"metric": "anls", "variant": "lmms-eval@75571cf"},)
_SOURCE: Final = "Biten et al. 2019 (arXiv:1905.13648), as EvolvingLMMs-Lab/lmms-eval scores it"


class _Pages(FilesDataset):
    pattern: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        # A split may lie there twice, the second time with the types of its questions: the same questions.
        told = [Part(one.split, (max(one.files, key=lambda file: len(file.name)),)) for one in named(path, cls.pattern)]
        return told or parquet_parts(path, cls.columns)

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            return Listed(files, (placed for file in files for placed in objects(file, "data")))
        return ParquetTable(files)


class DocVqa(_Pages):
    """DocVQA: `val_v1.0_withQT.json` (or `val_v1.0.json`) beside `documents/`, or Parquet.

    The cluster is the document, of which there may be several pages; the tag `question_type` its kinds, with + between.

    Source:
        Mathew et al. 2021 (arXiv:2007.00398).
    """

    title: ClassVar[str] = "DocVQA"
    expects: ClassVar[str] = "val_v1.0_withQT.json and documents/, or Parquet with the set's columns"
    official: ClassVar[Official] = Official(_ANLS, _SOURCE, slices=("question_type",))
    pattern: ClassVar[str] = r"(?:spdocvqa_)?(?P<split>train|val|test)_v1\.0(?:_withQT)?\.json"
    columns: ClassVar[tuple[str, ...]] = ("questionId", "question", "image", "docId", "ucsf_document_id", "answers")

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        yield sample_of(
            row["questionId"],
            row["question"],
            answers_in(row.get("answers"), "answers"),
            self.pictures(row.get("image"), origin),
            cluster=row.get("ucsf_document_id") or row.get("docId"),
            tags={"question_type": _several(row.get("question_types"))},
        )


class InfographicVqa(_Pages):
    """InfographicVQA: `infographicsVQA_val_v1.0_withQT.json` beside `infographicsvqa_images/`, or Parquet.

    Source:
        Mathew et al. 2022 (arXiv:2104.12756).
    """

    title: ClassVar[str] = "InfographicVQA"
    expects: ClassVar[str] = "infographicsVQA_val_v1.0_withQT.json and infographicsvqa_images/, or Parquet"
    official: ClassVar[Official] = Official(_ANLS, _SOURCE, slices=("answer_type", "evidence", "operation"))
    pattern: ClassVar[str] = r"infographicsVQA_(?P<split>train|val|test)_v1\.0(?:_withQT)?\.json"
    columns: ClassVar[tuple[str, ...]] = ("questionId", "question", "image", "answers", "answer_type", "image_url")

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        name = row.get("image_local_name")
        images = (
            (self.home.file(f"infographicsvqa_images/{name}", str(name)),)
            if name
            else self.pictures(row.get("image"), origin)
        )
        yield sample_of(
            row["questionId"],
            row["question"],
            answers_in(row.get("answers"), "answers"),
            images,
            cluster=name or row.get("image_url") or self.shared(images),
            tags={
                "answer_type": _several(row.get("answer_type")),
                "evidence": _several(row.get("evidence")),
                "operation": _several(row.get("operation/reasoning")),
            },
        )


def _several(value: Any) -> str:
    return "+".join(str(one) for one in value) if isinstance(value, list) else str(value or "")
