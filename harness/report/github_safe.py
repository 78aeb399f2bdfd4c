"""Text from models, data and branches, made harmless for GitHub: Markdown, HTML, mentions, workflow commands."""

from collections.abc import Mapping
from typing import Final

from harness.report.text import CLIPPED, plain

_HARMLESS: Final = frozenset(" -/,?%=+()")
"""Punctuation that means nothing inside a line; a colon is not among it, since it makes addresses into links."""
_COMMAND: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_COMMAND, ":": "%3A", ",": "%2C"}


def code(text: str, limit: int = CLIPPED) -> str:
    """Return text as inline code that shows exactly what it says and does nothing.

    Inside ``<code>`` GitHub links no mentions, issues or commits. Every character that could mean
    something to Markdown or HTML stands as a numeric entity, which never opens a construct; so a
    backtick, a pipe or a tag cannot end the cell that it stands in.

    >>> code("@all | `x`")
    '<code>&#64;all &#124; &#96;x&#96;</code>'
    """
    return f"<code>{escaped(text, limit)}</code>"


def escaped(text: str, limit: int = CLIPPED) -> str:
    """Return text in one line in which nothing means anything to Markdown or HTML."""
    return "".join(
        character if character.isalnum() or character in _HARMLESS else f"&#{ord(character)};"
        for character in plain(text, limit)
    )


def command(name: str, message: str, properties: Mapping[str, str | int] | None = None) -> str:
    r"""Return a workflow command, such as an annotation, in one line.

    >>> command("error", "50%\n::set-output", {"file": "a,b.yaml", "line": 3})
    '::error file=a%2Cb.yaml,line=3::50%25%0A::set-output'
    """
    given = ",".join(f"{key}={_replaced(str(value), _PROPERTY)}" for key, value in (properties or {}).items())
    return f"::{name}{' ' + given if given else ''}::{_replaced(message, _COMMAND)}"


def _replaced(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
