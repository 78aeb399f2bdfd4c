"""True and predicted windows of a few clips, one line a clip, as a chart."""

from collections.abc import Mapping, Sequence
from typing import Final

from harness.metrics import moments
from harness.tasks._base import Chart, Line
from harness.types import Sample, Span

_CLIPS: Final = 8
_OFFSET: Final = 0.3
"""How far below the true window the predicted one is drawn."""


def timeline(samples: Sequence[Sample], texts: Mapping[str, str]) -> Chart | None:
    """Return the windows of the first clips that were answered; None where there is none.

    Args:
        samples: the clips, with their true windows.
        texts: answers by sample id.
    """
    shown = [sample for sample in samples if sample.spans and sample.id in texts][:_CLIPS]
    if not shown:
        return None
    true = [(span, float(row)) for row, sample in enumerate(shown, 1) for span in sample.spans]
    found = [
        (span, row - _OFFSET)
        for row, sample in enumerate(shown, 1)
        for span in moments.windows_of(texts[sample.id])[:1]
    ]
    named = "; ".join(f"{row} {sample.id}: {sample.question}" for row, sample in enumerate(shown, 1))
    lines = (_bars("true", true), _bars("predicted", found))
    return Chart("windows of the first clips", "seconds", "clip", lines, note=named)


def _bars(name: str, windows: Sequence[tuple[Span, float]]) -> Line:
    """Draw windows as level strokes with gaps between them."""
    x = [time for (start, end), _ in windows for time in (start, end, end)]
    y: list[float | None] = [height for _, level in windows for height in (level, level, None)]
    return Line(name, tuple(x), tuple(y))
