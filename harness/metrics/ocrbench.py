"""OCRBench: whether the answer contains the text that is in the image."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from harness.metrics._base import AnswerMetric, truth
from harness.metrics._text import fold
from harness.metrics._variants import LMMS_EVAL, Variants
from harness.types import Score

ENTRIES: Final = {"ocrbench": "OcrBench"}

FORMULAS: Final = "HME100k"
"""The part of OCRBench whose references are formulas; there spaces don't count and case does."""


def contains(text: str, part: str) -> bool:
    """Say whether ``part`` occurs in ``text`` on its own: not inside a longer word or number.

    Scripts that write without spaces (Chinese, Thai) have no such borders.

    >>> contains("room 12", "12"), contains("312", "12"), contains("1.12", "12"), contains("12, or so", "12")
    (True, False, False, True)
    """
    start = text.find(part)
    while part and start >= 0:
        if not _joined(text, start) and not _joined(text, start + len(part)):
            return True
        start = text.find(part, start + 1)
    return False


def _joined(text: str, at: int) -> bool:
    """Say whether the characters before and after a position belong to one word or number."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if _is_letter(before) and _is_letter(after):
        return True
    if before in ".," and after.isdigit():
        return at >= 2 and text[at - 2].isdigit()
    return before.isdigit() and after in ".," and at + 1 < len(text) and text[at + 1].isdigit()


def _is_letter(character: str) -> bool:
    return character.isalnum() and unicodedata.category(character) != "Lo"


def _spaceless(text: str) -> str:
    return "".join(text.split())


_HALF_WIDTH: Final = {0x3000: " "} | {wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
"""The full-width forms of ASCII, and the space beside them."""


def _published_formula(text: str) -> str:
    return text.strip().replace("\n", " ").replace(" ", "")


def _published_text(text: str) -> str:
    half = text if text.isascii() else text.translate(_HALF_WIDTH)
    return half.lower().strip().replace("\n", " ")


class OcrBench(AnswerMetric):
    """1 where the answer contains a reference as words or numbers of their own, else 0.

    Case and white space don't matter; for formulas (tag ``dataset: HME100k``) case does and spaces are
    dropped, and any place will do. Range 0 to 1, higher is better.

    Edge cases:
        "12" is not in "312" nor in "1.12". An empty reference is in no answer; ``lmms-eval`` finds it in any, an
        empty one too. An empty answer that is worth nothing: ``unparsed``.

    Source:
        Liu et al. 2023, "OCRBench" (arXiv:2305.07895).

    >>> OcrBench().score("The sign says STOP.", ["stop"]).value, OcrBench("lmms-eval").score("312", ["12"]).value
    (1.0, 1.0)
    """

    name = "ocrbench"
    compares_text = True
    binary = True
    variants: ClassVar[Variants] = {
        "default": "whole words and numbers",
        "lmms-eval": LMMS_EVAL.variant(
            "lmms_eval/tasks/ocrbench/utils.py",
            "anywhere in the answer; full-width letters are read as ASCII; for formulas case counts on both sides",
        ),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        formula = (context.get("tags") or {}).get("dataset") == FORMULAS
        return truth(self._found(prediction, references, formula))

    def _found(self, prediction: str, references: Iterable[str], formula: bool) -> bool:
        if self.variant == "lmms-eval":
            clean = _published_formula if formula else _published_text
            said = clean(prediction)
            return any(clean(reference) in said for reference in references)
        if formula:
            said = _spaceless(prediction)
            return any(bool(reference.strip()) and _spaceless(reference) in said for reference in references)
        said = fold(prediction)
        return any(contains(said, fold(reference)) for reference in references)
