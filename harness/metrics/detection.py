"""Average precision and recall of detections, as COCO defines them; tied scores are one threshold."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.estimate import Node, call
from harness.metrics._base import NAN, Failures
from harness.metrics._detected import Detection, Truth, check, places
from harness.metrics._judged import MOST, Judged, judge
from harness.metrics._summed import SummedMetric
from harness.reading.boxes import read_places
from harness.reading.json import StrictJSONError, parse_json
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
) -> "NDArray[np.float64]":
    """Return the mean average precision of images under weightings: what ``map`` is a form of.

    Args:
        columns: one, [n] texts: what an image's :attr:`Score.rows` holds, None where it does not count.
        weights: one, [b, n].
        thresholds: of the overlap.
        area: the size of boxes that count.
        most: how many detections of an image and label count.

    Returns:
        [b]; NaN where no label has truths.
    """
    return _of_rows(columns[0], thresholds, area, most).means(weights[0])


def average_recall(
    columns: Sequence[Any],
    weights: Sequence[Any],
    thresholds: Sequence[float],
    area: str = "all",
    most: int = MOST,
) -> "NDArray[np.float64]":
    """As :func:`average_precision`, of the recall: what ``ar_100`` is a form of."""
    return _of_rows(columns[0], thresholds, area, most).means(weights[0], recall=True)


def _of_rows(texts: Sequence[str | None], thresholds: Sequence[float], area: str, most: int) -> Judged:
    detections: list[Detection] = []
    truths: list[Truth] = []
    for place, text in enumerate(texts):
        rows = json.loads(text) if text is not None else {"found": [], "truths": []}
        detections += (Detection(str(place), label, tuple(box), score) for label, box, score in rows["found"])
        truths += (Truth(str(place), label, tuple(box), *more) for label, box, *more in rows["truths"])
    images = {str(place): place for place in range(len(texts))}
    return judge(detections, truths, images, thresholds, area, most)


def read_detections(text: str, image: str = "", size: Sequence[float] | None = None) -> list[Detection] | None:
    """Return the boxes of an answer, as :func:`harness.reading.boxes.read_places` reads them; None where it names none.

    Each has a ``box`` (or ``bbox``, ``bbox_2d``) of x1, y1, x2, y2, a ``label``, and a ``score``, 1 where it has none.
    JSON may stand alone, in a fence or in prose. What says itself that it counts thousandths or shares of the picture
    (``box_2d``, location tokens) is put into pixels by ``size``, its width and height.

    >>> read_detections('[{"label": "dog", "box": [0, 0, 9, 9], "score": 0.9}]')[0].box
    (0, 0, 9, 9)
    >>> read_detections('I see one: {"objects": [{"name": "dog", "bbox": [0, 0, 9, 9]}]}')[0].label
    'dog'
    >>> read_detections("a dog") is None, read_detections("[]")
    (True, [])
    """
    listed = _plain_list(text)
    try:
        found = _read(text, image, size) if listed is None else [_detection(image, one) for one in listed]
        if found is not None:
            check(found, "the answer")
    except (ValueError, TypeError):
        return None
    return found


def _plain_list(text: str) -> list[Mapping[str, Any]] | None:
    """Return the answer that was asked for, a list of objects with a box and nothing else; it needs no reading."""
    if not text.lstrip().startswith("["):
        return None
    try:
        listed = parse_json(text)
    except StrictJSONError:
        return None
    plain = isinstance(listed, list) and all(
        isinstance(one, dict) and not one.keys().isdisjoint(_BOX_KEYS) for one in listed
    )
    return listed if plain else None


def _detection(image: str, one: Mapping[str, Any]) -> Detection:
    box = next(one[key] for key in _BOX_KEYS if key in one)
    return Detection(image, _label(one), tuple(box), one.get("score", 1.0))


def _read(text: str, image: str, size: Sequence[float] | None) -> list[Detection] | None:
    named = read_places(text).value
    if named is None or any(place.frame and not size for place in named):
        return None
    found = []
    for place in named:
        wide, high = (side / _PARTS[place.frame] for side in size) if place.frame and size else (1.0, 1.0)
        x1, y1, x2, y2 = place.box
        box = (x1 * wide, y1 * high, x2 * wide, y2 * high)
        found.append(Detection(image, place.label, box, 1.0 if place.score is None else place.score))
    return found


_PARTS: Final = {"unit": 1.0, "per-mille": 1000.0}
_BOX_KEYS: Final = ("box", "bbox", "bbox_2d")


def _label(box: Mapping[str, Any]) -> str:
    return str(box.get("label", ""))


def _truth(box: Any) -> Truth:
    told = box if isinstance(box, Mapping) else {"box": box}
    return Truth("", _label(told), tuple(told["box"]), bool(told.get("crowd")), told.get("area"))


class _Coco(SummedMetric):
    """A number of COCO's family: of all boxes of all images."""

    answer_tokens = 512
    needs = ("boxes",)
    wants = ("size",)
    sums: ClassVar[tuple[str, ...]] = ("images",)
    keeps_rows = True
    computed = "mean over labels and thresholds of the average precision of all boxes"
    thresholds: ClassVar[tuple[float, ...]] = _THRESHOLDS
    area: ClassVar[str] = "all"
    most: ClassVar[int] = MOST
    recall: ClassVar[bool] = False

    def __init__(self, variant: str = "default", resamples: int = _RESAMPLES, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        self.resamples = resamples

    def form(self, label: str, at: Sequence[str]) -> Node:
        target = average_recall if self.recall else average_precision
        said: dict[str, Any] = {"area": self.area} if self.area != "all" else {}
        said |= {"most": self.most} if self.most != MOST else {}
        images = self.sum(label, "images", at)
        return call(f"{__name__}:{target.__name__}", images, thresholds=list(self.thresholds), **said)

    def _judged(self, detections: Sequence[Detection], truths: Sequence[Truth], images: Mapping[str, int]) -> Judged:
        return judge(detections, truths, images, self.thresholds, self.area, self.most)

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        import numpy as np

        truths = [_truth(box) for box in context["boxes"]]
        check(truths, "boxes")
        found = read_detections(prediction or "", size=context.get("size"))
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


class MeanAveragePrecision(_Coco):
    """COCO AP: area under the interpolated precision–recall curve, mean over labels and IoU 0.50:0.05:0.95.

    101 recall points, at most 100 detections an image and label, all sizes; crowds are ignored. The answer is, or
    holds, a JSON list of ``{"label": …, "box": [x1, y1, x2, y2], "score": …}``; what the image holds is the fact
    ``boxes``, in the same frame, each with ``box``, ``label`` and, for a crowd, ``"crowd": true``. Range 0 to 1,
    higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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


class MeanAveragePrecision50(_Coco):
    """COCO AP at an IoU of 0.5: area under the interpolated precision–recall curve, mean over labels.

    As ``map`` at one threshold, of the same answers and facts. Range 0 to 1, higher is better. Bootstrap t interval
    over images.

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


class MeanAveragePrecision75(_Coco):
    """COCO AP at an IoU of 0.75: area under the interpolated precision–recall curve, mean over labels.

    As ``map`` at one threshold, of the same answers and facts. Range 0 to 1, higher is better. Bootstrap t interval
    over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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


class MeanAveragePrecisionSmall(_Coco):
    """COCO AP of small objects, of at most 32² square pixels: as ``map``, the others ignored.

    The size of an object is that of its box, unless the fact ``boxes`` gives it an ``area`` (COCO's is that of the
    mask): boxes must be in pixels. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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


class MeanAveragePrecisionMedium(_Coco):
    """COCO AP of medium objects, of 32² to 96² square pixels: as ``map``, the others ignored.

    As ``map_small``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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


class MeanAveragePrecisionLarge(_Coco):
    """COCO AP of large objects, of at least 96² square pixels: as ``map``, the others ignored.

    As ``map_small``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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


class _Recall(_Coco):
    recall = True
    computed = "mean over labels and thresholds of the recall of all boxes"


class AverageRecall1(_Recall):
    """COCO AR with one detection an image and label: share of objects found, mean over labels and IoU 0.50:0.05:0.95.

    Of the same answers and facts as ``map``. Range 0 to 1, higher is better. Bootstrap t interval over images.

    Args:
        resamples: bootstrap draws of ``compute``; 0 for no interval.

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

    Edge cases:
        As ``ar_1``.

    Source:
        As ``map``.

    >>> found = [Detection("a", "dog", (0, 0, 9, 8), 0.9)]
    >>> AverageRecall100().compute(found, [Truth("a", "dog", (0, 0, 9, 9))]).value
    0.8
    """

    name = "ar_100"
