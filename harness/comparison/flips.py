"""The samples that went from right to wrong, and back, with what was asked and answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from harness.comparison.columns import Floats, Index, Samples
from harness.comparison.pair import CellPairs

Way = Literal["lost", "gained"]
"""Lost: right in the baseline, wrong in the candidate. Gained: the reverse."""

RIGHT: Final = 0.5
"""An answer that is worth this much is right, one that is worth less is wrong."""
KEPT: Final = 50
"""Flipped samples that are shown for each task and way."""


@dataclass(frozen=True, slots=True)
class FlippedSample:
    """One sample whose answer changed sides."""

    task: str
    cell: str
    sample_id: str
    way: Way
    prompt: str
    references: tuple[str, ...]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Flipped:
    """All flips of a task under its primary metric; the first ones with their samples."""

    task: str
    metric: str
    lost: int
    gained: int
    samples: tuple[FlippedSample, ...]


def flipped(
    task: str,
    metric: str,
    cells: Sequence[CellPairs],
    worths: tuple[Floats, Floats],
    samples: tuple[Samples, Samples],
) -> Flipped:
    """Return the flips of a task over all its cells.

    Args:
        task: its name.
        metric: the primary metric, from 0 to 1, higher is better.
        cells: its pairs.
        worths: of the baseline's and of the candidate's rows.
        samples: of the baseline and of the candidate.
    """
    counts: dict[Way, int] = {"lost": 0, "gained": 0}
    shown: dict[Way, list[tuple[str, int, int]]] = {"lost": [], "gained": []}
    for pairs in cells:
        before, after = worths[0][pairs.baseline], worths[1][pairs.candidate]
        for way, mask in ways(before, after):
            rows = np.flatnonzero(mask)
            counts[way] += rows.size
            room = KEPT - len(shown[way])
            shown[way] += [(pairs.cell, int(pairs.baseline[i]), int(pairs.candidate[i])) for i in rows[:room]]
    listed = [sample for way in counts for sample in _read(task, way, shown[way], samples)]
    return Flipped(task, metric, counts["lost"], counts["gained"], tuple(listed))


def ways(before: Floats, after: Floats) -> Iterable[tuple[Way, np.ndarray]]:
    """Yield each way with a mask of the pairs that went it, given what both sides are worth, [pairs]."""
    # A comparison with NaN is false: a sample that does not count on one side has not flipped.
    yield "lost", (before >= RIGHT) & (after < RIGHT)
    yield "gained", (before < RIGHT) & (after >= RIGHT)


def _read(
    task: str, way: Way, rows: Sequence[tuple[str, int, int]], samples: tuple[Samples, Samples]
) -> Iterable[FlippedSample]:
    if not rows:
        return
    old: Index = np.array([row for _, row, _ in rows], np.int64)
    new: Index = np.array([row for _, _, row in rows], np.int64)
    before = samples[0].texts(old, ("response", "status"))
    after = samples[1].texts(new, ("sample_id", "prompt", "references", "response", "status"))
    for (cell, _, _), one, other in zip(rows, before, after, strict=True):
        yield FlippedSample(
            task,
            cell,
            str(other["sample_id"]),
            way,
            other["prompt"] or "",
            tuple(other["references"] or ()),
            answer(one),
            answer(other),
        )


def answer(row: dict[str, object]) -> str:
    """Return what a row answered, or in parentheses why it did not."""
    return str(row["response"] or "") if row["status"] == "ok" else f"({row['status']})"
