"""Boxes and points as models write them: brackets bind, and a key that says its order is believed."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.extract import boxes, clean
from harness.reading.boxes import Box, find_boxes, plain_box, read_boxes, read_places, read_points

BOX = (10.0, 20.0, 30.0, 40.0)
NUMBERS = st.integers(0, 999).map(float) | st.floats(0, 999).map(lambda number: round(number, 3))
BOXES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def text_of(box: Box) -> str:
    return ", ".join(f"{side:.12g}" for side in box)


WRITTEN: dict[str, Callable[[Box], str]] = {
    "bare": text_of,
    "spaces": lambda box: text_of(box).replace(",", ""),
    "bracket": lambda box: f"[{text_of(box)}]",
    "numbered": lambda box: f"1. [{text_of(box)}]",
    "numbered, bare": lambda box: f"2) {text_of(box)}",
    "after a number": lambda box: f"dog 3, confidence 0.95 ({text_of(box)})",
    "in prose": lambda box: f"In 2024 I count 3 dogs; one is at [{text_of(box)}] in the picture of 640 x 480.",
    "tags": lambda box: f"<box>({box[0]:.12g},{box[1]:.12g}),({box[2]:.12g},{box[3]:.12g})</box>",
    "tokens": lambda box: f"<|box_start|>({box[0]:.12g},{box[1]:.12g}),({box[2]:.12g},{box[3]:.12g})<|box_end|>",
    "nested": lambda box: f"<ref>dog</ref><box>[[{text_of(box)}]]</box>",
    "exponents": lambda box: f"[{', '.join(f'{side:.11e}' for side in box)}]",
    "two corners": lambda box: f"from ({box[0]:.12g}, {box[1]:.12g}) to ({box[2]:.12g}, {box[3]:.12g})",
    "bbox_2d": lambda box: json.dumps([{"bbox_2d": box, "label": "dog"}]),
    "bbox": lambda box: f"```json\n{json.dumps({'bbox': box}, indent=2)}\n```",
    "by name": lambda box: "x1={:.12g}, y1={:.12g}, x2={:.12g}, y2={:.12g}".format(*box),
    "sides in JSON": lambda box: json.dumps(dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))),
    "full width": lambda box: f"［{text_of(box)}］".replace(", ", "，"),
    "pixels": lambda box: f"[{', '.join(f'{side:.12g}px' for side in box)}]",
    "cut-off JSON": lambda box: '[{"bbox_2d": [' + text_of(box) + '], "label": "do',
    "Python's": lambda box: repr({"box": box, "label": "dog"}),
}


@pytest.mark.parametrize("form", WRITTEN)
@settings(max_examples=20)
@given(box=BOXES)
def test_what_is_written_is_read(form: str, box: Box) -> None:
    text = WRITTEN[form](box)
    (read,) = read_boxes(text).value or ((),)
    assert read == pytest.approx(box, rel=1e-9)


@pytest.mark.parametrize("form", WRITTEN)
@settings(max_examples=20)
@given(box=BOXES)
def test_the_step_keeps_the_box_and_what_it_says_of_itself(form: str, box: Box) -> None:
    text = WRITTEN[form](box)
    for order in ("xyxy", "yxyx"):
        (again,) = read_boxes(boxes(text) or "", order).value or ((),)
        (read,) = read_boxes(text, order).value or ((),)
        assert again == pytest.approx(read, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "frame", "said"),
    [
        ('{"box_2d": [20, 10, 40, 30]}', "per-mille", "the key box_2d: y1, x1, y2, x2 in the frame per-mille"),
        ('"box_2d": [20, 10, 40, 30], "label', "per-mille", "y1, x1, y2, x2 in the frame per-mille"),
        ('{"bbox_2d": [10, 20, 30, 40]}', None, "the key bbox_2d: x1, y1, x2, y2"),
        (
            '{"bbox": [10, 20, 20, 20], "category_id": 3}',
            None,
            "the key bbox beside COCO's keys: x1, y1, width, height",
        ),
        ('{"bbox_xywh": [10, 20, 20, 20]}', None, "the key bbox_xywh: x1, y1, width, height"),
        ('{"left": 10, "top": 20, "width": 20, "height": 20}', None, "sides by name: x1, y1, width, height"),
    ],
)
def test_a_key_is_believed_whatever_is_declared(text: str, frame: str | None, said: str) -> None:
    for order in ("xyxy", "yxyx"):
        reading = read_places(text, order)
        (place,) = reading.value or ()
        assert (place.box, place.frame, place.stated) == (BOX, frame, True)
        assert said in reading.why
    step = boxes(text)
    assert step is not None
    (again,) = read_places(step, "yxyx").value or ()
    assert (again.box, again.frame) == (BOX, frame)


def test_a_bbox_is_read_as_declared_where_nothing_says_more() -> None:
    assert read_boxes('{"bbox": [20, 10, 40, 30]}', "yxyx").value == (BOX,)
    assert read_boxes('{"bbox": [10, 20, 20, 20]}', "xywh").value == (BOX,)
    assert read_boxes("[10, 20, 30, 40]").why.endswith("as declared")


def test_percentages_and_location_tokens_say_their_frame() -> None:
    (place,) = read_places("[10%, 20%, 30%, 40%]").value or ()
    assert (place.frame, place.box) == ("unit", (0.1, 0.2, 0.3, 0.4))
    first, second = (
        read_places("<loc0256><loc0128><loc0512><loc1023> a cat ; <loc0000><loc0000><loc0001><loc0002> dog").value or ()
    )
    assert (first.box, first.frame, first.label) == ((125.0, 250.0, 1023000 / 1024, 500.0), "per-mille", "a cat")
    assert second.label == "dog"
    (florence,) = read_places("dog<loc_10><loc_20><loc_30><loc_999>", "yxyx").value or ()
    assert (florence.box, florence.frame, florence.label) == ((10.0, 20.0, 30.0, 999.0), "per-mille", "dog")
    assert read_boxes("<loc2000><loc0128><loc0512><loc0384>").value is None
    assert read_boxes("<patch_index_0044><patch_index_0863>").value is None


def test_lists_carry_labels_and_scores() -> None:
    text = '[{"label": "dog", "bbox_2d": [10, 20, 30, 40], "score": 0.9}, {"label": "cat", "bbox_2d": [1, 2, 3, 4]}]'
    dog, cat = read_places(f"I see two:\n```json\n{text}\n```").value or ()
    assert (dog.label, dog.score, dog.box) == ("dog", 0.9, BOX)
    assert (cat.label, cat.score) == ("cat", None)
    assert read_places('{"dog": [10, 20, 30, 40]}').value == read_places('{"dog": [[10, 20, 30, 40]]}').value
    assert read_places("[]").value == read_places('{"boxes": []}').value == ()


@pytest.mark.parametrize(
    "text",
    [
        "", "a dog", "1, 2, 3, 4, 5", "in 2024, 10, 20, 30, 40", "[1, 2, 3]", "[1, 2, 3] 4", "(1,2),(3,4),(5,6)",
        "[1e400, 2, 3, 4]", "[1, 2, 3, 4, 5, 6, 7, 8]", "10-20-30-40", "[10%, 20, 30, 40]", "The box is [10, 20, 30, 4",
        "v1.2.3.4", "x1 y1 x2 y2",
        "[[0, 5, 533, 17, 9999999999999999]]", "<loc_10><loc_20><loc_30>", "left (1, 2)",
    ],
)  # fmt: skip
def test_where_numbers_compete_or_are_cut_nothing_is_read(text: str) -> None:
    assert read_boxes(text).value is None
    assert find_boxes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Top-left corner (10, 20), bottom-right corner (30, 40).", "bottom-right (30, 40), top-left (10, 20)",
        "oben links (10, 20), unten rechts (30, 40)", "coin supérieur gauche (10, 20), coin inférieur droit (30, 40)",
        "en haut à gauche (10, 20) et en bas à droite (30, 40)", "左上角（10，20），右下角（30，40）",
        "esquina superior izquierda (10, 20) y esquina inferior derecha (30, 40)", "右下(30, 40)、左上(10, 20)",
        "canto superior esquerdo (10, 20), canto inferior direito (30, 40)",
        "in alto a sinistra (10, 20), in basso a destra (30, 40)",
    ],
)  # fmt: skip
def test_corners_by_name_make_a_box_whichever_is_first(text: str) -> None:
    assert read_boxes(text).value == (BOX,)


def test_marks_that_place_things_stay_and_part_two_boxes() -> None:
    text = "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|>"
    two = clean(f"{text}<|box_start|>(1,2),(3,4)<|box_end|><|im_end|>") or ""
    places = read_places(two).value or ()
    assert [(place.box, place.label) for place in places] == [(BOX, "dog"), ((1.0, 2.0, 3.0, 4.0), "")]


def test_several_boxes_are_all_read() -> None:
    assert find_boxes("1 [10, 20, 30, 40]\n2 [50, 60, 70, 80]") == [BOX, (50.0, 60.0, 70.0, 80.0)]
    assert find_boxes("10,20,30,40\n50,60,70,80") == [BOX, (50.0, 60.0, 70.0, 80.0)]
    assert find_boxes("[0,1; 0,2; 0,3; 0,4]") == [(0.1, 0.2, 0.3, 0.4)]


@given(BOXES)
def test_the_fast_way_reads_what_the_full_one_does(box: Box) -> None:
    text = f"[{text_of(box)}]"
    assert (plain_box(text),) == read_boxes(text).value == read_boxes(f"{text}.").value


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("(10, 20)", [(10, 20)]),
        ("1. (10, 20)", [(10, 20)]),
        ("Point 3 is at [10, 20].", [(10, 20)]),
        ('{"point_2d": [10, 20], "label": "x"}', [(10, 20)]),
        ('{"x": 10, "y": 20}', [(10, 20)]),
        ('<point x="10" y="20" alt="nose">nose</point>', [(10, 20)]),
        ('<points x1="10" y1="20" x2="30" y2="40">', [(10, 20), (30, 40)]),
        ("x=10, y=20", [(10, 20)]),
        ("y: 20, x: 10, y: 40, x: 30", [(10, 20), (30, 40)]),
        ("(0,5; 0,25)", [(0.5, 0.25)]),
        ("<point>10 20</point>", [(10, 20)]),
        ("10 20 30", None),
    ],
)
def test_points_are_read(text: str, points: list[tuple[float, float]] | None) -> None:
    assert read_points(text).value == (None if points is None else tuple(points))


def test_a_point_by_name_is_never_turned() -> None:
    assert read_points("(20, 10)", "yxyx").value == ((10.0, 20.0),)
    for text in ('{"point_2d": [10, 20]}', '{"x": 10, "y": 20}', '<point x="10" y="20">', "x=10, y=20"):
        assert read_points(text, "yxyx").value == ((10.0, 20.0),)


@pytest.mark.parametrize(
    "piece",
    [
        "[1, 2, 3, 4] ",
        "(1,2)",
        "x1=1 ",
        "1, ",
        "[" + " " * 39,
        "<loc0001>",
        "top left (1,2) ",
        "bottom right (1,2) ",
        "1\n",
        "<loc_1>",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    read_places(text)
    read_points(text)
    assert time.process_time() - start < 10
