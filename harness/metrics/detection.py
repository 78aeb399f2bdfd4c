"""Average precision and recall of detections, as COCO defines them; tied scores are one threshold."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node, call
from harness.metrics._base import NAN, Failures
from harness.metrics._detected import Detection, Truth, check, places
from harness.metrics._judged import MOST, Judged, judge
from harness.metrics._read_detections import label_of, read_detections
from harness.metrics._summed import SummedMetric
from harness.reading.frames import Frame
from harness.types import MetricValue, Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Detection", "MeanAveragePrecision", "Truth", "average_precision", "average_recall", "read_detections"]

ENTRIES: Final = {
    "ar_1": "AverageRecall1",
    "ar_10": "AverageRecall10",
    "ar_100": "AverageRecall100",
    "map": "MeanAveragePrecision",
    "map_50": "MeanAveragePrecision50",
    "map_75": "MeanAveragePrecision75",
    "map_large": "MeanAveragePrecisionLarge",
    "map_medium": "MeanAveragePrecisionMedium",
    "map_small": "MeanAveragePrecisionSmall",
}

_RESAMPLES: Final = 200
_THRESHOLDS: Final = tuple((50 + 5 * step) / 100 for step in range(10))


def average_precision(
    columns: Sequence[Any],
    weights: Sequence[Any],
    thresholds: Sequence[float],
    area: str = "all",
    most: int = MOST,
    only: str = "",
) -> "NDArray[np.float64]":
    """Return the mean average precision of images under weightings: what ``map`` is a form of.

    Args:
        columns: one, [n] texts: what an image's :attr:`Score.rows` holds, None where it does not count.
        weights: one, [b, n].
        thresholds: of the overlap.
        area: the size of boxes that count.
        most: how many detections of an image and label count.
        only: the label that counts; empty for all.

    Returns:
        [b]; NaN where no label has truths.
    """
    return _of_rows(columns[0], thresholds, area, most, only).means(weights[0])


def average_recall(
    columns: Sequence[Any],
    weights: Sequence[Any],
    thresholds: Sequence[float],
    area: str = "all",
    most: int = MOST,
    only: str = "",
) -> "NDArray[np.float64]":
    """As :func:`average_precision`, of the recall: what ``ar_100`` is a form of."""
    return _of_rows(columns[0], thresholds, area, most, only).means(weights[0], recall=True)


def _of_rows(texts: Sequence[str | None], thresholds: Sequence[float], area: str, most: int, only: str) -> Judged:
    detections: list[Detection] = []
    truths: list[Truth] = []
    for place, text in enumerate(texts):
        rows = json.loads(text) if text is not None else {"found": [], "truths": []}
        detections += (Detection(str(place), label, tuple(box), score) for label, box, score in rows["found"])
        kept = (row for row in rows["truths"] if not only or row[0] == only)
        truths += (Truth(str(place), label, tuple(box), *more) for label, box, *more in kept)
    images = {str(place): place for place in range(len(texts))}
    return judge(detections, truths, images, thresholds, area, most)


def _truth(box: Any) -> Truth:
    told = box if isinstance(box, Mapping) else {"box": box}
    return Truth("", label_of(told), tuple(told["box"]), bool(told.get("crowd")), told.get("area"))


class CocoMetric(SummedMetric):
    """A number of COCO's family: of all boxes of all images."""

    answer_tokens = 512
    wants = ("size", "frame", "resized")
    sums: ClassVar[tuple[str, ...]] = ("images",)
    keeps_rows = True
    needs: tuple[str, ...] = ("boxes",)
    computed = "mean over labels and thresholds of the average precision of all boxes"
    thresholds: ClassVar[tuple[float, ...]] = _THRESHOLDS
    area: ClassVar[str] = "all"
    most: ClassVar[int] = MOST
    recall: ClassVar[bool] = False

    def __init__(
        self,
        variant: str = "default",
        resamples: int = _RESAMPLES,
        frame: str = "pixel",
        resized: Sequence[float] | None = None,
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, failures)
        try:
            self._frame = Frame.parse(frame, resized)
        except UsageError as cause:
            raise UsageError(f"metric {self.name!r}: {cause}") from None
        self.resamples, self.frame, self.resized = resamples, frame, resized
        self.needs = ("boxes", *self._frame.needs())

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.form_of(label, at)

    def form_of(self, label: str, at: Sequence[str], only: str = "") -> Node:
        """Return the form of one class, by its name; of all without."""
        target = average_recall if self.recall else average_precision
        said: dict[str, Any] = {"area": self.area} if self.area != "all" else {}
        said |= {"most": self.most} if self.most != MOST else {}
        said |= {"only": only} if only else {}
        images = self.sum(label, "images", at)
        return call(f"{__name__}:{target.__name__}", images, thresholds=list(self.thresholds), **said)

    def _judged(self, detections: Sequence[Detection], truths: Sequence[Truth], images: Mapping[str, int]) -> Judged:
        return judge(detections, truths, images, self.thresholds, self.area, self.most)

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        import numpy as np

        truths = [_truth(box) for box in context["boxes"]]
        check(truths, "boxes")
        found = read_detections(prediction or "", "", context.get("size"), self._frame, context)
        value = float(self._judged(found or [], truths, {"": 0}).means(np.ones((1, 1)), recall=self.recall)[0])
        rows = {
            "found": [[row.label, row.box, row.score] for row in found or []],
            "truths": [
                [row.label, row.box, row.crowd, *([] if row.area is None else [row.area])] for row in truths
            ],
        }  # fmt: skip
        score = Score(value, sums={"images": 1.0}, rows=json.dumps(rows, separators=(",", ":")))
        if found is None:
            return self.failed(score, Status.MISSING if prediction is None else Status.UNPARSED)
        return score

    def compute(
        self, detections: Sequence[Detection], truths: Sequence[Truth], *, confidence: float = 0.95
    ) -> MetricValue:
        """Return the number that all boxes make.

        Args:
            detections: all boxes found, of all images.
            truths: all boxes that are there.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        from harness.seeds import generator
        from harness.stats.intervals import unseen_interval
        from harness.stats.jackknife import drawn_t

        check(detections, "detections")
        check(truths, "truths")
        images = places(chain((row.image for row in detections), (row.image for row in truths)))
        judged, n = self._judged(detections, truths, images), len(images)
        value = float(judged.means(np.ones((1, n)), recall=self.recall)[0])
        if math.isnan(value):
            return self._value(NAN, (NAN, NAN), 0, {Status.OK: n}, "none", confidence)
        if n < 2 or not self.resamples:
            why = "none (one independent unit)" if n < 2 else "none"
            return self._value(value, (NAN, NAN), n, {Status.OK: n}, why, confidence)
        drawn = generator("interval", self.name).multinomial(n, np.full(n, 1 / n), size=self.resamples)
        weights = np.empty_like(drawn)
        weights[:, judged.by_content(n)] = drawn
        draws = judged.means(weights, recall=self.recall)
        low, high = drawn_t(value, draws, n, self.bounds, confidence)
        method = f"bootstrap t, B={self.resamples}"
        if not low < high:
            low, high = unseen_interval(value, n, self.bounds, confidence)
            method = f"Clopper–Pearson over {n} units (no spread in the sample)"
        return self._value(value, (low, high), n, {Status.OK: n}, method, confidence)


class MeanAveragePrecision(CocoMetric):
    """COCO AP: area under the interpolated precision–recall curve, mean over labels and IoU 0.50:0.05:0.95.

    101 recall points, at most 100 detections an image and label, all sizes; crowds are ignored. The answer is, or
    holds, a JSON list of ``{"label": …, "box": [x1, y1, x2, y2], "score": …}``; what the image holds is the fact
    ``boxes``, in the same frame, each with ``box``, ``label`` and, for a crowd, ``"crowd": true``. Range 0 to 1,
    higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        A label without truths doesn't count; none with truths: NaN with n = 0. Equal scores are one threshold, and
        so are boxes without a score: of one image they find together as many truths as they can, and those that the
        limit of 100 would part count in part. No name, order or side of the picture decides anything. An answer that
        names no box is ``unparsed``: as a failed or missing one it finds nothing.

    Source:
        Lin et al. 2014, "COCO" (arXiv:1405.0312); equal to pycocotools where no scores tie.

    >>> box = (0.0, 0.0, 10.0, 10.0)
    >>> metric = MeanAveragePrecision()
    >>> metric.compute([Detection("a", "dog", box, 0.9)], [Truth("a", "dog", box)]).value
    1.0
    """

    name = "map"


class MeanAveragePrecision50(CocoMetric):
    """COCO AP at an IoU of 0.5: area under the interpolated precision–recall curve, mean over labels.

    As ``map`` at one threshold, of the same answers and facts. Range 0 to 1, higher is better. Bootstrap t interval
    over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

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


