"""Moment retrieval in the layout of Charades-STA: ``VIDEO start end##sentence`` a line."""

import re
from collections.abc import Iterator
from typing import Final

from harness.data._annotations import AnnotatedClips, annotated
from harness.types import Sample

ENTRIES: Final = {"charades_sta": "CharadesStaDataset"}

_LINE: Final = re.compile(r"(\S+)\s+([0-9]+(?:\.[0-9]+)?)\s+([0-9]+(?:\.[0-9]+)?)##(.*)")


class CharadesStaDataset(AnnotatedClips):
    """Charades-STA: sentences with one window each. The layout has no ids and no durations: a line's number is its id.

    Source:
        Gao et al. 2017, "TALL" (arXiv:1705.02101); ``charades_sta_test.txt``.
    """

    def _read(self) -> Iterator[Sample]:
        for number, line in self._lines():
            match = _LINE.fullmatch(line.strip())
            if match is None:
                yield self._bad(number, "not of the form VIDEO start end##sentence")
                continue
            start, end = float(match[2]), float(match[3])
            if not start < end:
                yield self._bad(number, f"the window [{start:g}, {end:g}] does not end after it starts")
                continue
            yield annotated(f"line-{number:07d}", match[4].strip(), [], ((start, end),), self._clip(match[1]))
