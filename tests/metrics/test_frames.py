"""Frames of boxes: which answers cannot be meant in theirs, and what is needed to compare two."""

import pytest

from harness.errors import UsageError
from harness.metrics import sample_metric
from harness.types import Status

SIZE = {"size": [640, 480]}


@pytest.mark.parametrize(
    ("frame", "answer", "read"),
    [
        ("pixel", "[10, 10, 300, 300]", True),
        ("pixel", "[0, 0, 0, 0]", True),
        ("pixel", "[600, 10, 900, 300]", True),
        ("pixel", "[0.1, 0.1, 0.5, 0.9]", False),
        ("pixel", "[0, 0, 1, 1]", False),
        ("pixel", "[700, 10, 900, 300]", False),
        ("pixel", "[0, 0, 1300, 300]", False),
        ("unit", "[0.1, 0.1, 1.02, 0.9]", True),
        ("unit", "[0, 0, 1, 1]", True),
        ("unit", "[10, 10, 300, 300]", False),
        ("unit", "[0, 0, 640, 480]", False),
        ("per-mille", "[0, 0, 1000, 1000]", True),
        ("per-mille", "[0.1, 0.1, 0.5, 0.9]", False),
        ("per-mille-999", "[0, 0, 999, 999]", True),
        ("per-mille-999", "[1200, 0, 1500, 999]", False),
        ("resized", "[0, 0, 1280, 960]", True),
        ("resized", "[1300, 0, 1400, 960]", False),
    ],
)
def test_an_answer_that_cannot_be_in_its_frame_is_unparsed_and_says_so(frame: str, answer: str, read: bool) -> None:
    metric = sample_metric("iou", frame=frame, resized=[1280, 960])
    score = metric.score(answer, ["[0, 0, 320, 240]"], **SIZE)
    assert score.status == (Status.OK if read else Status.UNPARSED)
    assert (score.complaint is None) == read
    assert read or f"in the frame {frame}" in str(score.complaint)


def test_without_a_size_pixels_are_taken_at_their_word() -> None:
    assert sample_metric("iou").score("[0, 0, 1, 1]", ["[0, 0, 1, 2]"]).value == 0.5


def test_boxes_of_one_frame_need_no_size_and_of_two_shares_neither() -> None:
    metric = sample_metric("iou", frame="unit")
    assert metric.score("[0, 0, .5, .5]", ["[0, 0, .5, 1]"], frame="unit").value == 0.5
    assert metric.score("[0, 0, .5, .5]", ["[0, 0, 500, 1000]"], frame="per-mille").value == 0.5
    with pytest.raises(ValueError, match=r"size must be .* to compare boxes in pixel and unit"):
        metric.score("[0, 0, .5, .5]", ["[0, 0, 5, 10]"])


def test_needs_follow_from_the_frame() -> None:
    assert sample_metric("iou").needs == ()
    assert sample_metric("giou", frame="per-mille-yx").needs == ("size",)
    assert sample_metric("acc_at_iou", coordinates="thousand").needs == ("size",)
    assert sample_metric("acc_at_iou", frame="resized").needs == ("size", "resized")
    assert sample_metric("pointing_accuracy", frame="resized", resized=[8, 8]).needs == ("size",)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"frame": "units"}, "metric 'iou': unknown frame 'units'; did you mean 'unit'"),
        ({"order": "yx"}, "order is 'xyxy' or 'yxyx', not 'yx'"),
        ({"frame": "unit", "coordinates": "thousand"}, "`coordinates` is an older name of `frame`"),
        ({"resized": [8]}, "resized must be an image's"),
    ],
)
def test_a_frame_that_is_none_is_refused(keys: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sample_metric("iou", **keys)


def test_a_point_with_y_first_is_turned() -> None:
    metric = sample_metric("pointing_accuracy", order="yxyx")
    assert metric.score("(10, 300)", ["[200, 0, 400, 50]"], **SIZE).value == 1.0
