"""Points in what models write: two numbers, x first unless y is declared to be."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.reading.brackets import LIMIT, NUMBER, WIDE, Numbers, number_of, rows, twos
from harness.reading.found import Found, Reading
from harness.reading.json import json_values
from harness.reading.placed import NAMED, Order, is_number, plain_key

Point = tuple[float, float]
"""x, y."""

_KEYS: Final = frozenset({"answer", "click", "coordinate", "coordinates", "point", "point2d", "points", "position"})
_POINT_TAG: Final = re.compile(r"<points?\s[^<>]{0,4000}>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(rf"\b([xy])(\d{{0,3}})\s{{0,3}}=\s{{0,3}}[\"']?({NUMBER})", re.IGNORECASE)
_DEEPEST: Final = 20
"""Levels of JSON in which points are looked for."""


def read_points(text: str, order: Order = "xyxy") -> Reading[tuple[Point, ...]]:
    """Return all points of a text as x, y.

    Read are JSON (``[x, y]``, ``point_2d``, ``{"x": …, "y": …}``), ``<point x="1" y="2">``, brackets of two numbers,
    "x=1, y=2", and two bare numbers in a row; the first of these that there is.

    Args:
        text: an answer.
        order: ``yxyx`` where y stands first in what doesn't say it.

    >>> read_points("Click 1: (12, 34)").value, read_points('<point x="12.5" y="34">').value
    (((12.0, 34.0),), ((12.5, 34.0),))
    """
    text = text if text.isascii() else text.translate(WIDE)
    for read in (_json_points, _tag_points, _bracket_points, _named_points, _bare_points):
        found = tuple(read(text, order == "yxyx"))
        if found:
            why = "; ".join(dict.fromkeys(one.why for one in found))
            return Reading(tuple(one.value[0] for one in found), why, found)
    return Reading(None, "no two numbers in one bracket, and no two alone")


def find_points(text: str) -> list[Point]:
    """Return the points in a text, x first.

    >>> find_points("click (12, 34)")
    [(12.0, 34.0)]
    """
    return list(read_points(text).value or ())


def _point(x: float, y: float, text: str, start: int, why: str) -> Iterator[Found[tuple[Point, ...]]]:
    if max(abs(x), abs(y)) < LIMIT:
        yield Found(((x, y),), text, start, why)


def _json_points(text: str, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    if "{" not in text:
        return
    for value in json_values(text):
        for x, y, why in _points_in(value.value, turned):
            yield from _point(x, y, value.text, value.start, why)


def _points_in(value: Any, turned: bool, depth: int = _DEEPEST) -> Iterator[tuple[float, float, str]]:
    if not depth:
        return
    if isinstance(value, list):
        for item in value:
            yield from _points_in(item, turned, depth - 1)
    elif isinstance(value, dict):
        if is_number(value.get("x")) and is_number(value.get("y")):
            yield float(value["x"]), float(value["y"]), "x and y by name"
            return
        for name, item in value.items():
            pairs = _pairs(item) if plain_key(name) in _KEYS else []
            for a, b in pairs:
                y_first = turned and plain_key(name) != "point2d"
                yield (b, a, f"the key {name}") if y_first else (a, b, f"the key {name}")
            if not pairs:
                yield from _points_in(item, turned, depth - 1)


def _pairs(value: Any) -> list[tuple[float, float]]:
    listed = value if isinstance(value, list) and all(isinstance(item, list) for item in value) else [value]
    fits = all(isinstance(item, list) and len(item) == 2 and all(map(is_number, item)) for item in listed)
    return [(float(a), float(b)) for a, b in listed] if fits else []


def _tag_points(text: str, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    for tag in _POINT_TAG.finditer(text):
        given = {(name.lower(), place): number_of(number) for name, place, number in _ATTRIBUTE.findall(tag[0])}
        for (name, place), x in given.items():
            if name == "x" and ("y", place) in given:
                yield from _point(x, given["y", place], tag[0], tag.start(), "a point tag")


def _bracket_points(text: str, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    for two in twos(text):
        yield from _of_two(two, turned)


def _named_points(text: str, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    if "=" not in text and ":" not in text:
        return
    sides = [side for side in NAMED.finditer(text) if side[1].lower() in ("x", "y")]
    at = 0
    while at + 1 < len(sides):
        a, b = sides[at], sides[at + 1]
        names = a[1].lower() + b[1].lower()
        if names not in ("xy", "yx"):
            at += 1
            continue
        x, y = (a, b) if names == "xy" else (b, a)
        yield from _point(number_of(x[2]), number_of(y[2]), text[a.start() : b.end()], a.start(), "x and y by name")
        at += 2


def _bare_points(text: str, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    for two in rows(text, 2):
        yield from _of_two(two, turned)


def _of_two(two: Numbers, turned: bool) -> Iterator[Found[tuple[Point, ...]]]:
    a, b = two.values[:2]
    yield from _point(*((b, a) if turned else (a, b)), two.text, two.start, two.why)
