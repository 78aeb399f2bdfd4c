"""MathVista: mathematics in pictures, with options or a free answer."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import place_by_words, right_option
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import MIXED, Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.types import Sample

ENTRIES: Final = {"mathvista": "MathVista"}


class MathVista(FilesDataset):
    """MathVista: `annot_testmini.json` beside `images/`, or Parquet. The answers of `test` are withheld.

    An answer of several choices is the option's words; `precision` and `unit` are carried as facts.

    Source:
        Lu et al. 2024 (arXiv:2310.02255).
    """

    title: ClassVar[str] = "MathVista"
    expects: ClassVar[str] = "annot_testmini.json and images/, or Parquet with the set's columns"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Lu et al. 2024 (arXiv:2310.02255)",
        prompt=MIXED,
        extract=("final_answer",),
        slices=("task", "question_type"),
        note="The published numbers let a language model take the answer out; here rules do, and nobody is asked.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return named(path, r"annot_(?P<split>testmini|test)\.json") or parquet_parts(
            path, ("pid", "question", "decoded_image", "choices", "answer", "question_type", "answer_type")
        )

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            rows = document(files[0]).items()
            return Listed(files, (Placed(f"{files[0].name}[{key}]", {"pid": key, **row}) for key, row in rows))
        return ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [str(one) for one in row.get("choices") or ()]
        answer, told = row.get("answer"), row.get("metadata") or {}
        references: tuple[str, ...] = ()
        if answer not in (None, ""):
            references = right_option(choices, place_by_words(answer, choices)) if choices else (str(answer),)
        yield sample_of(
            row["pid"],
            row["question"],
            references,
            self.pictures(row.get("decoded_image") or row.get("image"), origin),
            cluster=row.get("image") if isinstance(row.get("image"), str) else "",
            tags={
                "question_type": row.get("question_type"),
                "answer_type": row.get("answer_type"),
                **{key: told.get(key) for key in ("task", "category", "context", "grade", "source", "language")},
            },
            facts={"choices": choices, "precision": row.get("precision"), "unit": row.get("unit")},
        )
