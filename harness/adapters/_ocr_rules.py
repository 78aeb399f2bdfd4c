"""Answer questions from the text of a page by a few rules: what stands beside what, and how large it is."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

RULES_VERSION: Final = 2
"""Raise it whenever a rule changes an answer; it is part of the adapter's fingerprint."""

_NUMBER: Final = r"[-(]?\s?[$€£]?\s?\d[\d,.]*\s?%?\)?"
_ONLY_NUMBER: Final = re.compile(rf"\s*{_NUMBER}\s*")
_LABEL_AND_NUMBER: Final = re.compile(rf"\s*(?P<label>.*?[^\W\d_].*?)\s*[:=]?\s+(?P<number>{_NUMBER})\s*")
_LONGEST_QUESTION: Final = 1000
"""Characters of a prompt that are looked at: no question is longer."""
_HIGHEST: Final = re.compile(r"\b(highest|largest|greatest|biggest|maximum|max|most|tallest|longest)\b", re.IGNORECASE)
_LOWEST: Final = re.compile(r"\b(lowest|smallest|minimum|min|least|fewest|shortest)\b", re.IGNORECASE)
_MORE: Final = re.compile(r"\b(higher|larger|greater|bigger|more|above|taller|longer)\b.*\bthan\b", re.IGNORECASE)
_LESS: Final = re.compile(r"\b(lower|smaller|less|fewer|below|shorter)\b.*\bthan\b", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"\b(value|number|amount|how (much|many))\b", re.IGNORECASE)
_TRANSCRIBE: Final = re.compile(r"\btranscri(be|pt|ption)\b", re.IGNORECASE)
_APART: Final = 1.5
"""Pieces of one row with a wider gap than this many heights between them are no line of prose, but columns."""
_ALIKE: Final = 85.0
"""How alike, of 100, a label and the words of a question must be where none is named letter for letter."""
_LONGEST_EXACT: Final = 2
"""Labels up to this length count only in their own case: `A` is no article."""


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text and the upright box round it, in pixels."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A label with the number that belongs to it."""

    label: str
    number: str

    @property
    def value(self) -> float:
        """What the number is worth; parentheses are a minus, commas group digits."""
        digits = re.sub(r"[^\d.]", "", self.number).strip(".")
        whole, *parts = digits.split(".")
        value = float(f"{whole or 0}.{''.join(parts) or 0}")
        return -value if self.number.lstrip().startswith(("-", "(")) else value


def read_entries(words: Sequence[Word]) -> list[Entry]:
    """Pair each label of a page with its number, in reading order.

    The number stands in the same piece of text behind the label; or it is the nearest one to the right
    in the same row; or the nearest one above or below in the same column. A label without any is left out.

    >>> read_entries([Word("Tea", 0, 0, 20, 10), Word("3.50", 60, 1, 80, 11), Word("Tax: 7 %", 0, 20, 40, 30)])
    [Entry(label='Tea', number='3.50'), Entry(label='Tax', number='7 %')]
    """
    numbers = [word for word in words if _ONLY_NUMBER.fullmatch(word.text)]
    entries = []
    for word in sorted(words, key=lambda word: (word.top, word.left)):
        if _ONLY_NUMBER.fullmatch(word.text) or not any(character.isalpha() for character in word.text):
            continue
        if both := _LABEL_AND_NUMBER.fullmatch(word.text):
            entries.append(Entry(both["label"].strip(" :="), both["number"].strip()))
        elif (number := _beside(word, numbers) or _above_or_below(word, numbers)) is not None:
            entries.append(Entry(word.text.strip(" :="), number.text.strip()))
    return entries


def asks_for_all(prompt: str) -> bool:
    """Return whether a prompt wants the whole text.

    >>> asks_for_all("Transcribe all text in the image."), asks_for_all("Which is highest?")
    (True, False)
    """
    return bool(_TRANSCRIBE.search(prompt[:_LONGEST_QUESTION]))


