"""Boxes and points in answers: IoU, GIoU, accuracy at an IoU, pointing accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._overlaps import giou_pairs, iou_pairs
from harness.reading.absent import says_none
from harness.reading.boxes import Box, find_boxes, find_points, plain_box, plain_point, read_places, read_points
from harness.reading.frames import Frame, Pair, misfit, scales
from harness.reading.placed import corners
from harness.types import Score, Status

__all__ = [
    "AREAS",
    "AccAtIou",
    "Box",
    "BoxMetric",
    "Giou",
    "Iou",
    "Placed",
    "PointingAccuracy",
    "find_boxes",
    "find_points",
    "giou_pairs",
    "iou_pairs",
    "only_box",
]

ENTRIES: Final = {"acc_at_iou": "AccAtIou", "giou": "Giou", "iou": "Iou", "pointing_accuracy": "PointingAccuracy"}

_COORDINATES: Final = {"pixel": "pixel", "unit": "unit", "thousand": "per-mille"}
"""Frames by their names under the older key ``coordinates``."""

AREAS: Final[Mapping[str, tuple[float, float]]] = {
    "all": (0.0, float("inf")),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, float("inf")),
}
"""COCO's sizes of objects, in square pixels, both ends included."""

Order = Literal["xyxy", "yxyx"]
Take = Literal["only", "first"]
"""Which box of an answer counts: the only one, or the first of several, for answers that put the best first."""


class BoxMetric(AnswerMetric):
    """What all metrics of one box share: whose numbers they are, and what cannot be compared."""

    variants: ClassVar[Mapping[str, str]] = {"default": "as documented"}
    wants = ("size", "frame", "resized")

    def __init__(
        self,
        variant: str = "default",
        frame: str = "pixel",
        order: Order = "xyxy",
        resized: Sequence[float] | None = None,
        coordinates: str | None = None,
        take: Take = "only",
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, failures)
        if take not in ("only", "first"):
            raise UsageError(f"metric {self.name!r}: take is 'only' or 'first', not {take!r}")
        self.take = take
        if coordinates is not None:
            if coordinates not in _COORDINATES:
                near = did_you_mean(coordinates, _COORDINATES)
                raise UsageError(f"metric {self.name!r}: unknown coordinates {coordinates!r}; {near}")
            if frame not in ("pixel", _COORDINATES[coordinates]):
                raise UsageError(f"metric {self.name!r}: `coordinates` is an older name of `frame`; give one of them")
            frame = _COORDINATES[coordinates]
        if order not in ("xyxy", "yxyx"):
            raise UsageError(f"metric {self.name!r}: order is 'xyxy' or 'yxyx', not {order!r}")
        try:
            parsed = Frame.parse(frame, resized)
        except UsageError as cause:
            raise UsageError(f"metric {self.name!r}: {cause}") from None
        self.frame, self.order, self.resized, self.coordinates = frame, order, resized, coordinates
        self._frame = replace(parsed, y_first=parsed.y_first or order == "yxyx")
        self._pixels = Frame.parse("pixel", resized)
        self.needs = self._frame.needs()

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        targets = self.targets(references, context)
        if isinstance(targets, Score):
            return targets
        given = self.given(prediction, context)
        if isinstance(given, Score):
            return given
        ours, theirs = scales(given.frame, targets[0].frame, context)
        return self._judge(_scaled(given.points, ours), [_box(_scaled(target.points, theirs)) for target in targets])

    def targets(self, references: tuple[str, ...], context: Mapping[str, Any]) -> "list[Placed] | Score":
        """Return the true boxes, at least one; the score where there are none, or they are no boxes."""
        told = context.get("frame")
        frame = Frame.parse(told, self.resized) if told else self._pixels
        targets: list[Placed] = []
        for reference in references:
            target = only_box(reference, frame)
            if target is None and says_none(reference):
                return Score(NAN, Status.UNDEFINED)  # what is not in the picture has no box to compare with
            if target is None or not _has_area(target.points) or target.frame != (targets or [target])[0].frame:
                return Score(NAN, Status.UNDEFINED, complaint=_bad(reference, frame))
            targets.append(target)
        return targets

    def given(self, prediction: str, context: Mapping[str, Any]) -> "Placed | Score":
        """Return what the answer places; the score where it places nothing that can be compared."""
        given = self._points(prediction)
        if given is None:
            return Score(NAN, Status.UNPARSED)
        if said := self._misfit(given, context):
            return Score(NAN, Status.UNPARSED, complaint=said)
        return given

    def _judge(self, points: Sequence[Pair], targets: Sequence[Box]) -> Score:
        """Judge the corners of the answer's only box, or its only point."""
        raise NotImplementedError

    def _points(self, prediction: str) -> "Placed | None":
        """Return the answer's only box as two corners; None where there is none, more than one, or an inverted one."""
        return only_box(prediction, self._frame, self.take)

    def _misfit(self, given: "Placed", context: Mapping[str, Any]) -> str | None:
        """Return why the answer can't be meant as it says, or can't be compared."""
        if given.frame.name == self._frame.name:
            return misfit(given.frame, given.points, context)
        if given.frame.needs() and context.get("size") is None:
            return (
                f"cannot read the answer: it says itself that it is in the frame {given.frame.name}, which needs `size`"
            )
        return misfit(given.frame, given.points, context)


