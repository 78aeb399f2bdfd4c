"""One line of a label file: what it may hold, read strictly, written plainly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

Better = Literal["a", "b", "tie"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST: Final = 200
"""Of an annotator's name."""


class BadRow(ValueError):
    """A row that is no label; the text says what is wrong with it, and what would be right."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How something came to be labelled: it was drawn, with a known chance, from a known set."""

    design: str
    """Names the set that was drawn from, and the order."""
    number: int
    """The how manieth draw it was, from 1."""
    of: int
    """How many there were to draw from, before the first."""
    chance: float
    """Of being drawn now, among what was left, in (0, 1]."""

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"design": self.design, "number": self.number, "of": self.of, "chance": self.chance}


@dataclass(frozen=True, slots=True)
class AnswerLabel:
    """What one person says one answer is worth."""

    key: str
    """Of the question: :func:`harness.labels.question_key`."""
    answer: str
    """:func:`harness.labels.answer_digest` of the answer."""
    value: float | None
    """From 0, wrong, to 1, right. None takes an earlier label back."""
    by: str
    at: str
    """When, as ISO 8601 has it."""
    text: str = ""
    """The answer, for people who read the file."""
    draw: Draw | None = None

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {"key": self.key, "answer": self.answer, "text": self.text, "value": self.value}
        return _with_draw(told | {"by": self.by, "at": self.at}, self.draw)


@dataclass(frozen=True, slots=True)
class PairLabel:
    """Which of two answers to one question one person finds better."""

    key: str
    a: str
    """:func:`harness.labels.answer_digest` of one answer."""
    b: str
    """And of the other."""
    better: Better | None
    """None takes an earlier label back."""
    by: str
    at: str
    """When, as ISO 8601 has it."""
    draw: Draw | None = None

    @property
    def sign(self) -> int | None:
        """1 where ``b`` is better, −1 where ``a`` is, 0 for a tie."""
        return None if self.better is None else {"a": -1, "b": 1, "tie": 0}[self.better]

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {"key": self.key, "a": self.a, "b": self.b, "better": self.better, "by": self.by, "at": self.at}
        return _with_draw(told, self.draw)


Label = AnswerLabel | PairLabel


def _with_draw(told: dict[str, Any], draw: Draw | None) -> dict[str, Any]:
    return told if draw is None else told | {"draw": draw.plain()}


def label_of(found: Any) -> Label:
    """Return the label that a line of JSON holds. Keys that are not known are left alone.

    Raises:
        BadRow: if it is none, naming the key.

    >>> label_of({"key": "0" * 64, "answer": "1" * 64, "value": 0.5, "by": "ann", "at": "2026-03-01"}).value
    0.5
    """
    if not isinstance(found, Mapping):
        raise BadRow("a label is an object: {…}")
    one = "answer" in found or "value" in found
    if one == ("better" in found):
        raise BadRow("needs either `answer` and `value`, for one answer, or `a`, `b` and `better`, for a pair")
    by, at, draw = _person(found), _time(found), _draw(found)
    key = _digest(found, "key")
    if one:
        return AnswerLabel(key, _digest(found, "answer"), _value(found), by, at, _text(found), draw)
    a, b, better = _digest(found, "a"), _digest(found, "b"), found["better"]
    if a == b:
        raise BadRow("`a` and `b` are the same answer: there is nothing to prefer")
    if better not in ("a", "b", "tie", None):
        raise BadRow(f'`better` must be "a", "b" or "tie", not {better!r:.40}')
    return PairLabel(key, a, b, cast("Better | None", better), by, at, draw)


def _digest(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise BadRow(f"`{name}` must be a SHA-256 of 64 hexadecimal digits, not {value!r:.40}")
    return value


def _person(found: Mapping[str, Any]) -> str:
    by = found.get("by")
    if not isinstance(by, str) or not by.strip() or len(by) > _LONGEST:
        raise BadRow(f"`by` must name whoever labelled it, in at most {_LONGEST} characters, not {by!r:.40}")
    return by


def _time(found: Mapping[str, Any]) -> str:
    at = found.get("at")
    try:
        datetime.fromisoformat(cast("str", at))
    except (TypeError, ValueError):
        raise BadRow(f"`at` must be a date or a time such as 2026-03-01T12:00:00+00:00, not {at!r:.40}") from None
    return cast("str", at)


def _value(found: Mapping[str, Any]) -> float | None:
    value = found.get("value")
    if value is None and "value" in found:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise BadRow(f"`value` must be a number from 0 to 1, not {value!r:.40}")
    return float(value)


def _text(found: Mapping[str, Any]) -> str:
    text = found.get("text", "")
    if not isinstance(text, str):
        raise BadRow(f"`text` must be the answer's text, not {text!r:.40}")
    return text


def _draw(found: Mapping[str, Any]) -> Draw | None:
    told = found.get("draw")
    if told is None:
        return None
    try:
        design, number, of, chance = (told[name] for name in ("design", "number", "of", "chance"))
        sound = isinstance(design, str) and type(number) is type(of) is int and 1 <= number <= of and 0 < chance <= 1
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise BadRow("`draw` must have `design`, `number`, `of` and `chance` as `harness label` writes them")
    return Draw(design, number, of, float(chance))