class MeanAveragePrecision75(CocoMetric):
    """COCO AP at an IoU of 0.75: area under the interpolated precision–recall curve, mean over labels.

    As ``map`` at one threshold, of the same answers and facts. Range 0 to 1, higher is better. Bootstrap t interval
    over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``map``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0.0, 0.0, 10.0, 6.0), 0.9)]
    >>> MeanAveragePrecision75().compute(found, [Truth("a", "dog", (0.0, 0.0, 10.0, 10.0))]).value
    0.0
    """

    name = "map_75"
    thresholds: ClassVar[tuple[float, ...]] = (0.75,)


class MeanAveragePrecisionSmall(CocoMetric):
    """COCO AP of small objects, of at most 32² square pixels: as ``map``, the others ignored.

    The size of an object is that of its box, unless the fact ``boxes`` gives it an ``area`` (COCO's is that of the
    mask): boxes must be in pixels. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``map``. To find an object of another size is neither right nor wrong; nor is a detection of another size
        that finds nothing. No object of this size: NaN with n = 0.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 9, 9), 0.4), Detection("a", "dog", (0, 20, 90, 90), 0.9)]
    >>> MeanAveragePrecisionSmall().compute(found, [Truth("a", "dog", (0, 0, 9, 9))]).value
    1.0
    """

    name = "map_small"
    area = "small"


