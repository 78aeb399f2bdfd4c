"""The pictures of rows with findings, read again from their data: a check keeps none while it looks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from harness.images import EMBEDDED, pictures, thumbnail
from harness.patience import Patience
from harness.suite.checks.findings import Findings, Spot
from harness.types import Dataset, ImageSource

_AT_ONCE = 64
"""Pictures that are drawn together: of a table each may hold its file's bytes."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and in what."""

    findings: Findings
    datasets: Mapping[str, Dataset]

    def thumbnails(self, spots: Iterable[Spot], room: int = EMBEDDED) -> dict[Spot, bytes]:
        """Return small pictures (WebP) of rows.

        Args:
            spots: the wanted ones, the most important first.
            room: bytes that all of them may take; those that come last are left out.

        A picture that cannot be opened, or does not come, has none.
        """
        wanted = dict.fromkeys(spots)
        drawn: dict[Spot, bytes] = {}
        sources = self._sources(wanted)
        with Patience() as patience:
            while some := list(islice(sources, _AT_ONCE)):
                made = patience.end(patience.begin(_drawn, [source for _, source in some]), lambda *_: b"")
                drawn.update((spot, picture) for (spot, _), picture in zip(some, made, strict=True) if picture)
        kept: dict[Spot, bytes] = {}
        for spot in wanted:
            size = len(drawn.get(spot, b""))
            if size and size <= room:
                kept[spot] = drawn[spot]
                room -= size
        return kept

    def _sources(self, wanted: Iterable[Spot]) -> Iterator[tuple[Spot, ImageSource]]:
        left: dict[str, dict[str, list[Spot]]] = {}
        for spot in wanted:
            left.setdefault(spot.dataset, {}).setdefault(spot.where, []).append(spot)
        for name, rows in left.items():
            for sample in self.datasets.get(name, ()):
                if not rows:
                    break
                if sample.problem is None:
                    for spot in rows.pop(sample.origin or f"sample {sample.id!r}", ()):
                        if spot.picture < len(sample.images):
                            yield spot, sample.images[spot.picture]


def _drawn(source: ImageSource) -> bytes:
    try:
        return thumbnail(*pictures([source]))
    except Exception:  # noqa: BLE001 - a plug-in's source may raise anything, and the findings say what is wrong
        return b""
