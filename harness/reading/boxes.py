"""Boxes in what models write: brackets, tags, tokens and keys, each in the order that it says."""

import re
from collections.abc import Iterator
from typing import Final

from harness.reading.box_keys import boxes_of_json
from harness.reading.brackets import WIDE, fours, number_of, rows
from harness.reading.found import Found, Reading, one_of_several
from harness.reading.placed import (
    AS_DECLARED,
    KEYS,
    NAMED,
    Box,
    Order,
    Place,
    corners,
    found_box,
    of_sides,
    plain_key,
)
from harness.reading.plain_places import plain_box, plain_place, plain_point
from harness.reading.points import Point, find_points, read_points

__all__ = [
    "Box",
    "Order",
    "Place",
    "Point",
    "find_boxes",
    "find_points",
    "plain_box",
    "plain_point",
    "read_boxes",
    "read_places",
    "read_points",
]

_SPEAKING: Final = re.compile(
    r"\b((?:b?box_?)?(?:xyxy|yxyx|cxcywh|xywh)|b?box_?2d)[\"']?\s{0,3}[:=]\s{0,3}[\[(]{0,2}$", re.IGNORECASE
)
"""A key whose list follows, in what is no JSON."""
_LOCATIONS: Final = re.compile(r"(?:<loc(?:0\d{3}|10[01]\d|102[0-3])>){4}(?:\s{0,3}([^<>;]{1,80}))?")
_LOCATION: Final = re.compile(r"\d{4}")
_BINS: Final = 1024
_FLORENCE: Final = re.compile(r"([^<>;\n]{0,80})<loc_(\d{1,3})><loc_(\d{1,3})><loc_(\d{1,3})><loc_(\d{1,3})>")
_REFERRED: Final = re.compile(
    r"<(?:\|(?:object_)?ref(?:_start)?\||ref)>([^<>]{1,80})<[/|][^<>]{1,20}>\s{0,3}(?:<[^<>]{1,20}>)?\s{0,3}[\[(]{0,2}$"
)
_UNREAD: Final = "no four numbers in one bracket, and no four alone"
_DIGIT: Final = re.compile(r"\d")


def read_places(text: str, order: Order = "xyxy") -> Reading[tuple[Place, ...]]:
    r"""Return all boxes of a text with their labels, scores and frames.

    Read are, in this order, and the first that there is: JSON (a list of four numbers, or of such lists; objects with
    ``bbox_2d``, ``box_2d``, ``bbox`` and the like, or with sides by name); four numbers in one bracket, two brackets
    of two (``<box>(10,20),(30,40)</box>``) and PaliGemma's four location tokens; sides by name ("x1=10, y1=20, …");
    bare rows of four numbers. So a number beside a bracket is never a side: "1. [10, 20, 30, 40]" is one box.

    A key or token that says its order and frame is believed rather than ``order``, and ``why`` says so: ``box_2d``
    (y first, thousandths), ``bbox_2d`` and ``…_xyxy`` (corners, x first), ``…_xywh``, a ``bbox`` beside COCO's
    ``category_id`` (corner and size), location tokens (PaliGemma's y first, Florence's x first), "%" (shares of the
    image).

    Args:
        text: an answer.
        order: in which order numbers stand where nothing says it.

    Returns:
        The boxes; an empty tuple for a JSON list or object that has none; None where there is nothing of the kind.

    >>> read_places('[{"label": "dog", "bbox_2d": [1, 2, 3, 4], "score": 0.9}]').value
    (Place(box=(1.0, 2.0, 3.0, 4.0), frame=None, label='dog', score=0.9, stated=True),)
    >>> read_places('{"box_2d": [20, 10, 40, 30]}').why
    'the key box_2d: y1, x1, y2, x2 in the frame per-mille'
    >>> read_places("<loc0256><loc0128><loc0512><loc0384> cat").value
    (Place(box=(125.0, 250.0, 375.0, 500.0), frame='per-mille', label='cat', score=None, stated=True),)
    """
    plain = plain_place(text, order)
    if plain is not None:
        return Reading(plain.value, plain.why, (plain,))
    text = text if text.isascii() else text.translate(WIDE)
    structured = boxes_of_json(text, order) if "{" in text or text.strip() == "[]" else None
    if structured is not None and not structured:
        return Reading((), "JSON that holds no box")
    found = structured or (_written(text, order) if _DIGIT.search(text) else [])
    if not found:
        return Reading(None, _UNREAD)
    why = "; ".join(dict.fromkeys(one.why for one in found))
    return Reading(tuple(one.value[0] for one in found), why, tuple(found))


