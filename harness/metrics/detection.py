"""Mean average precision of detections, as COCO defines it."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from harness.estimate import Node, call
from harness.metrics._base import NAN, Failures
from harness.metrics._summed import SummedMetric
from harness.metrics.boxes import Box
from harness.metrics.strict_json import StrictJSONError, parse_json
from harness.types import MetricValue, Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"map": "MeanAveragePrecision", "map_50": "MeanAveragePrecision50"}

MAX_DETECTIONS: Final = 100
_RECALL_POINTS: Final = 101
_RESAMPLES: Final = 200
_PAIRS: Final = 1_000_000
"""Pairs of boxes to look at in one go."""
_AT_ONCE: Final = 4_000_000
"""Numbers to hold at once while draws are made."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One box that the model found."""

    image: str
    label: str
    box: Box
    """x1, y1, x2, y2 in pixels."""
    score: float
    id: str = ""
    """Says which of two with one score and image is given a truth first; with equal ids too, the box does."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One box that is there."""

    image: str
    label: str
    box: Box
    crowd: bool = False
    """A group of objects: whatever falls on it is neither right nor wrong."""


def _check(rows: Sequence[Detection] | Sequence[Truth], argument: str) -> None:
    for row in rows:
        x1, y1, x2, y2 = row.box
        if not all(map(math.isfinite, row.box)) or x1 > x2 or y1 > y2:
            raise ValueError(f"{argument} must have finite boxes with x1 ≤ x2 and y1 ≤ y2, got {row.box}")
        if isinstance(row, Detection) and not math.isfinite(row.score):
            raise ValueError(f"{argument} must have finite scores, got {row.score}")


class _Table(NamedTuple):
    """Boxes as columns, those of one label and image together, by the order that breaks ties."""

    labels: "NDArray[np.int64]"
    images: "NDArray[np.int64]"
    boxes: "NDArray[np.float64]"
    """[n, 4]"""
    crowd: "NDArray[np.bool_]"
    """All false for detections."""
    scores: "NDArray[np.float64]"
    """All 0 for truths."""
    ids: "NDArray[np.int64]"
    """Places of the ids among all ids, sorted; all 0 for truths."""

    def take(self, rows: "NDArray[np.int64]") -> "_Table":
        labels, images, boxes, crowd, scores, ids = self
        return _Table(labels[rows], images[rows], boxes[rows], crowd[rows], scores[rows], ids[rows])


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(sorted(set(names)))}


def _table(rows: Sequence[Detection] | Sequence[Truth], labels: Mapping[str, int], images: Mapping[str, int]) -> _Table:
    """Return the rows whose label is in ``labels``: by label, image, crowd, falling score, id and box."""
    import numpy as np

    kept = [row for row in rows if row.label in labels]
    n = len(kept)
    ids = [getattr(row, "id", "") for row in kept]
    places = _places(ids)
    table = _Table(
        np.fromiter((labels[row.label] for row in kept), np.int64, n),
        np.fromiter((images[row.image] for row in kept), np.int64, n),
        np.array([row.box for row in kept], np.float64).reshape(n, 4),
        np.fromiter((getattr(row, "crowd", False) for row in kept), bool, n),
        np.fromiter((getattr(row, "score", 0.0) for row in kept), np.float64, n),
        np.fromiter((places[id_] for id_ in ids), np.int64, n),
    )
    box = tuple(table.boxes[:, side] for side in (3, 2, 1, 0))
    return table.take(np.lexsort((*box, table.ids, -table.scores, table.crowd, table.images, table.labels)))


def _group_starts(table: _Table) -> "NDArray[np.int64]":
    """Return where each label and image begins, and the end."""
    import numpy as np

    changed = (np.diff(table.labels) != 0) | (np.diff(table.images) != 0)
    inner = np.flatnonzero(changed) + 1
    return np.concatenate([np.zeros(1, np.int64), inner, np.array([len(table.labels)])])[: len(table.labels) + 1]


def _best_hundred(found: _Table) -> _Table:
    import numpy as np

    starts = _group_starts(found)
    rank = np.arange(len(found.labels)) - np.repeat(starts[:-1], np.diff(starts))
    return found.take(np.flatnonzero(rank < MAX_DETECTIONS))


