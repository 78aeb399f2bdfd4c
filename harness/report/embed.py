"""Put the sample browser's data into a page, or into a file beside it where they would make it slow to open."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.report.page import as_json
from harness.report.pieces import pieces
from harness.report.samples import sidecar

if TYPE_CHECKING:
    from markupsafe import Markup

BESIDE: Final = ".data.js"
"""How the name of such a file ends."""
_EMBEDDED: Final = 8_000_000
"""Bytes of sample data that a page holds; more lie beside it in a file of their own."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a template needs: the data, or the name of the file that has them."""

    block: "Markup | None" = None
    beside: str | None = None


def embedded(data: Mapping[str, Any]) -> Embedded:
    """Return the data for a page that stands alone, however large."""
    return Embedded(as_json(data))


def embedded_or_beside(data: Mapping[str, Any], page: Path) -> Embedded:
    """Return the data for the page in a file, or write them beside it; a file of an earlier page is removed."""
    beside = page.with_suffix(BESIDE)
    page.parent.mkdir(parents=True, exist_ok=True)
    if _fits(data):
        beside.unlink(missing_ok=True)
        return Embedded(as_json(data))
    with beside.open("w", encoding="utf-8", errors="replace") as out:
        out.writelines(sidecar(data))
    return Embedded(beside=beside.name)


def _fits(data: Mapping[str, Any]) -> bool:
    """Return whether a page can hold the data; counting ends where it cannot."""
    length = 0
    for piece in pieces(data):
        length += len(piece) + (len("\\u003c") - 1) * sum(map(piece.count, "<\u2028\u2029"))
        if length > _EMBEDDED:
            return False
    return True
