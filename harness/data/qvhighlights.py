"""Moment retrieval in the layout of QVHighlights: one JSON object a line."""

import json
from collections.abc import Iterator
from typing import Final

from harness.data._annotations import AnnotatedClips, annotated, number, windows
from harness.types import Sample

ENTRIES: Final = {"qvhighlights": "QvHighlightsDataset"}


class QvHighlightsDataset(AnnotatedClips):
    """QVHighlights: queries with relevant windows: ``qid``, ``query``, ``vid``, ``duration``, ``relevant_windows``.

    A clip's file is ``vid`` with the suffix. Saliency scores are not read. The test split has no windows and
    cannot be scored: its rows are problems.

    Source:
        Lei et al. 2021 (arXiv:2107.09609); ``highlight_val_release.jsonl``.
    """

    def _read(self) -> Iterator[Sample]:
        for line_number, line in self._lines():
            try:
                row = json.loads(line)
                spans = windows(row.get("relevant_windows"))
                clip, duration = self._clip(str(row["vid"])), number(row["duration"])
                yield annotated(f"qid-{row['qid']}", str(row["query"]), [], spans, clip, duration)
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as cause:
                said = f"the key {cause} is missing" if isinstance(cause, KeyError) else cause
                yield self._bad(line_number, said)
