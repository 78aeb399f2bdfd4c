"""MMMU: questions of thirty subjects with up to seven images, which markers place."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import listed, literal, place_of, right_option
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import MIXED, Official
from harness.data._parts import Part, parquet_parts
from harness.data._tables import Table
from harness.types import Sample

ENTRIES: Final = {"mmmu": "Mmmu"}

_MARKER: Final = re.compile(r"<image (\d)>")
_MOST: Final = 7


class Mmmu(FilesDataset):
    """MMMU: Parquet, a folder for each subject or one for all. `config:` names a subject; all by default.

    Options may be images. The images that question and options name are shown, in the order of their numbers.

    Source:
        Yue et al. 2024 (arXiv:2311.16502).
    """

    title: ClassVar[str] = "MMMU"
    expects: ClassVar[str] = "Parquet with id, question, options, answer and image_1 to image_7"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Yue et al. 2024 (arXiv:2311.16502), MMMU-Benchmark/MMMU: mmmu/utils/eval_utils.py",
        prompt=MIXED,
        extract=("final_answer",),
        slices=("subject", "question_type"),
        note="The official script guesses at random where it finds no letter; here such an answer is wrong.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return parquet_parts(path, ("id", "question", "options", "answer", "image_1", "question_type", "subfield"))

    def open(self, parts: Sequence[Part]) -> Table:
        return ParquetTable([file for part in parts for file in part.files])

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        options = [str(one) for one in listed(row["options"], "options")]
        question, answer = str(row["question"]), row.get("answer")
        said = sorted({int(number) for text in (question, *options) for number in _MARKER.findall(text)})
        there = [number for number in range(1, _MOST + 1) if row.get(f"image_{number}") is not None]
        shown = [number for number in said if number in there] or there
        renamed = {number: place for place, number in enumerate(shown, start=1)}

        def placed(text: str) -> str:
            return _MARKER.sub(lambda mark: f"<image {renamed.get(int(mark[1]), int(mark[1]))}>", text)

        choices = [placed(option) for option in options]
        subject = str(row["id"]).split("_", 1)[-1].rsplit("_", 1)[0]
        yield sample_of(
            row["id"],
            placed(question),
            self._references(answer, choices),
            tuple(
                image
                for number in shown
                for image in self.pictures(row.get(f"image_{number}"), f"{origin}, image {number}")
            ),
            cluster=row["id"],
            tags={
                "subject": subject,
                "question_type": row.get("question_type"),
                "difficulty": row.get("topic_difficulty"),
                "subfield": row.get("subfield"),
            },
            facts={"choices": choices},
        )

    @staticmethod
    def _references(answer: object, choices: Sequence[str]) -> tuple[str, ...]:
        if answer in (None, "", "?"):
            return ()
        text = str(answer)
        if choices:
            return tuple(one for one in right_option(choices, place_of(text, choices)) if not _MARKER.search(one))
        several = literal(text) if text.startswith("[") else text
        return tuple(map(str, several)) if isinstance(several, list) else (text,)
