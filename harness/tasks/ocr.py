"""Reading text: every line of a page, in which order, and what is missed or made up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.facts import lacking
from harness.tasks._base import BuildContext
from harness.tasks._cells import CellResult
from harness.tasks._derived import Derived
from harness.tasks._named import Ref
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._said import with_interval
from harness.tasks.base import TaskConfig
from harness.tasks.qa import QaTask
from harness.types import Dataset, Sample

ENTRIES: Final = {"ocr": "OcrTask"}

_ORDER: Final = "reading_order"


class OcrConfig(TaskConfig):
    """Keys of a task of ``kind: ocr``, beside those of every task."""

    prompt: str = "Transcribe all text in the image, line by line, in reading order. Answer with the text only."
    """As of every task."""
    metrics: tuple[Ref, ...] = Field(
        default=(
            "lines_right",
            "line_cer",
            "line_wer",
            _ORDER,
            "words_missed",
            "words_invented",
            "corpus_cer",
            "corpus_wer",
            "cer",
        ),
        min_length=1,
    )
    """As of every task. Rates by line, where each line is held against the one that reads it; and of whole documents
    (`corpus_…` pools them, `cer` is their mean), where a line in the wrong place is an error."""
    text: Literal["references", "boxes", "evidence"] = "references"
    """Where the right text is: the first of the `references`, the labels of the fact `boxes` (SROIE's lines), or the
    `evidence`."""


class OcrTask(QaTask):
    """How well text is read: by line and by document, the order of lines apart from their letters.

    `sweep` and `blind` may be `of` it: how reading falls with damage, and what is read of a page that is not shown.
    """

    Config: ClassVar[type[BaseModel]] = OcrConfig
    kind = "ocr"

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        source = context.datasets.get(config.dataset)
        if source is not None and config.text != "references":
            if config.text == "boxes" and lacking(["boxes"], source):
                said = f"dataset {config.dataset!r} gives no `boxes`"
                raise ConfigError(Issue(("text",), said, "name where the text is: references, boxes or evidence"))
            context = _Told(source, config.text).in_place(config.dataset, context)
        return super().build(name, config, context)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where lines are read, and in another order."""
        order = figures.metrics.get(_ORDER)
        if order is None or not order.high < 0.95:
            return Illustration()
        said = f"lines are read out of order: {with_interval(order)} of the pairs of lines found stand as on the page"
        return Illustration(findings=(Finding("note", said),))


class _Told(Derived):
    """Samples whose reference is what another part of them says."""

    def __init__(self, source: Dataset, text: str) -> None:
        super().__init__(source)
        self._text = text

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Sample]:
        return (replace(one, references=(self._told(one),)) for one in self.source)

    def _told(self, sample: Sample) -> str:
        if self._text == "evidence":
            return sample.evidence or ""
        boxes: Any = sample.facts.get("boxes") or ()
        return "\n".join(str(one.get("label", "")) for one in boxes if isinstance(one, Mapping))
