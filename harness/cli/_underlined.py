"""A text on the terminal with carets under what was found in it, however wide or unprintable its characters."""

import unicodedata
from typing import Any

from harness.reading import Found

_WIDEST = 100
"""Columns of a line that are shown; a longer one is cut round what was found."""
_MOST_CARETS = 40


def underlined(text: str, found: Found[Any]) -> tuple[str, str]:
    r"""Return the line of ``text`` in which something was found, and the line of carets that goes under it.

    >>> print("\n".join(underlined("I say:\nB, not A", Found("B", "B", 7, "first"))))
    B, not A
    ^
    """
    begin = text.rfind("\n", 0, found.start) + 1
    end = text.find("\n", found.start)
    line = text[begin : len(text) if end < 0 else end]
    at = found.start - begin
    marked = found.text.split("\n", 1)[0]
    cut = max(0, at - _WIDEST // 2)
    before, under, behind = line[cut:at], line[at : at + len(marked)], line[at + len(marked) : cut + _WIDEST]
    lead = ("…" if cut else "") + printable(before)
    tail = printable(behind) + ("…" if cut + _WIDEST < len(line) else "")
    shown = printable(under[: _WIDEST // 2])
    return lead + shown + tail, " " * _columns(lead) + "^" * min(_MOST_CARETS, max(1, _columns(shown)))


def printable(text: str) -> str:
    r"""Replace what a terminal would act on or leave out by its code: what a model wrote must not move the cursor.

    >>> printable("a\u200bb\x1b[2J")
    'a‹200B›b‹1B›[2J'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else f"‹{ord(char):02X}›" for char in text)


def _columns(text: str) -> int:
    r"""Return how many columns of a terminal a text takes.

    >>> _columns("答案B"), _columns("e\u0301")
    (5, 1)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)
