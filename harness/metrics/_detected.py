"""Boxes that were found and boxes that are there: as rows, and as columns that lie together by label and image."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.metrics.boxes import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detection:
    """One box that the model found."""

    image: str
    label: str
    box: Box
    """x1, y1, x2, y2 in pixels."""
    score: float


@dataclass(frozen=True, slots=True)
class Truth:
    """One box that is there."""

    image: str
    label: str
    box: Box
    crowd: bool = False
    """A group of objects: whatever falls on it is neither right nor wrong."""
    area: float | None = None
    """Square pixels of the object, where they are not those of its box; they say whether it is small or large."""


def check(rows: Sequence[Detection] | Sequence[Truth], argument: str) -> None:
    """Hold boxes to be boxes.

    Raises:
        ValueError: if a box is inverted, or a number is not finite.
    """
    for row in rows:
        x1, y1, x2, y2 = row.box
        if not all(map(math.isfinite, row.box)) or x1 > x2 or y1 > y2:
            raise ValueError(f"{argument} must have finite boxes with x1 ≤ x2 and y1 ≤ y2, got {row.box}")
        if isinstance(row, Detection) and not math.isfinite(row.score):
            raise ValueError(f"{argument} must have finite scores, got {row.score}")


class Table(NamedTuple):
    """Boxes as columns, those of one label and image together, the highest score first."""

    labels: "NDArray[np.int64]"
    images: "NDArray[np.int64]"
    boxes: "NDArray[np.float64]"
    """[n, 4]"""
    areas: "NDArray[np.float64]"
    crowd: "NDArray[np.bool_]"
    """All false for detections."""
    scores: "NDArray[np.float64]"
    """All 0 for truths."""

    def take(self, rows: "NDArray[np.int64]") -> "Table":
        """Return some rows, in this order."""
        labels, images, boxes, areas, crowd, scores = self
        return Table(labels[rows], images[rows], boxes[rows], areas[rows], crowd[rows], scores[rows])

    def starts(self, *, scores: bool = False) -> "NDArray[np.int64]":
        """Return where each label and image (and score) begins, and the end."""
        import numpy as np

        changed = (np.diff(self.labels) != 0) | (np.diff(self.images) != 0)
        if scores:
            changed |= np.diff(self.scores) != 0
        return np.flatnonzero(np.r_[True, changed, True]) if len(self.labels) else np.zeros(1, np.int64)


def places(names: Iterable[str]) -> dict[str, int]:
    """Return a number for each name."""
    return {name: place for place, name in enumerate(sorted(set(names)))}


def table(rows: Sequence[Detection] | Sequence[Truth], labels: Mapping[str, int], images: Mapping[str, int]) -> Table:
    """Return the rows whose label is in ``labels``."""
    import numpy as np

    kept = [row for row in rows if row.label in labels]
    n = len(kept)
    boxes = np.array([row.box for row in kept], np.float64).reshape(n, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    told = np.array([getattr(row, "area", None) for row in kept], np.float64)
    made = Table(
        np.fromiter((labels[row.label] for row in kept), np.int64, n),
        np.fromiter((images[row.image] for row in kept), np.int64, n),
        boxes,
        np.where(np.isnan(told), areas, told),
        np.fromiter((getattr(row, "crowd", False) for row in kept), bool, n),
        np.fromiter((getattr(row, "score", 0.0) for row in kept), np.float64, n),
    )
    return made.take(np.lexsort((-made.scores, made.images, made.labels)))
