"""Let no stream cost a run: what its encoding lacks is written in ASCII, and what cannot be written is left out."""

import codecs
import os
import sys
from contextlib import suppress
from typing import Final

import click

_NAME: Final = "harness.ascii"
_ASCII: Final = {
    "↑": "^", "↓": "v", "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "≠": "!=", "±": "+-", "×": "x", "·": ".",
    "…": "...", "–": "-", "—": "-", "−": "-", "µ": "u", "‖": "||", "│": "|", "┃": "|", "─": "-", "━": "-", "═": "=",
    "█": "#", "•": "*", "✓": "ok", "✗": "x", "“": '"', "”": '"', "‘": "'", "’": "'", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


def in_ascii(text: str) -> str:
    """Return a text in ASCII: signs by what they look like, frames as lines, anything else as a question mark.

    >>> in_ascii("≥ 0.5 × 日")
    '>= 0.5 x ?'
    """
    frame = range(0x2500, 0x2580)
    return "".join(
        sign if sign.isascii() else _ASCII.get(sign, "+" if ord(sign) in frame else "?")  # corners and crossings
        for sign in text
    )


def tame() -> None:
    """Make standard output and standard error write in ASCII what their encoding lacks, instead of raising."""
    codecs.register_error(_NAME, _instead)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # none, closed, or not a stream of text: as it is
            if stream.errors == "strict" or stream is sys.stderr:
                stream.reconfigure(errors=_NAME)  # type: ignore[union-attr]


def tell(text: str) -> None:
    """Say something on standard error while a run goes on; where nobody can hear it, the run goes on all the same."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def give_up_output() -> None:
    """Let what is still to be printed go nowhere: what could not be written would be tried again at the very end."""
    with suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end
