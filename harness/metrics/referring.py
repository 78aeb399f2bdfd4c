"""Answers to phrases that name nothing, one thing or several: refusals, false boxes, counts, where a box lies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics.boxes import BoxMetric, Placed, iou_pairs, only_box
from harness.reading.absent import says_none
from harness.reading.boxes import read_places, read_points
from harness.reading.frames import Frame
from harness.reading.numbers import read_number
from harness.types import Score, Status

ENTRIES: Final = {
    "count_accuracy": "CountAccuracy",
    "false_boxes": "FalseBoxes",
    "no_target_accuracy": "NoTargetAccuracy",
    "target_accuracy": "TargetAccuracy",
}


def named(text: str) -> int | None:
    """Return how many boxes, or else points, an answer names; 0 where it says that there is none, None: neither.

    >>> [named(text) for text in ("[1, 2, 3, 4]", "(5, 6)", "none", "[]", "it is red")]
    [1, 1, 0, 0, None]
    """
    boxes = read_places(text).value
    if boxes is not None:
        return len({(place.box, place.label) for place in boxes})
    if says_none(text):
        return 0
    points = read_points(text).value
    return len(set(points)) if points else None


class _Named(AnswerMetric):
    """Counts what an answer names, and looks at nothing else of it."""

    needs = ("boxes",)
    answer_tokens = 64

    def _true(self, context: Mapping[str, Any]) -> int:
        return len(context["boxes"])


class NoTargetAccuracy(_Named):
    """N-acc.: 1 where the answer to a phrase that names nothing in the picture says so, and names no box; else 0.

    Range 0 to 1, higher is better: refusals that are right. What is there is the fact ``boxes``; a phrase is absent
    where it is empty.

    Edge cases:
        "none", "[]", "There is no red circle" and the like say so. An answer that names neither a box nor that there
        is none: ``unparsed``. A phrase that names something: ``undefined``.

    Source:
        Liu et al. 2023, "GRES" (arXiv:2306.00968).

    >>> NoTargetAccuracy().score("There is no dog.", ["none"], boxes=[]).value
    1.0
    """

    name = "no_target_accuracy"
    binary = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if self._true(context):
            return Score(NAN, Status.UNDEFINED)
        found = named(prediction)
        return Score(NAN, Status.UNPARSED) if found is None else truth(found == 0)


class TargetAccuracy(_Named):
    """T-acc.: 1 where the answer to a phrase that names something in the picture names a box, right or wrong; else 0.

    Range 0 to 1, higher is better: the other side of ``no_target_accuracy``, which a model that always says "none"
    has in full.

    Edge cases:
        An answer that names neither a box nor that there is none: ``unparsed``. An absent phrase: ``undefined``.

    Source:
        Liu et al. 2023, "GRES" (arXiv:2306.00968).

    >>> TargetAccuracy().score("none", ["[0, 0, 9, 9]"], boxes=[[0, 0, 9, 9]]).value
    0.0
    """

    name = "target_accuracy"
    binary = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if not self._true(context):
            return Score(NAN, Status.UNDEFINED)
        found = named(prediction)
        return Score(NAN, Status.UNPARSED) if found is None else truth(found > 0)


class FalseBoxes(_Named):
    """How many boxes an answer names where there is nothing: mean number per absent phrase, or picture without objects.

    Range from 0, lower is better.

    Edge cases:
        An answer that names neither a box nor that there is none: ``unparsed``, and left out, since there is no worst
        number of boxes. Where there is something to find: ``undefined``.

    Source:
        This project; the number behind ``no_target_accuracy``.

    >>> FalseBoxes().score("[0, 0, 9, 9], [5, 5, 9, 9]", ["none"], boxes=[]).value
    2.0
    """

    name = "false_boxes"
    direction = "lower"
    unit = "boxes"
    bounds = (0.0, float("inf"))
    failure_value = None
    left_out = "there is no worst number of boxes"
    answer_tokens = 512

    def __init__(self, variant: str = "default", failures: Failures = "exclude") -> None:
        super().__init__(variant, failures)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if self._true(context):
            return Score(NAN, Status.UNDEFINED)
        found = named(prediction)
        return Score(NAN, Status.UNPARSED) if found is None else Score(float(found))


class CountAccuracy(_Named):
    """1 where the answer counts as many objects as there are, or off by no more than ``within``; else 0.

    Range 0 to 1, higher is better. An answer counts by the boxes that it names, by saying that there is none, or by
    its number; what is there is the fact ``boxes``.

    Args:
        within: how far it may be off; 1 is off-by-one accuracy.

    Edge cases:
        An answer without boxes and without one number: ``unparsed``. A crowd among the objects has no number:
        ``undefined``.

    Source:
        Off-by-one accuracy as in Dwibedi et al. 2020 (arXiv:2006.15418), of objects.

    >>> boxes = [[0, 0, 9, 9], [20, 0, 29, 9]]
    >>> [CountAccuracy(within=off).score("three", ["2"], boxes=boxes).value for off in (0, 1)]
    [0.0, 1.0]
    """

    name = "count_accuracy"
    binary = True

    def __init__(self, variant: str = "default", within: int = 0, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        if not isinstance(within, int) or within < 0:
            raise UsageError(f"metric 'count_accuracy': within is a whole number from 0, not {within!r}")
        self.within = within

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if any(isinstance(box, Mapping) and box.get("crowd") for box in context["boxes"]):
            return Score(NAN, Status.UNDEFINED)
        boxes = read_places(prediction).value
        if boxes is not None:
            counted: Any = len({(place.box, place.label) for place in boxes})
        else:
            number = read_number(prediction).value
            counted = 0 if number is None and says_none(prediction) else number and number.value
        return (
            Score(NAN, Status.UNPARSED) if counted is None else truth(abs(counted - self._true(context)) <= self.within)
        )


class AnswerBox(BoxMetric):
    """Where the box of an answer lies, as shares of the picture: for tasks that compare answers with one another.

    The value is 1 where there is a box. Of its sums, ``moves`` is 1 where the true box overlaps its own mirror image,
    left for right, by an IoU of less than 0.5: where an answer that stays is told from one that follows the picture.
    """

    name = "answer_box"
    answer_tokens = 64
    sums: ClassVar[tuple[str, ...]] = ("x0", "y0", "x1", "y1", "moves")

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        targets = self.targets(references, context)
        if isinstance(targets, Score):
            return Score(NAN, Status.UNDEFINED)
        true = _shares(targets[0], context)
        apart = true is not None and len(targets) == 1 and iou_pairs([true], [flipped(true)])[0] < _SAME
        given = self.given(prediction, context)
        place = None if isinstance(given, Score) else _shares(given, context)
        sums = dict(zip(self.sums, (*(place or (-1.0,) * 4), float(apart)), strict=True))
        return Score(1.0, sums=sums) if place else Score(NAN, Status.UNPARSED, sums=sums)


_SAME: Final = 0.5


def follows(before: Any, after: Any) -> Any:
    """Return where boxes in a mirrored picture are the mirrored boxes, [n] of true and false.

    The box must overlap the mirrored one by an IoU of 0.5, and more than the one that would have stayed: a box at the
    centre, which is its own mirror image, follows nothing.

    Args:
        before: boxes as shares of the picture, [n, 4].
        after: those in the mirrored picture, [n, 4].

    >>> follows([[0.1, 0, 0.3, 1], [0.4, 0, 0.6, 1]], [[0.7, 0, 0.9, 1], [0.4, 0, 0.6, 1]]).tolist()
    [True, False]
    """
    import numpy as np

    first, second = np.asarray(before, np.float64).reshape(-1, 4), np.asarray(after, np.float64).reshape(-1, 4)
    turned = np.stack([1 - first[:, 2], first[:, 1], 1 - first[:, 0], first[:, 3]], axis=1)
    moved = iou_pairs(turned, second)
    return (moved >= _SAME) & (moved > iou_pairs(first, second))


def flipped(box: Sequence[float], width: float = 1.0) -> tuple[float, float, float, float]:
    """Return where a box lies in the picture mirrored left for right.

    >>> flipped((10, 0, 30, 5), 100)
    (70, 0, 90, 5)
    """
    x0, y0, x1, y1 = box
    return width - x1, y0, width - x0, y1


def flipped_reference(reference: str, context: Mapping[str, Any]) -> str:
    """Return a reference that is a box as it is in the mirrored picture, in its own frame; another as it stands.

    Raises:
        ValueError: if that takes the picture's size, and it is not known.

    >>> flipped_reference("[10, 0, 30, 5]", {"size": [100, 50]}), flipped_reference("none", {})
    ('[70.0, 0.0, 90.0, 5.0]', 'none')
    """
    frame = Frame.parse(str(context.get("frame") or "pixel"))
    placed = only_box(reference, frame)
    if placed is None:
        return reference
    extent = placed.frame.extent(context)
    if extent is None:
        raise ValueError("a box in pixels is mirrored by the picture's `size`, which is not known")
    x0, y0, x1, y1 = flipped([side for point in placed.points for side in point], extent[0])
    return json.dumps([y0, x0, y1, x1] if frame.y_first else [x0, y0, x1, y1])


def _shares(placed: Placed, context: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    extent = placed.frame.extent(context)
    if extent is None:
        return None
    (x0, y0), (x1, y1) = placed.points
    return x0 / extent[0], y0 / extent[1], x1 / extent[0], y1 / extent[1]
