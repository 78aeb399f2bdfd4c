"""XML as events, with what makes it dangerous refused: no document types, so no entities and nothing fetched."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat

from harness.errors import UsageError

DEEPEST: Final = 200
_CHUNK: Final = 1 << 16


def read_xml(
    opened: IO[bytes],
    where: str | Path,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    words: Callable[[str], None],
    most: int,
) -> None:
    """Read a document little by little.

    Args:
        opened: its bytes.
        where: what to call it.
        start: hears of each element and its attributes.
        end: hears of each element's end.
        words: hears of text between.
        most: bytes that are read.

    Raises:
        UsageError: if it is no XML, has a document type, is nested too deeply or has more bytes.
    """
    parser = expat.ParserCreate(namespace_separator=None)
    depth = 0

    def began(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise UsageError(f"{where}:{parser.CurrentLineNumber}: nested too deeply")
        start(name.rpartition(":")[2], attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    def typed(*_: object) -> None:
        raise UsageError(f"{where}:{parser.CurrentLineNumber}: a document type, which is not read")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = began, ended, words
    parser.StartDoctypeDeclHandler = typed
    size = 0
    try:
        while chunk := opened.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise UsageError(f"{where} has more than {most / 2**20:.0f} MiB")
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as cause:
        raise UsageError(f"{where}:{cause.lineno}: no XML: {expat.errors.messages[cause.code]}") from cause
