"""Text from models and data sets, made safe to look at."""

import unicodedata
from typing import Final

CLIPPED: Final = 160
"""Characters of a prompt or an answer that are shown."""


def plain(text: str, limit: int = CLIPPED) -> str:
    r"""Return text from a model or a data set in one line of at most ``limit`` characters that a terminal can bear.

    Control and formatting characters (escape sequences, bidirectional overrides, zero widths) become escapes.

    >>> print(plain("a\x1b[31m\nb"))
    a\x1b[31m b
    """
    spaced = " ".join(text[: 4 * limit].split())
    shown = "".join(
        character.encode("unicode_escape").decode("ascii") if _hidden(character) else character for character in spaced
    )
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1] + "…"


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
