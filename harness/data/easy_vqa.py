"""easy-VQA: one coloured shape on 64 × 64 px, questions about it, and the official split, from its package."""

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness.data._images import FileImage
from harness.data._marks import Marked
from harness.errors import ConfigError, Issue
from harness.extras import install
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"easy_vqa": "EasyVqaDataset"}

Split = Literal["train", "test"]
AnswerType = Literal["yes_no", "shape", "color"]

SHAPES: Final = ("circle", "rectangle", "triangle")

Row = tuple[str, str, int]
"""Question, answer, number of the image."""


class EasyVqaConfig(Model):
    """Keys of a dataset of ``type: easy_vqa``."""

    split: Split = "test"
    """The official split: 9,673 questions about 1,000 images in `test`, 38,575 about 4,000 in `train`."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first questions."""
    answers: tuple[AnswerType, ...] = Field(default=("yes_no", "shape", "color"), min_length=1)
    """Only questions with answers of these types."""


class EasyVqaDataset(Marked):
    """easy-VQA: simple questions about coloured shapes, of the package of that name.

    Source: V. Zhou, easy-VQA (MIT), https://github.com/vzhou842/easy-VQA.
    """

    Config: ClassVar[type[BaseModel]] = EasyVqaConfig
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: EasyVqaConfig, package: Path) -> None:
        """Read the questions of a split; ``package`` is the folder of the package `easy_vqa`."""
        self.config = config
        self._images = package / "data" / config.split / "images"
        data = (package / "data" / config.split / "questions.json").read_bytes()
        rows = enumerate(tuple(row) for row in json.loads(data))
        self._rows: list[tuple[int, Row]] = [
            (number, row) for number, row in rows if answer_type(row[1]) in config.answers
        ][: config.limit]

    @classmethod
    def from_config(cls, config: EasyVqaConfig, folder: Path, roots: Sequence[Path]) -> Self:
        spec = find_spec("easy_vqa")
        if spec is None or spec.origin is None:
            hint = f"install the extra: {install('easy-vqa')}"
            raise ConfigError(Issue(("type",), "the data of easy-VQA is not installed", hint))
        try:
            return cls(config, Path(spec.origin).parent)
        except (OSError, ValueError, TypeError, IndexError) as cause:
            raise ConfigError(Issue(("type",), f"the installed easy-vqa cannot be read: {cause}")) from cause

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Sample]:
        for number, (question, answer, image) in self._rows:
            name = f"{self.config.split}-{image:04d}"
            yield Sample(
                id=f"{name}-{number:05d}",
                question=question,
                references=(answer,),
                images=(FileImage(self._images / f"{image}.png", (self._images,)),),
                cluster=name,
                tags={"answer_type": answer_type(answer)},
            )


def answer_type(answer: str) -> AnswerType:
    """Return which kind of answer one is.

    >>> [answer_type(answer) for answer in ("no", "circle", "teal")]
    ['yes_no', 'shape', 'color']
    """
    if answer in ("yes", "no"):
        return "yes_no"
    return "shape" if answer in SHAPES else "color"
