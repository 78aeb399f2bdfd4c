"""Which part of one text is not in another: what an eye looks for in two answers side by side."""

from difflib import SequenceMatcher
from typing import Final

_LONGEST: Final = 400
"""Characters up to which two texts are compared letter by letter; the work grows with their product."""


def differing(before: str, after: str) -> list[tuple[str, bool]]:
    """Return ``after`` in pieces, each with whether it differs from ``before``.

    >>> differing("52", "59")
    [('5', False), ('9', True)]
    >>> differing("blue", "blue")
    [('blue', False)]
    """
    if max(len(before), len(after)) > _LONGEST:
        return [(after, before != after)]
    pieces = []
    for tag, _, _, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if end > start:
            pieces.append((after[start:end], tag != "equal"))
    return pieces
