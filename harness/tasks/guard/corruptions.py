"""Make a sound answer wrong in a way that a model might: seeded, plausible, and labelled."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.seeds import Stream

_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]|\.\d)")
_WORD: Final = re.compile(r"[^\W\d_]+")
_FUNCTION_WORDS: Final = frozenset(
    ["a", "an", "and", "are", "at", "is", "in", "no", "of", "on", "or", "the", "to", "yes"]
)
_SMALLEST: Final = 0.04
_LARGEST: Final = 0.4
"""A changed number is off by so much of itself: a misreading, beyond the usual tolerance, not an absurdity."""
_UNITS: Final = ("{tenth}", "{hundredth}", "{thousandfold}", "{number} %", "{number} k")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer may be checked against, and what it could be confused with."""

    evidence: str
    vocabulary: Sequence[str]
    """Words of other samples' evidence: plausible, perhaps absent here."""


Corrupt = Callable[[str, Facts, Stream], str | None]
"""Returns the wrong answer, or None where the answer has nothing to make wrong."""


def number_changed(answer: str, facts: Facts, stream: Stream) -> str | None:
    """Read one number a little off: by 4 to 40 %, to a number that the evidence does not hold."""
    found = _picked(_NUMBER, answer, stream)
    if found is None:
        return None
    held = {float(number) for number in _NUMBER.findall(facts.evidence)}
    value = float(found[0])
    for _ in range(50):
        factor = 1 + stream.choice((-1, 1)) * stream.uniform(_SMALLEST, _LARGEST)
        other = round(value * factor) if found[0].isdigit() else round(value * factor, len(found[0].partition(".")[2]))
        if other not in held and other != value:
            return _put(answer, found, f"{other}")
    return None


def number_swapped(answer: str, facts: Facts, stream: Stream) -> str | None:
    """Give one number's place to another number of the evidence: true somewhere, wrong here."""
    found = _picked(_NUMBER, answer, stream)
    if found is None:
        return None
    others = sorted({number for number in _NUMBER.findall(facts.evidence) if float(number) != float(found[0])})
    return _put(answer, found, stream.choice(others)) if others else None


def entity_swapped(answer: str, facts: Facts, stream: Stream) -> str | None:
    """Give one word's place to another word of the evidence."""
    found = _picked(_WORD, answer, stream)
    if found is None:
        return None
    used = {word.casefold() for word in _WORD.findall(answer)}
    others = sorted({word for word in _content(facts.evidence) if word.casefold() not in used})
    alike = [word for word in others if (len(word) == 1) == (len(found[0]) == 1)]
    return _put(answer, found, stream.choice(alike or others)) if others else None


def unit_error(answer: str, facts: Facts, stream: Stream) -> str | None:
    """Get one number's scale or unit wrong."""
    found = _picked(_NUMBER, answer, stream)
    if found is None or float(found[0]) == 0:
        return None
    value = float(found[0])
    names = {"tenth": value / 10, "hundredth": value / 100, "thousandfold": value * 1000}
    form = stream.choice(_UNITS)
    return _put(answer, found, form.format(number=found[0], **{name: f"{size:g}" for name, size in names.items()}))


def absent_object(answer: str, facts: Facts, stream: Stream) -> str | None:
    """Name something plausible that is not there, in place of a word or beside the rest."""
    here = {word.casefold() for word in _WORD.findall(facts.evidence)} | {w.casefold() for w in _WORD.findall(answer)}
    absent = sorted({word for word in facts.vocabulary if word.casefold() not in here and len(word) > 1})
    if not absent:
        return None
    found, word = _picked(_WORD, answer, stream), stream.choice(absent)
    return f"{answer} and {word}" if found is None else _put(answer, found, word)


CORRUPTIONS: Final[Mapping[str, Corrupt]] = {
    "number_changed": number_changed,
    "number_swapped": number_swapped,
    "entity_swapped": entity_swapped,
    "unit_error": unit_error,
    "absent_object": absent_object,
}


def content_words(text: str) -> list[str]:
    """Return the words of a text that name something.

    >>> content_words("the red bar is 41")
    ['red', 'bar']
    """
    return _content(text)


def _content(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word.casefold() not in _FUNCTION_WORDS]


def _picked(pattern: re.Pattern[str], text: str, stream: Stream) -> re.Match[str] | None:
    found = [match for match in pattern.finditer(text) if match[0].casefold() not in _FUNCTION_WORDS]
    return stream.choice(found) if found else None


def _put(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]
