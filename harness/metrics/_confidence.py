"""The confidence that an answer states."""

import re
from typing import Final

from harness.reading.json import StrictJSONError, parse_json

_STATED: Final = re.compile(r"\s*(confidence\s*[:=]?\s*)?(\d+(?:\.\d+)?)\s*(%?)\s*", re.IGNORECASE)
_LONGEST: Final = 60
"""Characters between the parentheses."""


def stated_confidence(text: str) -> tuple[str, float | None]:
    """Return the answer without its confidence, and that, in [0, 1]; None where none is stated.

    Two forms are read: ``{"answer": …, "confidence": 0.8}`` (or "80 %"), and a last word in parentheses: "(80 %)",
    "(0.8)", "(confidence: 0.8)". A bare whole number, "(2)", is none, and neither is one above 1, or 100 %.

    >>> stated_confidence('{"answer": "red", "confidence": 0.8}'), stated_confidence("a red bar (80 %)")
    (('red', 0.8), ('a red bar', 0.8))
    >>> stated_confidence("the bar of 2 (2)")
    ('the bar of 2 (2)', None)
    """
    try:
        said = parse_json(text)
    except StrictJSONError:
        said = None
    if isinstance(said, dict) and {"answer", "confidence"} <= said.keys():
        answer = said["answer"]
        return answer if isinstance(answer, str) else str(answer), _share(said["confidence"])
    head, opened, rest = text.rstrip(" \t\r\n.").rpartition("(")
    found = (
        _STATED.fullmatch(rest.removesuffix(")")) if opened and rest.endswith(")") and len(rest) < _LONGEST else None
    )
    if not found or not (found[1] or found[3] or "." in found[2]):
        return text, None
    confidence = _share(found[2] + found[3])
    return (text, None) if confidence is None else (head.rstrip(), confidence)


def _share(said: object) -> float | None:
    """Return a number, or a text that is one with or without "%", as a share; None where it is none."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    text = str(said).strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
