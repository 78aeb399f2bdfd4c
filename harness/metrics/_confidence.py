"""The confidence that an answer states."""

import re
from typing import Final

from harness.metrics.strict_json import StrictJSONError, parse_json

_AT_THE_END: Final = re.compile(
    r"^(?P<answer>.*?)\s*\(\s*(?P<word>confidence\s*[:=]?\s*)?(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%?)\s*\)[\s.]*$",
    re.DOTALL | re.IGNORECASE,
)


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
    found = _AT_THE_END.match(text)
    if not found or not (found["word"] or found["percent"] or "." in found["number"]):
        return text, None
    confidence = _share(found["number"] + found["percent"])
    return (text, None) if confidence is None else (found["answer"], confidence)


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
