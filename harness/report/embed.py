"""Put the sample browser's data into a page, or into a file beside it where they would make it slow to open."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.report.page import as_json
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
    block = as_json(data)
    if len(block) <= _EMBEDDED:
        beside.unlink(missing_ok=True)
        return Embedded(block)
    beside.write_text(sidecar(data), encoding="utf-8", errors="replace")
    return Embedded(beside=beside.name)