@dataclass(frozen=True, slots=True)
class Placed:
    """Two corners or one point, x first, and the frame that they are in."""

    points: Sequence[Pair]
    frame: Frame


def only_box(text: str, frame: Frame, take: Take = "only") -> Placed | None:
    """Return the only box of a text, or its first; None where there is none, or one with its corners inverted."""
    plain = plain_box(text)
    if plain is not None:
        return _corners(corners(plain, _order(frame)), frame)
    boxes = list(dict.fromkeys((place.box, place.frame) for place in read_places(text, _order(frame)).value or ()))
    if len(boxes) != 1 and (take == "only" or not boxes):
        return None
    box, stated = boxes[0]
    return _corners(box, frame if stated is None or stated == frame.name else Frame.parse(stated))


def _order(frame: Frame) -> Order:
    return "yxyx" if frame.y_first else "xyxy"


def _corners(box: Box, frame: Frame) -> Placed | None:
    x1, y1, x2, y2 = box
    return None if x1 > x2 or y1 > y2 else Placed([(x1, y1), (x2, y2)], frame)


def _has_area(corners: Sequence[Pair]) -> bool:
    low, high = corners
    return low[0] < high[0] and low[1] < high[1]


def _bad(reference: str, frame: Frame) -> str:
    numbers = "y1, x1, y2, x2" if frame.y_first else "x1, y1, x2, y2"
    return f"references must each be one box {numbers} in the frame {frame.name}, with an area; got {reference!r:.80}"


def _scaled(points: Sequence[Pair], by: Pair) -> list[Pair]:
    return [(x * by[0], y * by[1]) for x, y in points]


def _box(points: Sequence[Pair]) -> Box:
    (x1, y1), (x2, y2) = points
    return x1, y1, x2, y2


class Iou(BoxMetric):
    """Intersection over union of the answer's box and the best reference box.

    Range 0 to 1, higher is better. References are in the frame that the fact ``frame`` of their sample names, else in
    pixels.

    Args:
        frame: what the answer's numbers count: ``pixel``, ``unit`` (shares of the image), ``per-mille`` (0–1000),
            ``per-mille-999`` (0–999) or ``resized`` (pixels of the resized image). All but the first need the fact
            ``size``, which an image tells.
        order: ``xyxy``, or ``yxyx`` where y stands first.
        resized: width and height of the resized image; else the fact of that name.
        coordinates: the older name of ``frame``, with ``thousand`` for ``per-mille``.
        take: ``only``, or ``first`` where an answer may name several boxes and puts the best first.

    Edge cases:
        No box in the answer, several (but for ``take: first``), or one with x1 > x2: ``unparsed``, never [0, 0, 0, 0].
        A box without area: 0.
        A reference that is not one box with an area: ``undefined``, with a complaint; one that says ``none``, for what
        is not in the picture: ``undefined``. An answer that says its order or
        frame itself (``box_2d``, location tokens, "%") is read by that, whatever is declared.
        A box that can't be meant in the frame, since it lies outside the image, reaches further than twice its size,
        or has all its numbers in 0 to 1 where these are pixels or thousandths: ``unparsed``, with a complaint.

    Source:
        Everingham et al. 2010, "PASCAL VOC".

    >>> Iou().score("[0, 0, 2, 2]", ["0, 0, 2, 4"]).value
    0.5
    """

    name = "iou"
    answer_tokens = 64

    def _judge(self, points: Sequence[Pair], targets: Sequence[Box]) -> Score:
        return self._rate(max(_iou(_box(points), target) for target in targets))

    def _rate(self, overlap: float) -> Score:
        return Score(overlap)