def read_boxes(text: str, order: Order = "xyxy") -> Reading[tuple[Box, ...]]:
    """Return all boxes of a text as x1, y1, x2, y2: :func:`read_places` without what is said of them.

    >>> read_boxes("1. [10, 20, 30, 40]").value, read_boxes("[20, 10, 40, 30]", order="yxyx").value
    (((10.0, 20.0, 30.0, 40.0),), ((10.0, 20.0, 30.0, 40.0),))
    """
    reading = read_places(text, order)
    if reading.value is None:
        return Reading(None, reading.why)
    found = tuple(one_of_several(one.value[0].box, one.text, one.start, one.why) for one in reading.found)
    return Reading(tuple(place.box for place in reading.value), reading.why, found)


def find_boxes(text: str) -> list[Box]:
    """Return the boxes in a text, x first.

    >>> find_boxes("<box>(10,20),(30,40)</box> or [1.5, 2, 3, 4]")
    [(10.0, 20.0, 30.0, 40.0), (1.5, 2.0, 3.0, 4.0)]
    """
    return list(read_boxes(text).value or ())


def _written(text: str, order: Order) -> list[Found[tuple[Place, ...]]]:
    speaks = "box" in text or "xy" in text
    found = []
    for four in fours(text):
        before = text[max(0, four.start - 120) : four.start] if speaks or "ref" in text else ""
        key = _SPEAKING.search(before) if speaks else None
        label = _REFERRED.search(before)
        says = KEYS[plain_key(key[1])] if key else AS_DECLARED
        found.append(found_box(four, says, order, label[1].strip() if label else "", key[0] if key else ""))
    if "<loc" in text:
        found += _locations(text)
    if not found and ("=" in text or ":" in text):
        found = _named(text)
    return found or [found_box(row, AS_DECLARED, order) for row in rows(text, 4)]


def _locations(text: str) -> Iterator[Found[tuple[Place, ...]]]:
    """Yield PaliGemma's boxes, y1, x1, y2, x2 in 1,024 bins and then what is there, and Florence's: the reverse."""
    for tokens in _LOCATIONS.finditer(text):
        bins = [int(number) * 1000 / _BINS for number in _LOCATION.findall(tokens[0])[:4]]
        place = Place(corners(bins, "yxyx"), "per-mille", (tokens[1] or "").strip(), stated=True)
        yield Found((place,), tokens[0], tokens.start(), "location tokens: y1, x1, y2, x2 in 1,024 bins")
    for tokens in _FLORENCE.finditer(text):
        a, b, c, d = map(float, tokens.group(2, 3, 4, 5))
        place = Place((a, b, c, d), "per-mille", tokens[1].strip(), stated=True)
        yield Found(
            (place,), tokens[0][len(tokens[1]) :], tokens.end(1), "location tokens: x1, y1, x2, y2 in 1,000 bins"
        )


def _named(text: str) -> list[Found[tuple[Place, ...]]]:
    """Return the boxes whose sides are told by name, one after the other."""
    if "<point" in text:
        return []
    sides = [(side[1].lower().replace("_", ""), side) for side in NAMED.finditer(text)]
    found: list[Found[tuple[Place, ...]]] = []
    at = 0
    while at + 4 <= len(sides):
        four = sides[at : at + 4]
        place = of_sides({name: number_of(side[2]) for name, side in four})
        if place is None:
            at += 1
            continue
        start, end = four[0][1].start(), four[-1][1].end()
        found.append(Found((Place(place[0], stated=True),), text[start:end], start, place[1]))
        at += 4
    return found
