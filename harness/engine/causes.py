"""Why two scorers judge one answer differently, as far as its text tells."""

import re
from typing import Final

from harness.engine.rescore import Disagreement
from harness.reading.folded import folded

_PUNCTUATION: Final = re.compile(r"[^\w\s]")
_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


def cause(found: Disagreement) -> str:
    """Return the likeliest cause, in words.

    >>> from harness.engine.rescore import Disagreement
    >>> cause(Disagreement("t", "c", "1", "The answer is 33", ("33",), {"stored": 1.0, "ours": 0.0}))
    'the right answer stands among other words'
    >>> cause(Disagreement("t", "c", "1", "Red", ("red",), {"stored": 1.0, "ours": 0.0}))
    'case or white space'
    """
    stored, ours = found.scores["stored"], found.scores["ours"]
    if isinstance(stored, str) or isinstance(ours, str):
        return f"no score on one side ({stored if isinstance(stored, str) else ours})"
    said = folded(found.response)
    right = [folded(one) for one in found.references]
    if any(said == one for one in right):
        return "case or white space" if ours < stored else "the run read something else, or wanted another form"
    if any(_bare(said) == _bare(one) for one in right):
        return "punctuation"
    if any(_same_number(said, one) for one in right):
        return "the way a number is written"
    if any(one and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said) for one in right):
        return "the right answer stands among other words"
    if 0 < stored < 1 or 0 < ours < 1:
        return "one of them gives a part of the score"
    return "another rule: neither text nor number is the right one"


def _bare(text: str) -> str:
    return folded(_PUNCTUATION.sub(" ", text))


def _same_number(one: str, other: str) -> bool:
    numbers = [_NUMBER.fullmatch(text.strip(" %$€£")) for text in (one, other)]
    if not all(numbers):
        return False
    first, second = (float(found[0].replace(",", "")) for found in numbers if found)
    return first == second or first == 100 * second or second == 100 * first
