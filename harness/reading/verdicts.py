"""What a judge says of an answer: passed or not, a grade on a scale, or which of two answers is better."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from harness.reading.choices import read_choice
from harness.reading.clean import narrow, strip_thinking, visible
from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.json import read_json
from harness.reading.numbers import find_numbers, number_alone
from harness.reading.stated import statements
from harness.reading.yes_no import read_yes_no

Preference = Literal["first", "second", "tie"]

_LETTERS: Final[Mapping[str, Preference]] = {"A": "first", "B": "second", "C": "tie"}
_TIE: Final = re.compile(
    r"\[\[\s?C\s?\]\]|\b(?:it['’]?s\s|it\sis\s)?(?:a\s)?(?:tie|draw|tied)\b|\bneither\b|\bboth\b(?!\sanswers\sare\sgiven)|"
    r"\bequally\s(?:good|bad|right|wrong|correct|helpful)\b|\b(?:unentschieden|gleichstand|empate|égalité|pareggio)\b|平局|引き分け",
    re.IGNORECASE,
)
_DENIED_TIE: Final = re.compile(r"(?:not|n['’]t|no|isn['’]t|never)\s{1,2}(?:\w{1,9}\s){0,2}\Z", re.IGNORECASE)
_SPEAKER: Final = r"(?:the\s)?(?:answer|response|assistant|candidate|option|model|antwort|réponse|respuesta)"
_ALONE: Final = re.compile(
    rf"\W{{0,6}}(?:{_SPEAKER}\s{{0,2}}[\"'(\[*]{{0,3}}(?P<which>[AB12]|one|two)|(?P<letter>[ABC]))[\"')\]*]{{0,3}}\W{{0,3}}",
    re.IGNORECASE,
)
"""A number by itself names no answer: it may be one."""
_NAMED_ONE: Final = re.compile(
    rf"\b(?:verdict|winner|preference|preferred|better|best|choice)\b(?:\s{_SPEAKER})?\s{{0,2}}(?:is|:|=|-)\s{{0,2}}"
    rf"[\"'(\[*]{{0,3}}(?:{_SPEAKER}\s{{0,2}})?[\"'(\[*]{{0,3}}(?P<which>[ABC12])(?![\w.])",
    re.IGNORECASE,
)
_BRACKETS: Final = re.compile(r"\[\[\s?([ABC])\s?\]\]")
_BETTER: Final = re.compile(
    r"\b(?:answer|response|assistant|candidate|antwort|réponse|respuesta)\s{0,2}[\"'(\[*]{0,3}"
    r"(?P<which>[AB12]|one|two)[\"')\]*]{0,3}\s{1,2}(?:is|was|wins|seems|looks)(?!\w)\s{0,2}(?:the\s|clearly\s|slightly\s|much\s)?"
    r"(?P<how>better|best|winner|preferred|preferable|stronger|superior|correct|right|worse|inferior|wrong|incorrect)?",
    re.IGNORECASE,
)
_WORSE: Final = frozenset(["worse", "inferior", "wrong", "incorrect"])
_PLACES: Final[Mapping[str, Preference]] = {
    "a": "first", "1": "first", "one": "first", "first": "first", "answer a": "first", "answer 1": "first",
    "b": "second", "2": "second", "two": "second", "second": "second", "answer b": "second", "answer 2": "second",
    "c": "tie", "tie": "tie", "draw": "tie", "both": "tie", "neither": "tie", "equal": "tie", "none": "tie",
}  # fmt: skip
_WINNER: Final = re.compile(r"winner|better|best|prefer(?:ence|red)?|verdict|choice|answer|result", re.IGNORECASE)
_GRADE: Final = re.compile(r"score|grade|rating|mark|verdict|points?|result", re.IGNORECASE)
_PASSED: Final = re.compile(
    r"verdict|correct|right|pass(?:ed)?|answer|result|label|judge?ment|score|grade", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"(?:score|grade|rating|mark|verdict|note|punktzahl|bewertung|评分|得分|分数)[^\w−-]{0,6}(?:is|of|:|=|[-–]\s)?[^\w−-]{0,6}"
    r"(?P<number>-?\d{1,6}(?:\.\d{1,6})?)(?!\d|e[-+]?\d|\s?[-–]\s?\d|\.\d)",
    re.IGNORECASE,
)
_OUT_OF: Final = re.compile(
    r"(?<![\d.])(?P<number>-?\d{1,6}(?:\.\d{1,6})?)\s?(?:/|out\sof|von|sur|de)\s?(?P<top>\d{1,6})(?![\d.])"
)
_RATING: Final = re.compile(r"\[\[\s?(?P<number>-?\d{1,6}(?:\.\d{1,6})?)\s?\]\]")
_WORDS: Final = re.compile(
    r"\b(?P<no>incorrect|not\s{1,2}(?:fully\s|entirely\s|quite\s)?(?:correct|right|acceptable)|wrong|fails?|failed|false|inaccurate|unacceptable)\b|"
    r"\b(?P<yes>correct|right|pass(?:es|ed)?|true|accurate|acceptable)\b",
    re.IGNORECASE,
)


def read_preference(text: str) -> Reading[Preference]:
    """Return which of two answers a judge finds better: the first, the second, or neither of them.

    A key of JSON that names the winner goes before "[[A]]", that before what is stated or chosen as a letter (of a
    multiple choice whose third option is a tie), that before "Answer A is better", and that before a tie in words.

    >>> [read_preference(text).value for text in ("A", "[[B]]", "Answer 2 is clearly better.", "It's a tie.")]
    ['first', 'second', 'second', 'tie']
    >>> read_preference('{"winner": "A", "why": "B is wrong"}').value, read_preference("Both have merit, but B.").value
    ('first', 'second')
    >>> read_preference("I cannot say.").value, read_preference("[[A]] or [[B]]").why
    (None, "2 readings compete: '[[A]]', '[[B]]'")
    """
    said = _plain(text)
    if not said:
        return nothing("the verdict is empty")
    if (keyed := _keyed(said, _WINNER, _place)) is not None:
        return keyed
    for readers in (_bracketed, _named, _lettered, _compared, _tied):
        reading = readers(said)
        if reading.value is not None or reading.competing:
            return reading
    return nothing("it names neither answer")


def read_grade(text: str, lowest: float, highest: float) -> Reading[float]:
    """Return the grade that a judge gives on a scale; a number outside of it is none.

    A key of JSON that names the grade goes before "[[4]]", "4/5" and "Score: 4", these before what is stated as the
    answer, and that before the only number that stands there.

    >>> [read_grade(text, 1, 5).value for text in ("4", "Score: 4/5", '{"score": 4}', "[[4]]", "I'd give it 4 of 5.")]
    [4.0, 4.0, 4.0, 4.0, 4.0]
    >>> read_grade("7", 1, 5).why, read_grade("good", 1, 5).value
    ('7 is not on the scale from 1 to 5', None)
    """
    said = _plain(text)
    if not said:
        return nothing("the verdict is empty")
    if (keyed := _keyed(said, _GRADE, _number)) is not None:
        return _on_scale(keyed, lowest, highest)
    for pattern in (_RATING, _OUT_OF, _NAMED):
        found = [
            Found(float(one["number"]), one[0], one.start(), "a grade by its form")
            for one in pattern.finditer(said)
            if pattern is not _OUT_OF or float(one["top"]) == highest
        ]
        if found:
            return _on_scale(agreed(found, ""), lowest, highest)
    for one in reversed(statements(said)):
        numbers = _numbers(one.value, one.why)
        if numbers:
            return _on_scale(agreed(numbers, ""), lowest, highest)
    numbers = _numbers(said, "the only number")
    inside = [one for one in numbers if lowest <= one.value <= highest]
    # "I give it 4 on the scale from 1 to 5": the ends are the scale's, not the answer's.
    ends = [one for one in inside if one.value not in (lowest, highest)]
    several = len({one.value for one in inside}) > 1
    return _on_scale(agreed((ends if several else inside) or numbers, "no number"), lowest, highest)


def read_passed(text: str) -> Reading[bool]:
    """Return whether a judge passes an answer: yes or no, right or wrong, correct or incorrect.

    >>> [read_passed(text).value for text in ("Yes", "INCORRECT", "The answer is correct.", '{"verdict": "wrong"}')]
    [True, False, True, False]
    >>> read_passed("maybe").value, read_passed("It is correct in form and wrong in fact.").value
    (None, None)
    """
    said = _plain(text)
    if not said:
        return nothing("the verdict is empty")
    if (keyed := _keyed(said, _PASSED, _truth)) is not None:
        return keyed
    polar = read_yes_no(said)
    if polar.value is not None:
        return Reading(polar.value == "yes", polar.why, _passed(polar.found))
    if polar.competing:
        return Reading(None, polar.why, _passed(polar.found))
    words = [
        Found(one.lastgroup == "yes", one[0], one.start(), "a word for right or wrong") for one in _WORDS.finditer(said)
    ]
    return agreed(words, "neither right nor wrong is said")


def _plain(text: str) -> str:
    return narrow(strip_thinking(visible(text)) or "").strip()


def _passed(found: tuple[Found[str], ...]) -> tuple[Found[bool], ...]:
    return tuple(Found(one.value == "yes", one.text, one.start, one.why) for one in found)


def _keyed(text: str, named: re.Pattern[str], read: Callable[[Any], Any]) -> Reading[Any] | None:
    """Return what the JSON object in a verdict has under a key that names it; None where there is none."""
    if "{" not in text:
        return None
    value = read_json(text).value
    if not isinstance(value, dict):
        return None
    found = [
        Found(known, f"{key}: {item}", 0, f"the key {key!r} of JSON")
        for key, item in value.items()
        if named.fullmatch(str(key).strip()) and (known := read(item)) is not None
    ]
    return agreed(found, "") if found else None


def _place(value: Any) -> Preference | None:
    return _PLACES.get(str(value).strip().casefold())


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    known = number_alone(str(value)).value
    return float(known.value) if known is not None else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return {0: False, 1: True}.get(int(value)) if value in (0, 1) else None
    return read_passed(str(value)).value if "{" not in str(value) else None


def _on_scale(reading: Reading[float], lowest: float, highest: float) -> Reading[float]:
    if reading.value is not None and not lowest <= reading.value <= highest:
        return nothing(f"{reading.value:g} is not on the scale from {lowest:g} to {highest:g}")
    return reading


def _numbers(text: str, why: str) -> list[Found[float]]:
    alone = number_alone(text).value
    if alone is not None:
        return [Found(float(alone.value), text, 0, why)]
    return [Found(float(one.value.value), one.text, one.start, why) for one in find_numbers(text)]


def _bracketed(text: str) -> Reading[Preference]:
    return agreed([Found(_LETTERS[one[1]], one[0], one.start(), "[[…]]") for one in _BRACKETS.finditer(text)], "none")


def _named(text: str) -> Reading[Preference]:
    alone = _ALONE.fullmatch(text)
    if alone:
        place = _PLACES[(alone["which"] or alone["letter"]).casefold()]
        return agreed([Found(place, alone[0], alone.start(), "alone")], "none")
    marks = _NAMED_ONE.finditer(text)
    return agreed([Found(_PLACES[one["which"].casefold()], one[0], one.start(), "named") for one in marks], "none")


def _lettered(text: str) -> Reading[Preference]:
    read = read_choice(text, ("the first answer", "the second answer", "neither of the answers"))
    if read.value is not None:
        found = tuple(Found(_LETTERS[one.value], one.text, one.start, one.why) for one in read.found)
        return Reading(_LETTERS[read.value], read.why, found)
    return nothing(read.why)


def _compared(text: str) -> Reading[Preference]:
    found: list[Found[Preference]] = []
    for one in _BETTER.finditer(text):
        if one["how"] is None and not re.search(r"wins\b", one[0], re.IGNORECASE):
            continue
        place = _PLACES[one["which"].casefold()]
        if (one["how"] or "").casefold() in _WORSE:
            place = "second" if place == "first" else "first"
        found.append(Found(place, one[0], one.start(), "a comparison in words"))
    return agreed(found, "no comparison")


def _tied(text: str) -> Reading[Preference]:
    found: list[Found[Preference]] = [
        Found("tie", one[0], one.start(), "a tie in words")
        for one in _TIE.finditer(text)
        if not _DENIED_TIE.search(text, max(0, one.start() - 24), one.start())
    ]
    return agreed(found, "no tie")


__all__ = ["Preference", "read_grade", "read_passed", "read_preference"]
