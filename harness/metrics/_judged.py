"""What became of all detections, and the average precision and recall that they make under weightings of the images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from harness.metrics._detected import Detection, Table, Truth, places, table
from harness.metrics._matching import match, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST: Final = 100
"""Detections of an image and label that count, unless another number is asked for."""

_RECALL_POINTS: Final = 101
_AT_ONCE: Final = 2_000_000
"""Numbers to hold at once while draws are made."""
_GRAIN: Final = 2.0**30
"""Parts of a detection are whole numbers of this, so that their sums are exact and have no order."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of the detections of each label, image and score, best first within each label."""

    images: "NDArray[np.int64]"
    scores: "NDArray[np.float64]"
    hits: "NDArray[np.float64]"
    """[rows, thresholds]; of those that a limit parts, the part that it leaves room for."""
    misses: "NDArray[np.float64]"
    """[rows, thresholds]; neither hit nor ignored."""
    bounds: "NDArray[np.int64]"
    """[labels + 1]; where each label's rows begin."""
    truth_labels: "NDArray[np.int64]"
    """[truths]; those that are ignored left out."""
    truth_images: "NDArray[np.int64]"

    def means(self, weights: Any, *, recall: bool = False) -> "NDArray[np.float64]":
        """Return the average precision, or recall, mean over thresholds and labels with truths.

        Args:
            weights: [b, images]; how often each image counts.
            recall: the share of truths that are found, and not the area under precision by recall.

        Returns:
            [b]; NaN where no label has truths.
        """
        import numpy as np

        step = max(1, _AT_ONCE // max(1, self.hits.size))
        parts = [self._means(weights[start : start + step], recall) for start in range(0, len(weights), step)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _means(self, weights: Any, recall: bool) -> "NDArray[np.float64]":
        import numpy as np

        values = np.zeros((len(weights), len(self.bounds) - 1))
        truths = weights[:, self.truth_images]
        totals = np.stack(
            [truths[:, self.truth_labels == label].sum(axis=1) for label in range(values.shape[1])], 1
        ) if values.size else values  # fmt: skip
        for label in range(values.shape[1]):
            part = slice(self.bounds[label], self.bounds[label + 1])
            each = np.ascontiguousarray(weights.T[self.images[part]], np.float64)[:, None]
            score = self._recall if recall else self._precision
            values[:, label] = score(part, each, totals[:, label])
        there = totals > 0
        # In sorted order: a sum must not depend on what the labels are called.
        sums, counts = np.sort(np.where(there, values, 0.0), axis=1).sum(axis=1), there.sum(axis=1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def _recall(self, part: slice, each: Any, totals: Any) -> Any:
        found = (self.hits[part, :, None] * each).sum(axis=0)
        return (found / (totals + (totals == 0))).sum(axis=0) / self.hits.shape[1]

    def _precision(self, part: slice, each: Any, totals: Any) -> Any:
        import numpy as np

        # Not k / 100: some of the published points are one rounding above it, and a recall may lie between.
        points = np.linspace(0.0, 1.0, _RECALL_POINTS)
        # Equal scores are one threshold: what lies between them is the order of a list, not the model's.
        ends = np.flatnonzero(np.diff(self.scores[part], append=-np.inf))
        right = np.cumsum(self.hits[part, :, None] * each, axis=0)[ends]
        seen = right + np.cumsum(self.misses[part, :, None] * each, axis=0)[ends]
        precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
        envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        # Each threshold stands for the recall points that it is the first to reach.
        reached = np.searchsorted(points, right / np.maximum(totals, 1), side="right")
        parts = envelope * np.diff(reached, axis=0, prepend=0)
        return parts.sum(axis=(0, 1)) / (self.hits.shape[1] * _RECALL_POINTS)

    def by_content(self, images: int) -> "NDArray[np.int64]":
        """Return the images in an order that is made by what is in them, so that their names do not count."""
        import numpy as np

        label = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))
        rows = np.column_stack([self.images, label, self.scores, self.hits, self.misses])
        truths = np.column_stack([self.truth_images, self.truth_labels])
        parts = []
        for side in (rows, truths):
            ordered = side[np.lexsort(side.T[::-1])]
            starts = np.searchsorted(ordered[:, 0], np.arange(images + 1))
            parts.append([ordered[start:end, 1:].tobytes() for start, end in pairwise(starts)])
        return np.array(sorted(range(images), key=lambda place: (parts[0][place], parts[1][place])), np.int64)


def judge(
    detections: Sequence[Detection],
    truths: Sequence[Truth],
    images: Mapping[str, int],
    thresholds: Sequence[float],
    area: str = "all",
    most: int = MOST,
) -> Judged:
    """Match all detections and truths, label by label and image by image.

    Args:
        detections: all boxes found.
        truths: all boxes that are there.
        images: a number for each image.
        thresholds: of the overlap.
        area: the size of boxes that count: all, small, medium, large.
        most: how many detections of an image and label count, best first.
    """
    import numpy as np

    labels = places(row.label for row in truths)
    found, there = table(detections, labels, images), table(truths, labels, images)
    share = _shares(found, most)
    kept = np.flatnonzero(share > 0)
    found, share = found.take(kept), share[kept]
    hits, ignored = match(found, there, thresholds, area)
    # Summed up by score: which of the tied ones are the hits is nobody's choice.
    starts = found.starts(scores=True)[:-1]
    outcomes = [hits * share, (~hits & ~ignored) * share]
    right, wrong = (np.add.reduceat(side, starts, axis=1) if len(starts) else side for side in outcomes)
    found = found.take(starts)
    order = np.lexsort((-found.scores, found.labels))
    real = ~there.crowd & within(there, area)
    return Judged(
        found.images[order],
        found.scores[order],
        right[:, order].T.copy(),
        wrong[:, order].T.copy(),
        np.searchsorted(found.labels[order], np.arange(len(labels) + 1)),
        there.labels[real],
        there.images[real],
    )


def _shares(found: Table, most: int) -> "NDArray[np.float64]":
    """Return how much of each detection counts: of tied ones that the limit parts, each its share of the room."""
    import numpy as np

    starts, ties = found.starts(), found.starts(scores=True)
    sizes = np.diff(ties)
    before = ties[:-1] - np.repeat(starts[:-1], np.diff(np.searchsorted(ties, starts)))
    parts = np.ceil(np.clip((most - before) / sizes, 0.0, 1.0) * _GRAIN) / _GRAIN
    return np.repeat(parts, sizes)
