"""True and predicted windows of a few clips over time, as charts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from harness.metrics import moments
from harness.tasks._pictured import Chart, Line
from harness.types import Sample, Span

_CLIPS: Final = 4
_LOWER: Final = 0.9
"""How high the predicted windows are drawn, so that both can be seen where they agree."""


def timelines(samples: Iterable[Sample], texts: Mapping[str, str]) -> tuple[Chart, ...]:
    """Return a chart of each of the first clips that were answered.

    Args:
        samples: the clips, with their true windows.
        texts: answers by sample id.
    """
    shown = (sample for sample in samples if sample.spans and sample.id in texts)
    return tuple(_timeline(sample, texts[sample.id]) for sample in islice(shown, _CLIPS))


def duration_of(sample: Sample) -> float | None:
    """Return how long a sample's clip is, where its evidence says so."""
    try:
        return float(json.loads(sample.evidence or "")["duration"])
    except (ValueError, TypeError, KeyError):
        return None


def _timeline(sample: Sample, text: str) -> Chart:
    found = [span for span in moments.windows_of(text)[:1] if 0 <= span[0] < span[1]]
    end = max(duration_of(sample) or 0.0, *(time for span in (*sample.spans, *found) for time in span))
    lines = (_steps("true", sample.spans, end, 1.0), _steps("predicted", found, end, _LOWER))
    return Chart(f"windows of {sample.id}", "seconds", "inside", lines, note=sample.question)


def _steps(name: str, spans: Sequence[Span], end: float, height: float) -> Line:
    """Return a line that is up inside the windows, from 0 to ``end``."""
    x, y = [0.0], [0.0]
    for start, stop in sorted(spans):
        x += [start, stop]
        y += [height, 0.0]
    return Line(name, (*x, end), (*y, 0.0), style="step")