def transcript(words: Sequence[Word]) -> str:
    """Return all text, row by row from the top; nobody here knows of columns, so their rows stand one behind another.

    Pieces side by side are one line where the second ends in a price or stands near the first.

    >>> print(transcript([Word("3.50", 60, 1, 80, 11), Word("Tea", 0, 0, 20, 10), Word("Milk", 0, 20, 30, 30)]))
    Tea 3.50
    Milk
    """
    lines: list[str] = []
    for row in _rows(words):
        lines.append(row[0].text.strip())
        for before, word in itertools.pairwise(row):
            near = word.left - before.right <= _APART * (word.bottom - word.top)
            if near or _ONLY_NUMBER.fullmatch(word.text):
                lines[-1] += f" {word.text.strip()}"
            else:
                lines.append(word.text.strip())
    return "\n".join(lines)


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.top + word.bottom, word.left)):
        if rows and _overlap(rows[-1][0].top, rows[-1][0].bottom, word.top, word.bottom):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [sorted(row, key=lambda word: word.left) for row in rows]


def _beside(label: Word, numbers: Sequence[Word]) -> Word | None:
    row = [
        number
        for number in numbers
        if number.left >= label.right - 1 and _overlap(label.top, label.bottom, number.top, number.bottom)
    ]
    return min(row, key=lambda number: number.left, default=None)


def _above_or_below(label: Word, numbers: Sequence[Word]) -> Word | None:
    column = [number for number in numbers if _overlap(label.left, label.right, number.left, number.right)]
    return min(column, key=lambda number: abs(number.top - label.top), default=None)


def _overlap(start: float, end: float, other_start: float, other_end: float) -> bool:
    """Say whether two stretches share more than half of the shorter one."""
    shared = min(end, other_end) - max(start, other_start)
    return shared > 0.5 * min(end - start, other_end - other_start)


def answer(prompt: str, entries: Sequence[Entry]) -> str:
    """Answer the first question of a prompt; empty where no rule fits.

    >>> page = [Entry("A", "12"), Entry("B", "30")]
    >>> [answer(question, page) for question in ("Which is highest?", "Is A higher than B?", "What is the value of A?")]
    ['B', 'no', '12']
    """
    question = _first_question(prompt)
    named = list(_named(question, entries))
    for pattern, sign in ((_MORE, 1), (_LESS, -1)):
        if pattern.search(question):
            if len(named) < 2:
                return ""
            return "yes" if sign * (named[0].value - named[1].value) > 0 else "no"
    for pattern, sign in ((_HIGHEST, 1), (_LOWEST, -1)):
        if pattern.search(question) and entries:
            extreme = max(entries, key=lambda entry: sign * entry.value)
            return extreme.number if _AMOUNT.search(question) else extreme.label
    return named[0].number if named else ""


def _first_question(prompt: str) -> str:
    """Return the first sentence that ends with a question mark, or the end of the prompt."""
    end = prompt.find("?")
    text = prompt[: end + 1][-_LONGEST_QUESTION:] if end >= 0 else prompt[-_LONGEST_QUESTION:]
    start = max(text.rfind(mark, 0, len(text) - 1) for mark in ".!\n") if end >= 0 else -1
    return text[start + 1 :]


def _named(question: str, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries that a question names, in the order of the question; else the one most like its words."""
    places = [(place, entry) for entry in entries if (place := _place(question, entry.label)) >= 0]
    if places:
        longest = max(len(entry.label) for _, entry in places)
        exact = sorted(places, key=lambda item: (item[0], -len(item[1].label)))
        yield from (entry for _, entry in exact if longest <= _LONGEST_EXACT or len(entry.label) > _LONGEST_EXACT)
        return
    alike = [(fuzz.partial_token_set_ratio(question.casefold(), entry.label.casefold()), entry) for entry in entries
             if len(entry.label) > _LONGEST_EXACT]  # fmt: skip
    best = max(alike, key=lambda item: item[0], default=None)
    if best is not None and best[0] >= _ALIKE:
        yield best[1]


def _place(question: str, label: str) -> int:
    flags = re.NOFLAG if len(label) <= _LONGEST_EXACT else re.IGNORECASE
    found = re.search(rf"(?<!\w){re.escape(label)}(?!\w)", question, flags)
    return found.start() if found else -1
