"""TSV tables of VLMEvalKit: any set in its form, and MMBench."""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._official import CHOICE, LETTER, MIXED, Official
from harness.data._parts import Part
from harness.data._tables import Table
from harness.data._vlmevalkit import TsvDataset, TsvTable
from harness.errors import ConfigError, Issue

ENTRIES: Final = {"mmbench": "MmBench", "vlmevalkit": "VlmEvalKit"}

_NAME: Final = re.compile(r"(?:circular_)?mmbench|^(?:circular_)?ccbench", re.IGNORECASE)


class VlmEvalKit(TsvDataset):
    """Any table in the form of VLMEvalKit: `index`, `question`, `answer`, options as `A`, `B`, …, pictures as base64.

    A cell of at most 64 characters in `image` is the index of the row whose picture is meant. A hint precedes the
    question. The fact `group` is what copies with turned options have in common.

    Source:
        open-compass/VLMEvalKit: vlmeval/dataset/image_base.py.
    """

    title: ClassVar[str] = "VLMEvalKit's TSV"
    expects: ClassVar[str] = "a TSV with the columns index, question and image or image_path"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "open-compass/VLMEvalKit: vlmeval/dataset/utils/multiple_choice.py",
        prompt=MIXED,
        extract=("final_answer",),
        slices=("category",),
    )

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".parquet":
            return ParquetTable(files)
        if len(files) > 1:
            raise ConfigError(Issue(("path",), f"{self.path} holds several tables", "name one of them"))
        return TsvTable(files[0])


class MmBench(VlmEvalKit):
    """MMBench: `MMBench_DEV_EN.tsv` and its kin, with turned copies (`circular_…`) too, or Parquet by language.

    Source:
        Liu et al. 2024 (arXiv:2307.06281).
    """

    title: ClassVar[str] = "MMBench"
    expects: ClassVar[str] = "MMBench_DEV_EN.tsv, or Parquet with the set's columns in en, cn or cc"
    pooled: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset({"index", "question", "A", "B"})
    columns: ClassVar[tuple[str, ...]] = (
        "index",
        "question",
        "hint",
        "answer",
        "A",
        "B",
        "category",
        "image",
        "source",
    )
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "open-compass/VLMEvalKit: vlmeval/dataset/utils/multiple_choice.py",
        prompt=CHOICE,
        extract=LETTER,
        slices=("l2-category", "category"),
        note="CircularEval counts a question only where all its turned copies are right; here each copy counts.",
    )

    @classmethod
    def named_so(cls, stem: str) -> bool:
        return bool(_NAME.match(stem))
