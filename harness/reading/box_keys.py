"""Boxes in JSON: what keys say of the numbers under them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from harness.reading.brackets import Numbers, fours, rows
from harness.reading.found import Found, one_of_several
from harness.reading.json import json_values
from harness.reading.placed import (
    AS_DECLARED,
    KEYS,
    Order,
    Place,
    Says,
    corners,
    found_box,
    is_number,
    of_sides,
    plain_key,
    told_why,
)

_COCO: Final = frozenset({"categoryid", "imageid", "iscrowd"})
"""Keys that COCO's files have beside a ``bbox``, which is x, y, width and height there."""
_LABELS: Final = ("label", "name", "category", "class", "object", "category_name", "class_name", "ref", "description")
_SCORES: Final = ("score", "confidence", "conf", "probability", "prob")
_DEEPEST: Final = 20
"""Levels of JSON in which boxes are looked for."""


def boxes_of_json(text: str, declared: Order) -> list[Found[tuple[Place, ...]]] | None:
    """Return the boxes of the JSON in a text; None where there is none, or it is about something else."""
    values = json_values(text)
    for strict in (True, False):
        found = [
            one_of_several(place, written, value.start, why)
            for value in values
            for place, written, why in _in(value.value, declared, strict)
        ]
        if found:
            return found
    empty = len(values) == 1 and (values[0].value == [] or _no_boxes(values[0].value))
    return [] if empty else None


def _no_boxes(value: Any) -> bool:
    """Say whether an object has the key of a box, with nothing in it."""
    return isinstance(value, dict) and any(plain_key(key) in KEYS and item == [] for key, item in value.items())


def _in(value: Any, declared: Order, strict: bool, depth: int = _DEEPEST) -> Iterator[tuple[Place, str, str]]:
    """Yield the boxes of a value with the JSON that gives each and why.

    Args:
        value: a JSON value.
        declared: the order where no key says another.
        strict: take four numbers under keys that mean a box, not under any.
        depth: levels to go.
    """
    if not depth:
        return
    if isinstance(value, list):
        for box in _boxes(value):
            numbers = Numbers(box, json.dumps(box), 0, "a list of four numbers")
            yield Place(corners(box, declared)), numbers.text, told_why(numbers.why, declared, None, AS_DECLARED)
        if not _boxes(value):
            for item in value:
                yield from _in(item, declared, strict, depth - 1)
    elif isinstance(value, dict):
        yield from _in_object(value, declared, strict, depth)


def _in_object(value: dict[str, Any], declared: Order, strict: bool, depth: int) -> Iterator[tuple[Place, str, str]]:
    sides = of_sides({plain_key(name): item for name, item in value.items()})
    if sides:
        yield Place(sides[0], None, _label(value), _score(value), stated=True), json.dumps(value), sides[1]
        return
    coco = any(plain_key(name) in _COCO for name in value)
    for name, item in value.items():
        known = KEYS.get(plain_key(name))
        says = Says("xywh") if coco and plain_key(name) == "bbox" else known
        boxes = _boxes(item)
        if boxes and (says is not None or not strict):
            label = _label(value) if says is not None else name
            for box in boxes:
                yield under_key(name, box, says or AS_DECLARED, declared, label, _score(value), coco)
        elif isinstance(item, str) and says is not None:
            for numbers in list(fours(item)) or rows(item, 4):
                found = found_box(numbers, says, declared, _label(value))
                yield found.value[0], f"{json.dumps(name)}: {found.text}", found.why
        elif isinstance(item, dict | list) and not boxes:
            yield from _in(item, declared, strict, depth - 1)


def under_key(
    name: str,
    box: Sequence[float],
    told: Says,
    declared: Order,
    label: str,
    score: float | None = None,
    coco: bool = False,
) -> tuple[Place, str, str]:
    """Return the box of four numbers under a key, with the JSON that gives it and why."""
    order, frame = told.order or declared, told.frame
    rule = f"the key {name}" + (" beside COCO's keys" if coco else "")
    key = "bbox_xywh" if order == "xywh" else name
    place = Place(corners(box, order), frame, label, score, bool(told.order))
    return place, f"{_quoted(key)}: [{', '.join(map(repr, box))}]", told_why(rule, order, frame, told)


@lru_cache(maxsize=256)
def _quoted(key: str) -> str:
    return json.dumps(key)


def _boxes(value: Any) -> list[tuple[float, ...]]:
    """Return the boxes that a list is or holds: four numbers, two pairs, or a list of such."""
    one = _box(value)
    if one is not None:
        return [one]
    if not isinstance(value, list) or not value:
        return []
    several = [_box(item) for item in value]
    return [box for box in several if box is not None] if all(box is not None for box in several) else []


def _box(value: Any) -> tuple[float, ...] | None:
    if not isinstance(value, list):
        return None
    if len(value) == 2 and all(isinstance(item, list) and len(item) == 2 for item in value):
        value = [number for pair in value for number in pair]
    return tuple(map(float, value)) if len(value) == 4 and all(map(is_number, value)) else None


def _label(value: Mapping[str, Any]) -> str:
    return next((value[key] for key in _LABELS if isinstance(value.get(key), str)), "")


def _score(value: Mapping[str, Any]) -> float | None:
    return next((float(value[key]) for key in _SCORES if is_number(value.get(key))), None)