def _candidates(found: _Table, truths: _Table, least: float) -> tuple[Any, Any, Any]:
    """Return the pairs of a detection and a truth of its label and image that overlap enough: places and overlaps."""
    import numpy as np

    stride = max(found.images.max(initial=0), truths.images.max(initial=0)) + 1
    key, other = (table.labels * stride + table.images for table in (found, truths))
    first, last = np.searchsorted(other, key, "left"), np.searchsorted(other, key, "right")
    total = np.cumsum(last - first)
    steps = np.arange(0, total.max(initial=0), _PAIRS)
    parts = []
    for start, end in pairwise([*np.searchsorted(total, steps, "right"), len(key)]):
        sizes = (last - first)[start:end]
        left = np.repeat(np.arange(start, end), sizes)
        right = np.arange(len(left)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + first[left]
        overlap = _overlaps(found.boxes[left], truths.boxes[right], truths.crowd[right])
        enough = overlap >= least
        parts.append((left[enough], right[enough], overlap[enough]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    left, right, overlap = (np.concatenate(column) for column in zip(*parts, strict=True))
    return left, right, overlap


def _overlaps(boxes: Any, others: Any, crowd: Any) -> Any:
    """Return the IoU of each pair; for a crowd the share of the detection that lies on it."""
    import numpy as np

    a, b = np.ascontiguousarray(boxes.T), np.ascontiguousarray(others.T)
    width = np.maximum(np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]), 0)
    height = np.maximum(np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]), 0)
    shared, area = width * height, (a[2] - a[0]) * (a[3] - a[1])
    union = np.where(crowd, area, area + (b[2] - b[0]) * (b[3] - b[1]) - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _match(found: _Table, truths: _Table, thresholds: Sequence[float]) -> tuple[Any, Any]:
    """Give each detection, best first, the free truth that it overlaps most; crowds can be given again and again.

    All labels, images and thresholds go at once: in each round every image has its next detection served.

    Returns:
        Hits and ignored detections, [thresholds, found].
    """
    import numpy as np

    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    left, right, overlap = _candidates(found, truths, float(least.min()))
    single = ~truths.crowd[right]
    on_crowd = np.zeros((len(least), len(found.labels)), bool)
    for row, limit in enumerate(least[:, 0]):
        on_crowd[row, left[~single & (overlap >= limit)]] = True
    left, right, overlap = left[single], right[single], overlap[single]
    hits = np.zeros_like(on_crowd)
    free = np.ones((len(least), len(truths.labels)), bool)
    for pairs in _rounds(left, found):
        row, column, share = left[pairs], right[pairs], overlap[pairs]
        starts = np.flatnonzero(np.r_[True, np.diff(row) != 0])
        usable = np.where(free[:, column] & (share >= least), share, -1.0)
        best = np.maximum.reduceat(usable, starts, axis=1)
        given = np.repeat(best, np.diff(np.r_[starts, len(row)]), axis=1)
        # The last of equals, as the reference implementation's scan leaves it.
        place = np.where((usable == given) & (usable >= 0), np.arange(len(row)), -1)
        chosen = np.maximum.reduceat(place, starts, axis=1)
        which, at = np.nonzero(chosen >= 0)
        hits[which, row[starts[at]]] = True
        free[which, column[chosen[which, at]]] = False
    return hits, on_crowd & ~hits


def _rounds(left: Any, found: _Table) -> Iterator[Any]:
    """Yield places of pairs: those of every label and image's best detection, then of the second best, and so on."""
    import numpy as np

    if not len(left):
        return
    detections, index = np.unique(left, return_inverse=True)
    starts = _group_starts(found.take(detections))
    rank = (np.arange(len(detections)) - np.repeat(starts[:-1], np.diff(starts)))[index]
    order = np.argsort(rank, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(rank[order])) + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """All detections, best first within each label, and what became of them."""

    images: "NDArray[np.int64]"
    scores: "NDArray[np.float64]"
    hits: "NDArray[np.float64]"
    """[thresholds, detections]; 1 or 0."""
    misses: "NDArray[np.float64]"
    """[thresholds, detections]; neither hit nor ignored."""
    bounds: "NDArray[np.int64]"
    """[labels + 1]; where each label's detections begin."""
    truth_labels: "NDArray[np.int64]"
    """[truths]; crowds left out."""
    truth_images: "NDArray[np.int64]"

    def means(self, weights: Any) -> "NDArray[np.float64]":
        """Return the AP, averaged over thresholds and labels with truths, each image counted so many times.

        Args:
            weights: [b, images].

        Returns:
            [b]; NaN where no label has truths.
        """
        import numpy as np

        step = max(1, _AT_ONCE // max(1, self.hits.size))
        parts = [self._means(weights[start : start + step]) for start in range(0, len(weights), step)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _means(self, weights: Any) -> "NDArray[np.float64]":
        import numpy as np

        sums, counts = np.zeros(len(weights)), np.zeros(len(weights))
        truths = weights[:, self.truth_images]
        each = weights[:, self.images]
        # Not k / 100: some of the published points are one rounding above it, and a recall may lie between.
        points = np.linspace(0.0, 1.0, _RECALL_POINTS)
        for label in range(len(self.bounds) - 1):
            part = slice(self.bounds[label], self.bounds[label + 1])
            totals = truths[:, self.truth_labels == label].sum(axis=1)
            # Equal scores are one threshold: what lies between them is the order of a list, not the model's.
            ends = np.flatnonzero(np.diff(self.scores[part], append=-np.inf))
            right = np.cumsum(self.hits[:, part] * each[:, None, part], axis=2)[:, :, ends]
            seen = right + np.cumsum(self.misses[:, part] * each[:, None, part], axis=2)[:, :, ends]
            precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
            envelope = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
            # Each threshold stands for the recall points that it is the first to reach.
            recall = right / np.maximum(totals, 1)[:, None, None]
            reached = np.searchsorted(points, recall, side="right")
            areas = (envelope * np.diff(reached, axis=2, prepend=0)).sum(axis=(1, 2)) / (
                len(self.hits) * _RECALL_POINTS
            )
            sums += np.where(totals > 0, areas, 0.0)
            counts += totals > 0
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _judge(found: _Table, truths: _Table, labels: int, thresholds: Sequence[float]) -> _Judged:
    import numpy as np

    found = _best_hundred(found)
    hits, ignored = _match(found, truths, thresholds)
    order = np.lexsort((-found.scores, found.labels))
    real = ~truths.crowd
    return _Judged(
        found.images[order],
        found.scores[order],
        hits[:, order].astype(np.float64),
        (~hits & ~ignored)[:, order].astype(np.float64),
        np.searchsorted(found.labels[order], np.arange(labels + 1)),
        truths.labels[real],
        truths.images[real],
    )


def _judged(
    detections: Sequence[Detection], truths: Sequence[Truth], images: Mapping[str, int], thresholds: Sequence[float]
) -> _Judged:
    labels = _places(row.label for row in truths)
    return _judge(_table(detections, labels, images), _table(truths, labels, images), len(labels), thresholds)


def average_precision(
    columns: Sequence[Any], weights: Sequence[Any], thresholds: Sequence[float]
) -> "NDArray[np.float64]":
    """Return the mean average precision of images under weightings: what ``map`` is a form of.

    Args:
        columns: one, [n] texts: what an image's :attr:`Score.rows` holds, None where it does not count.
        weights: one, [b, n].
        thresholds: of the overlap.

    Returns:
        [b]; NaN where no label has truths.
    """
    detections: list[Detection] = []
    truths: list[Truth] = []
    for place, text in enumerate(columns[0]):
        rows = json.loads(text) if text is not None else {"found": [], "truths": []}
        detections += (Detection(str(place), label, tuple(box), score) for label, box, score in rows["found"])
        truths += (Truth(str(place), label, tuple(box), crowd) for label, box, crowd in rows["truths"])
    images = {str(place): place for place in range(len(columns[0]))}
    return _judged(detections, truths, images, thresholds).means(weights[0])


def read_detections(text: str, image: str = "") -> list[Detection] | None:
    """Return the boxes of an answer: a JSON list of objects, in a fence or not; None where it is none.

    Each has a ``box`` (or ``bbox``, ``bbox_2d``) of x1, y1, x2, y2, a ``label``, and a ``score``, 1 where it has none.

    >>> read_detections('[{"label": "dog", "box": [0, 0, 9, 9], "score": 0.9}]')[0].box
    (0, 0, 9, 9)
    >>> read_detections("a dog") is None, read_detections("[]")
    (True, [])
    """
    text = text.strip()
    if len(text) > 6 and text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json")
    try:
        listed = parse_json(text)
        if not isinstance(listed, list):
            return None
        found = [
            Detection(
                image, _label(one), tuple(next(one[key] for key in _BOX_KEYS if key in one)), one.get("score", 1.0)
            )
            for one in listed
        ]
        _check(found, "the answer")
    except (StrictJSONError, ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
    return found


_BOX_KEYS: Final = ("box", "bbox", "bbox_2d")


def _label(box: Mapping[str, Any]) -> str:
    return str(box.get("label", ""))


class MeanAveragePrecision(SummedMetric):
    """COCO AP: area under the interpolated precision–recall curve, mean over labels and IoU 0.50:0.05:0.95.

    101 recall points, at most 100 detections an image and label, all sizes; crowds are ignored. The answer is a JSON
    list of ``{"label": …, "box": [x1, y1, x2, y2], "score": …}``; what the image holds is the fact ``boxes``, in the
    same frame, each with ``box``, ``label`` and, for a crowd, ``"crowd": true``. Range 0 to 1, higher is better.
    t interval of a bootstrap over images, on the logit
    scale.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

    Edge cases:
        A label without truths doesn't count; none with truths: NaN with n = 0. Equal scores are one threshold, and
        so are boxes without a score. An answer that is no such list is ``unparsed``: as a failed or missing one it
        finds nothing.

    Source:
        Lin et al. 2014, "COCO" (arXiv:1405.0312); equal to pycocotools where no scores tie.

    >>> box = (0.0, 0.0, 10.0, 10.0)
    >>> metric = MeanAveragePrecision()
    >>> metric.compute([Detection("a", "dog", box, 0.9)], [Truth("a", "dog", box)]).value
    1.0
    """

    name = "map"
    thresholds: ClassVar[tuple[float, ...]] = tuple((50 + 5 * step) / 100 for step in range(10))

    needs = ("boxes",)
    sums: ClassVar[tuple[str, ...]] = ("images",)
    keeps_rows = True
    computed = "mean over labels and thresholds of the average precision of all boxes"

    def __init__(self, variant: str = "default", resamples: int = _RESAMPLES, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        self.resamples = resamples

    def form(self, label: str, at: Sequence[str]) -> Node:
        target = f"{__name__}:{average_precision.__name__}"
        return call(target, self.sum(label, "images", at), thresholds=list(self.thresholds))

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        import numpy as np

        boxes = [box if isinstance(box, Mapping) else {"box": box} for box in context["boxes"]]
        truths = [Truth("", _label(box), tuple(box["box"]), bool(box.get("crowd"))) for box in boxes]
        _check(truths, "boxes")
        found = read_detections(prediction or "")
        judged = _judged(found or [], truths, {"": 0}, self.thresholds)
        rows = {
            "found": [[row.label, row.box, row.score] for row in found or []],
            "truths": [[row.label, row.box, row.crowd] for row in truths],
        }
        value = float(judged.means(np.ones((1, 1)))[0])
        score = Score(value, sums={"images": 1.0}, rows=json.dumps(rows, separators=(",", ":")))
        if found is None:
            return self.failed(score, Status.MISSING if prediction is None else Status.UNPARSED)
        return score

    def compute(
        self, detections: Sequence[Detection], truths: Sequence[Truth], *, confidence: float = 0.95
    ) -> MetricValue:
        """Return the mean average precision.

        Args:
            detections: all boxes found, of all images.
            truths: all boxes that are there.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        from harness.seeds import generator
        from harness.stats.intervals import unseen_interval
        from harness.stats.jackknife import drawn_t

        _check(detections, "detections")
        _check(truths, "truths")
        images = _places(chain((row.image for row in detections), (row.image for row in truths)))
        judged = _judged(detections, truths, images, self.thresholds)
        n = len(images)
        value = float(judged.means(np.ones((1, n)))[0])
        if math.isnan(value):
            return self._value(NAN, (NAN, NAN), 0, {Status.OK: n}, "none", confidence)
        if n < 2 or not self.resamples:
            why = "none (one independent unit)" if n < 2 else "none"
            return self._value(value, (NAN, NAN), n, {Status.OK: n}, why, confidence)
        rng = generator("interval", self.name)
        draws = judged.means(rng.multinomial(n, np.full(n, 1 / n), size=self.resamples))
        low, high = drawn_t(value, draws, n, self.bounds, confidence)
        method = f"bootstrap t, B={self.resamples}"
        if not low < high:
            low, high = unseen_interval(value, n, self.bounds, confidence)
            method = f"Clopper–Pearson over {n} units (no spread in the sample)"
        return self._value(value, (low, high), n, {Status.OK: n}, method, confidence)


class MeanAveragePrecision50(MeanAveragePrecision):
    """COCO AP at an IoU of 0.5: area under the interpolated precision–recall curve, mean over labels.

    As ``map`` at one threshold, of the same answers and facts. Range 0 to 1, higher is better. t interval of a
    bootstrap over images, on the logit scale.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

    Edge cases:
        As ``map``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0.0, 0.0, 10.0, 6.0), 0.9)]
    >>> MeanAveragePrecision50().compute(found, [Truth("a", "dog", (0.0, 0.0, 10.0, 10.0))]).value
    1.0
    """

    name = "map_50"
    thresholds: ClassVar[tuple[float, ...]] = (0.5,)
