"""Whether an answer says that what was asked for is not there."""

import re
from typing import Final

from harness.reading.clean import narrow, visible
from harness.reading.stated import read_stated
from harness.reading.yes_no import read_yes_no

_ABSENT: Final = "none nothing null absent missing nowhere no-target n/a keine nichts aucun rien ninguno nada nessuno"
_WORDS: Final = frozenset(_ABSENT.split())
_EDGES: Final = " \t\r\n.,;:!\"'`*()[]{}<>。！"
_SENTENCE: Final = re.compile(
    r"\b(?:not|n[o']t)\s{1,3}(?:\w{1,20}\s{1,3}){0,3}?(?:present|visible|there|shown|found|depicted|exist|see|find|"
    r"detect|locate|in\s{1,3}(?:the|this)\s{1,3}(?:image|picture|photo|scene))\b|"
    r"\b(?:cannot|can't|couldn't|don't|doesn't|didn't|isn't|aren't)\s{1,3}(?:\w{1,20}\s{1,3}){0,3}?(?:see|find|locate|"
    r"detect|exist|appear|present|visible|there|in\s{1,3}(?:the|this))\b|\bno\s{1,3}such\b|"
    r"\b(?:there(?:'s|\s{1,3}(?:is|are))|i\s{1,3}(?:can\s{1,3})?(?:see|find)|(?:image|picture|photo|scene)\s{1,3}(?:contains|shows))"
    r"\s{1,3}(?:none|nothing|no)\b",
    re.IGNORECASE,
)
_MOST: Final = 2000
"""Characters that are looked at."""


def says_none(text: str) -> bool:
    """Say whether a text that places nothing says that there is nothing to place.

    >>> [says_none(text) for text in ("none", "[]", "There is no red circle.", "I don't see one in the image.")]
    [True, True, True, True]
    >>> [says_none(text) for text in ("There is none here.", "The picture shows no cup.")]
    [True, True]
    >>> [says_none(text) for text in ("", "somewhere on the left", "[1, 2, 3, 4]")]
    [False, False, False]
    """
    seen = narrow(visible(text))[:_MOST].strip()
    if not seen:
        return False
    seen = read_stated(seen).value or seen
    bare = seen.strip(_EDGES).casefold()
    if not bare:
        return "[" in seen or "{" in seen
    return bare in _WORDS or read_yes_no(seen).value == "no" or bool(_SENTENCE.search(seen))
