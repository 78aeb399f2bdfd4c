"""Judges made of rules, for trying judges: one that knows the right answer, and two with a weakness."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from harness.metrics import SampleMetric, sample_metric
from harness.reading.numbers import find_numbers, number_alone

if TYPE_CHECKING:
    from PIL import Image

_LINE: Final = r"^{name}: (?P<text>.*)$"
_MANY: Final = 6
"""Words from which an answer is a long one."""


def by_rule(prompt: str, images: "Sequence[Image.Image]", tolerance: float = 0.05) -> str:
    r"""Say yes where an answer is the right one that the prompt shows, numbers nearly so, however many words it has.

    Args:
        prompt: of a task of `kind: judge` with one answer.
        images: not looked at.
        tolerance: how far a number may lie from the right one, as a share of it.

    >>> by_rule("Right answer: 41\nAnswer: All things considered, it must be 42", [])
    'yes'
    """
    answer, right = _shown(prompt, "Answer"), _shown(prompt, "Right answer")
    number = number_alone(right).value
    found = find_numbers(answer) if number is not None else []
    said = found[-1].text if found else answer
    if number is None and re.search(rf"(?<!\w){re.escape(right)}\W*\Z", answer, re.IGNORECASE):
        return "yes"
    return "yes" if _metric(tolerance).score(said, [right]).value == 1 else "no"


def likes_words(prompt: str, images: "Sequence[Image.Image]") -> str:
    r"""Say yes to every long answer, and to short ones that are right.

    >>> likes_words("Right answer: 41\nAnswer: All things considered, it must be 7", [])
    'yes'
    """
    return "yes" if len(_shown(prompt, "Answer").split()) >= _MANY else by_rule(prompt, images)


def first_if_alike(prompt: str, images: "Sequence[Image.Image]") -> str:
    r"""Prefer the longer of two answers, and of two alike the one that stands first.

    >>> first_if_alike("Answer A: 41\nAnswer B: 7", [])
    'A'
    """
    first, second = (len(_shown(prompt, f"Answer {letter}").split()) for letter in "AB")
    return "B" if second > first else "A"


@cache
def _metric(tolerance: float) -> SampleMetric:
    return sample_metric("relaxed_accuracy", tolerance=tolerance)


def _shown(prompt: str, name: str) -> str:
    found = re.findall(_LINE.format(name=re.escape(name)), prompt, re.MULTILINE)
    return str(found[-1]).strip() if found else ""
