"""The fast ways read what the full readers do, to the last bit and the last word of the evidence."""

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from harness.reading import boxes
from harness.reading.placed import Order
from harness.reading.plain_places import plain_place, plain_point

ORDERS: st.SearchStrategy[Order] = st.sampled_from(["xyxy", "yxyx"])
NUMBERS = st.sampled_from(["0", "-0", "00", "7", "-3", "12.50", "0.5", "-0.0", "999999999", "110", "1.", ".5", "1e2"])
WORDS = st.sampled_from(
    ["", " ", "The dog is at ", "box: ", "bbox_xywh: ", "x = ", "left, ", "- ", ".\n", "é", '"label": "a dog"']
)
LABELS = st.sampled_from(["", "a dog", "dog 2", "x1=1, y1=2", "left", "[1, 2, 3, 4]", "\\n", "é"])
BEFORE = st.sampled_from(["", "[", "```json\n", "```\n[", "```json\n[\n\t", " \n"])
BEHIND = st.sampled_from(["", "]", "\n```", "]\n```", " ]\n", "\n"])
FOURS = st.sampled_from(
    [
        "[{}, {}, {}, {}]",
        "({},{}, {}, {})",
        "[{}, {}, {}, {})",
        "<box>({},{}),({},{})</box>",
        "({}, {}), ({}, {})",
        "<|box_start|>({},{}),({},{})<|box_end|>",
        "{} {} {} {}",
    ]
)
OBJECTS = st.sampled_from(
    [
        '{{"bbox_2d": [{}, {}, {}, {}], "label": "{}"}}',
        '{{"label": "{4}", "bbox": [{0}, {1},\n {2}, {3}]}}',
        '{{"box_2d":[{},{},{},{}]}}',
        '{{"label": "{4}", "box_2d": [{0}, {1}, {2}, {3}], "label": "b"}}',
    ]
)
TWOS = st.sampled_from(
    ["({}, {})", "[{},{}]", '<point x="{}" y="{}" alt="{}">{}</point>', '<point x="{}" y="{}">a</point>']
)
POINT_OBJECTS = st.sampled_from(
    ['{{"point_2d": [{}, {}], "label": "{}"}}', '{{"point": [{}, {}]}}', '{{"x": {}, "y": {}}}']
)


def composed(
    forms: st.SearchStrategy[str], before: st.SearchStrategy[str], behind: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    numbers = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
    return st.builds(
        lambda head, form, values, label, tail: head + form.format(*values, label) + tail,
        before,
        forms,
        numbers,
        LABELS,
        behind,
    )


BOXES = composed(FOURS, WORDS, WORDS) | composed(OBJECTS, BEFORE, BEHIND)
POINTS = st.builds(
    lambda head, form, a, b, label, tail: head + form.format(a, b, label, label) + tail,
    WORDS | BEFORE,
    TWOS | POINT_OBJECTS,
    NUMBERS,
    NUMBERS,
    LABELS,
    WORDS | BEHIND,
)


@given(BOXES | POINTS, ORDERS)
def test_a_box_is_read_fast_as_it_is_read_in_full(text: str, order: Order) -> None:
    with mock.patch.object(boxes, "plain_place", return_value=None):
        full = boxes.read_places(text, order)
    if boxes.plain_box(text) is None:
        assert repr(boxes.read_places(text, order)) == repr(full)


@given(POINTS | BOXES, ORDERS)
def test_a_point_is_read_fast_as_it_is_read_in_full_and_no_box_is_there(text: str, order: Order) -> None:
    point = plain_point(text, order == "yxyx")
    if point is not None:
        assert not boxes.read_places(text).value
        assert repr(boxes.read_points(text, order).value) == repr((point,))


def test_the_commonest_forms_are_read_fast() -> None:
    for text in ("at [1, 2, 3, 4].", "<box>(1,2),(3,4)</box>", "1 2 3 4", '{"bbox_2d": [1, 2, 3, 4], "label": "dog"}'):
        assert plain_place(text, "xyxy") is not None
    for text in ("Click (1, 2).", '{"point_2d": [1, 2], "label": "dog"}', '<point x="1" y="2" alt="dog">dog</point>'):
        assert plain_point(text, False) == (1.0, 2.0)
