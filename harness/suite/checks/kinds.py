"""The kinds of findings about data, in the words that follow "3 rows of the dataset 'rows'"."""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "broken": "cannot be read",
    "media": "have media that cannot be opened",
    "tiny": "show a picture of fewer than 16 px on a side",
    "huge": "show a picture of more than 20 megapixels",
    "blank": "show a picture of one colour",
    "turned": "show a picture that its EXIF turns: boxes and published numbers may be in its pixels as they lie",
    "pages": "show a picture of several pages, of which the first is seen",
    "repeated": "stand there twice: question, pictures and answers are the same",
    "same-picture": "show a picture that stands there under another name: they are no independent samples",
    "near-picture": "show a picture that is nearly another one: they are hardly independent samples",
    "leakage": "are known from another split",
    "contradiction": "ask what another row asks of the same picture, and give other answers",
    "no-option": "have an answer that is none of their options",
    "options": "have options that are empty or the same",
    "letters": "balance of the right letters",
    "yes-no": "balance of yes and no",
    "majority": "balance of the answers",
    "box": "have boxes that are flat, turned round or outside of the picture",
    "marker": "have markers that do not fit their pictures",
    "length": "have a question that is empty or very long",
    "script": "are written in another script than nearly all others",
    "window": "have a window that reaches beyond the clip",
}
"""What there is to find."""

_SINGULAR: Final = {"have": "has", "show": "shows", "are": "is", "stand": "stands", "ask": "asks"}


def said_of(kind: str, rows: int) -> str:
    """Return what so many rows do.

    >>> said_of("media", 1), said_of("media", 2)
    ('has media that cannot be opened', 'have media that cannot be opened')
    """
    verb, _, rest = KINDS[kind].partition(" ")
    told = f"{_SINGULAR.get(verb, verb) if rows == 1 else verb} {rest}"
    if rows == 1 and kind == "same-picture":
        return told.replace("they are no independent samples", "the two are not independent")
    if rows == 1 and kind == "near-picture":
        return told.replace("they are hardly independent samples", "the two are hardly independent")
    return told.replace("their ", "its ") if rows == 1 and kind in {"no-option", "marker"} else told


UNUSABLE: Final = frozenset({"broken", "media"})
"""Kinds that make a check fail without any gate."""
WHOLE: Final = frozenset({"letters", "yes-no", "majority"})
"""Kinds that are about all rows together."""
MISTAKES: Final = frozenset({"repeated", "leakage", "contradiction", "no-option", "options", "box", "marker", "window"})
"""Kinds that are wrong whatever is measured, of which a set that was made with care has none."""