def _iou(box: Box, target: Box) -> float:
    width = min(box[2], target[2]) - max(box[0], target[0])
    height = min(box[3], target[3]) - max(box[1], target[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (_area(box) + _area(target) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


class AccAtIou(Iou):
    """1 where the answer's box has an IoU of at least ``threshold`` with a reference box, else 0.

    Range 0 to 1, higher is better; 0.5 is the hit of RefCOCO.

    Args:
        threshold: the least IoU of a hit, its edge included.
        frame: as ``iou``.
        order: as ``iou``.
        resized: as ``iou``.
        coordinates: as ``iou``.
        take: as ``iou``.

    Edge cases:
        As ``iou``.

    Source:
        Kazemzadeh et al. 2014, "ReferItGame"; Yu et al. 2016 (arXiv:1608.00272).

    >>> AccAtIou().score("[0, 0, 2, 2]", ["0, 0, 2, 4"]).value
    1.0
    """

    name = "acc_at_iou"
    binary = True

    def __init__(
        self,
        variant: str = "default",
        threshold: float = 0.5,
        frame: str = "pixel",
        order: Order = "xyxy",
        resized: Sequence[float] | None = None,
        coordinates: str | None = None,
        take: Take = "only",
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, frame, order, resized, coordinates, take, failures)
        if not 0 < threshold <= 1:
            raise UsageError(f"metric 'acc_at_iou': threshold must lie in (0, 1], got {threshold!r}")
        self.threshold = threshold

    def _rate(self, overlap: float) -> Score:
        return Score(truth(overlap >= self.threshold).value, detail={"iou": overlap})


class Giou(BoxMetric):
    """Generalised IoU of the answer's box and the best reference box: IoU − empty share of their hull.

    Range −1 to 1, higher is better. A failed answer is worth −1.

    Args:
        frame: as ``iou``.
        order: as ``iou``.
        resized: as ``iou``.
        coordinates: as ``iou``.
        take: as ``iou``.

    Edge cases:
        As ``iou``.

    Source:
        Rezatofighi et al. 2019 (arXiv:1902.09630).

    >>> round(Giou().score("[0, 0, 1, 1]", ["2, 0, 3, 1"]).value, 4)
    -0.3333
    """

    name = "giou"
    answer_tokens = 64
    bounds = (-1.0, 1.0)
    failure_value = -1.0

    def _judge(self, points: Sequence[Pair], targets: Sequence[Box]) -> Score:
        return Score(float(giou_pairs([_box(points)] * len(targets), targets).max()))


class PointingAccuracy(BoxMetric):
    """1 where the answer's point lies in a reference box, its edge included, else 0; a box points at its centre.

    Range 0 to 1, higher is better.

    Args:
        frame: as ``iou``.
        order: as ``iou``.
        resized: as ``iou``.
        coordinates: as ``iou``.
        take: as ``iou``.

    Edge cases:
        No point, or several different ones: ``unparsed``.

    Source:
        Zhang et al. 2016, "Excitation Backprop" (arXiv:1608.00507), the pointing game without its margin.

    >>> PointingAccuracy().score("(5, 5)", ["0, 0, 10, 10"]).value
    1.0
    """

    name = "pointing_accuracy"
    answer_tokens = 64
    binary = True

    def _judge(self, points: Sequence[Pair], targets: Sequence[Box]) -> Score:
        x, y = (sum(side) / len(points) for side in zip(*points, strict=True))
        return truth(any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in targets))

    def _points(self, prediction: str) -> Placed | None:
        plain = plain_point(prediction, self._frame.y_first)
        if plain is not None:
            return Placed([plain], self._frame)
        if plain_box(prediction) is not None or read_places(prediction).value:
            return super()._points(prediction)
        points = set(read_points(prediction, _order(self._frame)).value or ())
        return Placed([points.pop()], self._frame) if len(points) == 1 else None
