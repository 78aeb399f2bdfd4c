r"""The commonest forms of one box or one point, by one anchored expression each: fast, and read as the full readers do.

Each expression spans a whole text of ASCII and leaves nothing in it that another rule could read: no second bracket, no
other digit, and within JSON nothing but a label.
"""

from typing import Final

from harness.reading.box_keys import under_key
from harness.reading.brackets import Numbers
from harness.reading.found import Found, one_of_several
from harness.reading.lazily import lazily
from harness.reading.placed import AS_DECLARED, KEYS, Box, Order, Place, found_box, plain_key

_DIGITS: Final = r"([-+]?(?:[0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}))"
_ALONE: Final = lazily(rf"\s*+(\[)?{_DIGITS}, ?{_DIGITS}, ?{_DIGITS}, ?{_DIGITS}(?(1)\])\s*+")
_NUMBER: Final = r"(-?[0-9]{1,9}(?:\.[0-9]{1,20})?)"
_ROW: Final = lazily(rf"\s*+({_NUMBER} {_NUMBER} {_NUMBER} {_NUMBER})\s*+")
_PAIR: Final = rf"\({_NUMBER}, ?{_NUMBER}\)"
_PAIRS: Final = lazily(rf"\s*+(?:<box>|<\|box_start\|>)?({_PAIR}, ?{_PAIR})(?:</box>|<\|box_end\|>)?\s*+")
_PROSE: Final = r"[^\d()\[\]{}<>;]{0,400}+"
_IN_PROSE: Final = lazily(rf"{_PROSE}([\[(]{_NUMBER}, ?{_NUMBER}, ?{_NUMBER}, ?{_NUMBER}[\])]){_PROSE}")
_POINT: Final = lazily(rf"{_PROSE}[(\[]{_NUMBER}, ?{_NUMBER}[)\]]{_PROSE}")
_LETTERS: Final = r"[A-Za-z _-]{0,60}+"
_POINT_TAG: Final = lazily(rf'\s*+<point x="{_NUMBER}" y="{_NUMBER}"(?: alt="{_LETTERS}")?>{_LETTERS}</point>\s*+')

# A minus zero is an integer in JSON, and loses its sign there.
_JSON_NUMBER: Final = r"(-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,20}|-?[1-9][0-9]{0,8}|0)"
_LABEL: Final = r"\"label\"\s*+:\s*+\""
_COMMA: Final = r"\s*+,\s*+"
_FENCED: Final = r"\s*+(?P<fence>```(?:json)?\n\s*+)?(?P<value>(?P<list>\[\s*+)?\{\s*+"
_END: Final = r"\}\s*+(?(list)\]))\s*+(?(fence)(?:```\s*+)?)"
_SAID: Final = r"[ !#-\[\]-~]{0,80}+"
_OBJECT: Final = lazily(
    rf"{_FENCED}(?:{_LABEL}(?P<first>{_SAID})\"{_COMMA})?\"(?P<key>bbox_2d|box_2d|bbox)\"\s*+:\s*+"
    rf"\[\s*+{_COMMA.join([_JSON_NUMBER] * 4)}\s*+\]\s*+(?(first)|(?:,\s*+{_LABEL}(?P<last>{_SAID})\"\s*+)?){_END}"
)
_POINT_OBJECT: Final = lazily(
    rf"{_FENCED}\"(?P<key>point_2d|point)\"\s*+:\s*+\[\s*+{_JSON_NUMBER}{_COMMA}{_JSON_NUMBER}\s*+\]\s*+"
    rf"(?:,\s*+{_LABEL}{_LETTERS}\"\s*+)?{_END}"
)


def plain_box(text: str) -> Box | None:
    """Return the four numbers, as they stand, of a text that is nothing else: the fast way for what most answers are.

    >>> plain_box("[10, 20, 30, 40]"), plain_box("1. [10, 20, 30, 40]")
    ((10.0, 20.0, 30.0, 40.0), None)
    """
    match = _ALONE.fullmatch(text)
    return None if match is None else (float(match[2]), float(match[3]), float(match[4]), float(match[5]))


def plain_place(text: str, order: Order) -> Found[tuple[Place, ...]] | None:
    """Return the only box of a text in one of the commonest forms, as the full reader finds it; None for other texts.

    >>> found = plain_place("The dog is at [10, 20, 30, 40].", "xyxy")
    >>> found.value[0].box, found.text, found.start
    ((10.0, 20.0, 30.0, 40.0), '[10, 20, 30, 40]', 14)
    """
    plain = plain_box(text)
    if plain is not None:
        return found_box(Numbers(plain, text, 0, "four numbers alone"), AS_DECLARED, order)
    if not text.isascii():
        return None
    if "{" in text:
        return _of_object(text, order)
    for pattern, why in (
        (_IN_PROSE, "four numbers in one bracket"),
        (_PAIRS, "two brackets of two numbers"),
        (_ROW, "4 bare numbers in a row"),
    ):
        match = pattern.fullmatch(text)
        # "bbox_xywh: [" says an order.
        if match is not None and "xy" not in text.lower():
            values = float(match[2]), float(match[3]), float(match[4]), float(match[5])
            return found_box(Numbers(values, match[1], match.start(1), why), AS_DECLARED, order)
    return None


def _of_object(text: str, order: Order) -> Found[tuple[Place, ...]] | None:
    match = _OBJECT.fullmatch(text)
    if match is None:
        return None
    key = match["key"]
    place = match.re.groupindex["key"]
    a, b, c, d = map(float, match.group(place + 1, place + 2, place + 3, place + 4))
    found, written, why = under_key(
        key, (a, b, c, d), KEYS[plain_key(key)], order, match["first"] or match["last"] or ""
    )
    return one_of_several(found, written, match.start("value"), why)


def plain_point(text: str, turned: bool) -> tuple[float, float] | None:
    """Return the only point, x first, of a text in one of the commonest forms that hold no box; None for other texts.

    >>> plain_point("Click (12, 34).", False), plain_point('{"point_2d": [12, 34]}', True), plain_point("12, 34", False)
    ((12.0, 34.0), (12.0, 34.0), None)
    """
    if not text.isascii():
        return None
    if "{" in text:
        match = _POINT_OBJECT.fullmatch(text)
        if match is None:
            return None
        place = match.re.groupindex["key"]
        first, second = float(match[place + 1]), float(match[place + 2])
        named = match["key"] == "point_2d"
    else:
        tag = _POINT_TAG.fullmatch(text) if "<" in text else None
        match = tag or _POINT.fullmatch(text)
        if match is None:
            return None
        first, second = float(match[1]), float(match[2])
        named = tag is not None
    return (second, first) if turned and not named else (first, second)
