"""What a text may say of a box: the order of its numbers, what they count, and what is in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from harness.reading.brackets import LIMIT, NUMBER, Numbers
from harness.reading.found import Found

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2."""
Order = Literal["xyxy", "yxyx", "xywh", "cxcywh"]

_TOLD: Final[Mapping[Order, str]] = {
    "xyxy": "x1, y1, x2, y2",
    "yxyx": "y1, x1, y2, x2",
    "xywh": "x1, y1, width, height",
    "cxcywh": "the centre's x and y, width, height",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A box of a text, and what the text says of it."""

    box: Box
    """x first, as two corners; which of them is which is not checked."""
    frame: str | None = None
    """What its numbers count, where a key or token says so: ``unit``, ``per-mille``; None: as declared."""
    label: str = ""
    score: float | None = None
    stated: bool = False
    """Whether the text itself says in which order its numbers stand, or what they count."""


@dataclass(frozen=True, slots=True)
class Says:
    """What a key says of the numbers under it; None: as declared."""

    order: Order | None = None
    frame: str | None = None


AS_DECLARED: Final = Says()
KEYS: Final[Mapping[str, Says]] = {
    "box2d": Says("yxyx", "per-mille"),
    "bbox2d": Says("xyxy"),
    **dict.fromkeys(("xyxy", "bboxxyxy", "boxxyxy"), Says("xyxy")),
    **dict.fromkeys(("yxyx", "bboxyxyx", "boxyxyx"), Says("yxyx")),
    **dict.fromkeys(("xywh", "bboxxywh", "boxxywh"), Says("xywh")),
    **dict.fromkeys(("cxcywh", "bboxcxcywh", "boxcxcywh"), Says("cxcywh")),
    **dict.fromkeys(
        (
            "answer", "bbox", "bboxes", "bounds", "boundingbox", "boundingboxes", "box", "boxes", "coordinates",
            "coords", "location", "position", "rect", "rectangle", "region",
        ),
        AS_DECLARED,
    ),
}  # fmt: skip
"""What keys say, by their letters and digits in lower case. Gemini's ``box_2d`` is y first, in thousandths."""
_SIDES: Final[Mapping[tuple[str, ...], Order]] = {
    ("x1", "y1", "x2", "y2"): "xyxy",
    ("x0", "y0", "x1", "y1"): "xyxy",
    ("xmin", "ymin", "xmax", "ymax"): "xyxy",
    ("left", "top", "right", "bottom"): "xyxy",
    ("x", "y", "w", "h"): "xywh",
    ("x", "y", "width", "height"): "xywh",
    ("left", "top", "width", "height"): "xywh",
    ("xmin", "ymin", "width", "height"): "xywh",
    ("cx", "cy", "w", "h"): "cxcywh",
    ("cx", "cy", "width", "height"): "cxcywh",
    ("xcenter", "ycenter", "width", "height"): "cxcywh",
}
"""Coordinates by name."""
NAMED: Final = re.compile(
    r"\b(x_?[012]|y_?[012]|[xy]_?m(?:in|ax)|c?[xy]|w|h|width|height|left|top|right|bottom)[\"']?\s{0,3}[:=]\s{0,3}"
    rf"[\"']?({NUMBER})(?![\w.])",
    re.IGNORECASE,
)


def found_box(
    numbers: Numbers, says: Says, declared: Order, label: str = "", key: str = ""
) -> Found[tuple[Place, ...]]:
    """Return a box of four numbers: in the order and frame that the text says, else in the declared order."""
    order, frame = says.order or declared, says.frame
    values = numbers.values
    if numbers.percent:
        frame, values = "unit", tuple(value / 100 for value in values)
    place = Place(corners(values, order), frame, label, numbers.extra, bool(says.order or frame))
    return Found((place,), key + numbers.text, numbers.start - len(key), told_why(numbers.why, order, frame, says))


@lru_cache(maxsize=256)
def told_why(rule: str, order: Order, frame: str | None, says: Says) -> str:
    """Return the rule that found a box with the order and the frame in which it is read."""
    within = f" in the frame {frame}" if frame else ""
    return f"{rule}: {_TOLD[order]}{within}{'' if says.order else ', as declared'}"


def corners(values: Sequence[float], order: Order) -> Box:
    """Return four numbers as x1, y1, x2, y2."""
    a, b, c, d = values
    if order == "xyxy":
        return a, b, c, d
    if order == "yxyx":
        return b, a, d, c
    if order == "xywh":
        return a, b, a + c, b + d
    return a - c / 2, b - d / 2, a + c / 2, b + d / 2


@lru_cache(maxsize=1024)
def plain_key(name: str) -> str:
    """Return a key by its letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def of_sides(sides: Mapping[str, Any]) -> tuple[Box, str] | None:
    """Return the box of coordinates by name, and why; None where the names make none."""
    for names, order in _SIDES.items():
        if all(name in sides for name in names):
            values = [sides[name] for name in names]
            if all(map(is_number, values)):
                return corners([float(value) for value in values], order), f"sides by name: {_TOLD[order]}"
    return None


def is_number(value: Any) -> bool:
    """Say whether a JSON value is a number that a picture can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LIMIT