class MeanAveragePrecisionMedium(CocoMetric):
    """COCO AP of medium objects, of 32² to 96² square pixels: as ``map``, the others ignored.

    As ``map_small``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``map_small``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 50, 50), 0.4), Detection("a", "dog", (0, 0, 9, 9), 0.9)]
    >>> MeanAveragePrecisionMedium().compute(found, [Truth("a", "dog", (0, 0, 50, 50))]).value
    1.0
    """

    name = "map_medium"
    area = "medium"


class MeanAveragePrecisionLarge(CocoMetric):
    """COCO AP of large objects, of at least 96² square pixels: as ``map``, the others ignored.

    As ``map_small``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``map_small``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 200, 200), 0.4), Detection("a", "dog", (0, 0, 9, 9), 0.9)]
    >>> MeanAveragePrecisionLarge().compute(found, [Truth("a", "dog", (0, 0, 200, 200))]).value
    1.0
    """

    name = "map_large"
    area = "large"


class _Recall(CocoMetric):
    recall = True
    computed = "mean over labels and thresholds of the recall of all boxes"


class AverageRecall1(_Recall):
    """COCO AR with one detection an image and label: share of objects found, mean over labels and IoU 0.50:0.05:0.95.

    Of the same answers and facts as ``map``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``map``. Of detections with one score each counts by the share of them that the limit has room for: of four
        boxes without a score, a quarter of their hits.

    Source:
        As ``map``.

    >>> boxes = [(0, 0, 9, 9), (20, 20, 29, 29)]
    >>> found = [Detection("a", "dog", boxes[0], 0.9), Detection("a", "dog", boxes[1], 0.8)]
    >>> AverageRecall1().compute(found, [Truth("a", "dog", box) for box in boxes]).value
    0.5
    """

    name = "ar_1"
    most = 1


class AverageRecall10(_Recall):
    """COCO AR with ten detections an image and label: share of objects found, mean over labels and IoU 0.50:0.05:0.95.

    As ``ar_1``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``ar_1``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 9, 9), 0.9)]
    >>> AverageRecall10().compute(found, [Truth("a", "dog", (0, 0, 9, 9))]).value
    1.0
    """

    name = "ar_10"
    most = 10


class AverageRecall100(_Recall):
    """COCO AR with 100 detections an image and label: share of objects found, mean over labels and IoU 0.50:0.05:0.95.

    As ``ar_1``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.
        frame: what the answer's numbers count, as of ``iou``.
        resized: as of ``iou``.

    Edge cases:
        As ``ar_1``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 9, 8), 0.9)]
    >>> AverageRecall100().compute(found, [Truth("a", "dog", (0, 0, 9, 9))]).value
    0.8
    """

    name = "ar_100"
