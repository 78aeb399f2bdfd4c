"""Answers to phrases that name nothing, one thing or several, and what mirroring must do to a box."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import sample_metric
from harness.metrics.detection import read_detections
from harness.metrics.referring import AnswerBox, flipped, flipped_reference, follows, named
from harness.reading.absent import says_none
from harness.reading.frames import Frame
from harness.types import Status

BOX = "[10, 10, 50, 50]"


@pytest.mark.parametrize(
    "text",
    [
        "none", "None.", "[]", "{}", '"none"', "Nothing", "There is no red circle here.", "No.", "no such thing",
        "I don't see a dog.", "The cup is not visible.", "It isn't there", "It is not in the image.", "Nein.", "null",
        "The answer is none",
    ],
)  # fmt: skip
def test_a_refusal_is_read_as_one(text: str) -> None:
    assert says_none(text)
    assert named(text) == 0
    assert sample_metric("no_target_accuracy").score(text, ["none"], boxes=[]).value == 1.0


@pytest.mark.parametrize(
    "text", ["", "red", "somewhere", "it is on the left", "[10, 20, 30, 40]", "Yes", "the nonesuch"]
)
def test_what_is_no_refusal_is_not(text: str) -> None:
    assert not says_none(text)


def test_each_side_of_refusing_counts_its_own_phrases_alone() -> None:
    absent, there = sample_metric("no_target_accuracy"), sample_metric("target_accuracy")
    assert absent.score(BOX, ["none"], boxes=[]).value == 0.0
    assert absent.score("none", [BOX], boxes=[[1, 1, 2, 2]]).status is Status.UNDEFINED
    assert there.score("none", [BOX], boxes=[[1, 1, 2, 2]]).value == 0.0
    assert there.score("(12, 30)", [BOX], boxes=[[1, 1, 2, 2]]).value == 1.0
    assert there.score("hm", [BOX], boxes=[[1, 1, 2, 2]]).status is Status.UNPARSED
    assert absent.score("hm", ["none"], boxes=[]).status is Status.UNPARSED


def test_an_absent_phrase_has_no_overlap_and_no_complaint() -> None:
    score = sample_metric("iou").score(BOX, ["none"])
    assert (score.status, score.complaint) == (Status.UNDEFINED, None)
    assert sample_metric("iou").score(BOX, ["[9, 9, 1, 1]"]).complaint


def test_the_first_of_several_boxes_counts_where_the_metric_takes_it() -> None:
    said = f"{BOX} or [0, 0, 5, 5]"
    assert sample_metric("iou").score(said, [BOX]).status is Status.UNPARSED
    assert sample_metric("acc_at_iou", take="first").score(said, [BOX]).value == 1.0
    with pytest.raises(UsageError, match="take is 'only' or 'first'"):
        sample_metric("iou", take="best")


@pytest.mark.parametrize(
    ("text", "exact", "near"),
    [
        ("2", 1, 1),
        ("two", 1, 1),
        ("There are 3.", 0, 1),
        (f"{BOX}, [60, 60, 70, 70]", 1, 1),
        ("none", 0, 0),
        ("0", 0, 0),
    ],
)
def test_objects_are_counted_in_words_figures_and_boxes(text: str, exact: int, near: int) -> None:
    boxes = [[0, 0, 9, 9], [20, 0, 29, 9]]
    assert sample_metric("count_accuracy").score(text, ["2"], boxes=boxes).value == exact
    assert sample_metric("count_accuracy", within=1).score(text, ["2"], boxes=boxes).value == near


def test_what_counts_nothing_is_unparsed_and_crowds_have_no_number() -> None:
    metric = sample_metric("count_accuracy")
    assert metric.score("many", ["2"], boxes=[[0, 0, 1, 1]]).status is Status.UNPARSED
    assert metric.score("2", ["2"], boxes=[{"box": [0, 0, 1, 1], "crowd": True}]).status is Status.UNDEFINED
    with pytest.raises(UsageError, match="whole number"):
        sample_metric("count_accuracy", within=-1)


def test_false_boxes_are_counted_where_nothing_is() -> None:
    metric = sample_metric("false_boxes")
    assert [metric.score(text, ["none"], boxes=[]).value for text in ("[]", BOX, f"{BOX} [1, 2, 3, 4]")] == [0, 1, 2]
    assert metric.worth(metric.score("hm", ["none"], boxes=[])) != metric.worth(metric.score("[]", ["none"], boxes=[]))


boxes = st.tuples(*[st.floats(0.0, 1.0, width=32)] * 4).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)


@given(boxes)
def test_a_box_follows_the_picture_unless_it_is_its_own_mirror_image(box: tuple[float, ...]) -> None:
    turned = flipped(box)
    assert flipped(turned) == pytest.approx(box)
    area = (box[2] - box[0]) * (box[3] - box[1])
    if area > 1e-3 and abs(box[0] + box[2] - 1) > 0.01:
        assert follows([box], [turned]).all()
    assert not follows([box], [box]).any() or area == 0


@pytest.mark.parametrize(
    ("frame", "extent"), [("pixel", 100), ("unit", 1), ("per-mille", 1000), ("per-mille-yx", 1000)]
)
def test_a_reference_is_mirrored_in_its_own_frame(frame: str, extent: float) -> None:
    values = [0.1 * extent, 0.2 * extent, 0.4 * extent, 0.6 * extent]
    told = {"frame": frame, "size": [100, 100]}
    again = flipped_reference(flipped_reference(str(values), told), told)
    assert np.allclose(json.loads(again), values)
    assert not np.allclose(json.loads(flipped_reference(str(values), told)), values)


def test_the_place_of_an_answer_is_told_in_shares_whatever_its_frame() -> None:
    told = {"size": [200, 100]}
    pixels = AnswerBox().score("[20, 10, 60, 50]", ["[20, 10, 60, 50]"], **told)
    thousandths = AnswerBox(frame="per-mille").score("[100, 100, 300, 500]", ["[20, 10, 60, 50]"], **told)
    assert dict(pixels.sums) == pytest.approx(dict(thousandths.sums))
    assert pixels.sums["moves"] == 1.0
    lost = AnswerBox().score("none", ["[80, 10, 120, 50]"], **told)
    assert (lost.sums["x0"], lost.sums["moves"], lost.status) == (-1.0, 0.0, Status.UNPARSED)


def test_detections_in_a_frame_are_put_into_pixels_and_refused_where_they_cannot_be_meant() -> None:
    text = '[{"label": "cup", "box": [100, 200, 500, 600]}]'
    frame, told = Frame.parse("per-mille"), {"size": [200, 100]}
    (found,) = read_detections(text, frame=frame, context=told) or []
    assert found.box == pytest.approx((20, 20, 100, 60))
    (turned,) = read_detections(text, frame=Frame.parse("per-mille-yx"), context=told) or []
    assert turned.box == pytest.approx((40, 10, 120, 50))
    assert read_detections(text, frame=Frame.parse("unit"), context=told) is None
