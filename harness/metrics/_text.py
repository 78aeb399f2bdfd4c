"""Words and white space: the few normalisations that several metrics share."""

import re
from typing import Final

from harness.reading.clean import composed

_WORD: Final = re.compile(r"[^\W\d_][^\W_]*(?:['’][^\W\d_]+)*")

_FUNCTION_WORDS: Final = """
    a about above after all also am an and any are as at be been being below between both but by can could did do
    does doing down during each few for from further had has have having he her here hers him his how i if in into
    is it its itself just me more most my no nor not of off on once only or other our out over own per same she
    should so some such than that the their them then there these they this those through to too under until up
    very was we were what when where which while who whom why will with would yes you your
"""
STOP_WORDS: Final = frozenset(_FUNCTION_WORDS.split())
"""English function words, with "yes" and "no": words that say nothing that evidence could hold."""


def squeeze(text: str) -> str:
    r"""Return ``text`` in Unicode form NFC, trimmed, every run of white space a single space.

    >>> squeeze("  two\n words ")
    'two words'
    """
    return " ".join(composed(text).split())


def fold(text: str) -> str:
    """As :func:`squeeze`, without case.

    >>> fold(" Straße  A ")
    'strasse a'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return composed(squeeze(text).casefold())


def words(text: str) -> list[str]:
    """Return the words of ``text`` without case: a letter, then letters, digits, apostrophes; "5kg" holds "kg".

    >>> words("The bar isn't RED, 41% in Q1 or 5kg")
    ['the', 'bar', "isn't", 'red', 'in', 'q1', 'or', 'kg']
    """
    return [word.replace("’", "'") for word in _WORD.findall(fold(text))]


def content_words(text: str) -> list[str]:
    """Return the words of ``text`` that are not function words, "yes" or "no".

    An answer that is one letter is a label, not an article.

    >>> content_words("The highest is A bar"), content_words("A"), content_words("Yes.")
    (['highest', 'bar'], ['a'], [])
    """
    found = words(text)
    if len(found) == 1 and len(found[0]) == 1:
        return found
    return [word for word in found if word not in STOP_WORDS]
