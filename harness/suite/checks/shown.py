"""The pictures of rows with findings, read again from their data: a check keeps none while it looks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from harness.images import EMBEDDED, pictures, thumbnail
from harness.patience import Patience
from harness.suite.checks.findings import Findings, Spot
from harness.types import Dataset, ImageSource

_AT_ONCE: Final = 64
"""Pictures that are drawn together: of a table each may hold its file's bytes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of a row."""

    question: str
    picture: bytes = b""
    """As a small WebP; empty where the row has none, it cannot be opened, or there is no room."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and in what."""

    findings: Findings
    datasets: Mapping[str, Dataset]

    def shown(self, spots: Iterable[Spot], room: int = EMBEDDED) -> dict[Spot, Shown]:
        """Return questions and small pictures of rows that can be read.

        Args:
            spots: the wanted ones, the most important first.
            room: bytes that all pictures may take; those that come last are left out.
        """
        wanted = dict.fromkeys(spots)
        found: dict[Spot, Shown] = {}
        rows = self._rows(wanted)
        with Patience() as patience:
            while some := list(islice(rows, _AT_ONCE)):
                drawn = patience.end(patience.begin(_drawn, [source for *_, source in some]), lambda *_: b"")
                found |= {spot: Shown(asked, made) for (spot, asked, _), made in zip(some, drawn, strict=True)}
        for spot in wanted:
            size = len(found[spot].picture) if spot in found else 0
            if size > room:
                found[spot] = replace(found[spot], picture=b"")
            else:
                room -= size
        return found

    def _rows(self, wanted: Iterable[Spot]) -> Iterator[tuple[Spot, str, ImageSource | None]]:
        left: dict[str, dict[str, list[Spot]]] = {}
        for spot in wanted:
            left.setdefault(spot.dataset, {}).setdefault(spot.where, []).append(spot)
        for name, rows in left.items():
            for sample in self.datasets.get(name, ()):
                if not rows:
                    break
                if sample.problem is None:
                    for spot in rows.pop(sample.origin or f"sample {sample.id!r}", ()):
                        source = sample.images[spot.picture] if spot.picture < len(sample.images) else None
                        yield spot, sample.question, source


def _drawn(source: ImageSource | None) -> bytes:
    try:
        return thumbnail(*pictures([source])) if source is not None else b""
    except Exception:  # noqa: BLE001 - a plug-in's source may raise anything, and the findings say what is wrong
        return b""
