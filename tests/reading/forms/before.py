"""The readers as they stood at commit 425e743, before there was one layer for reading; runs only in its checkout."""

from typing import Any

from harness.metrics._moments import read
from harness.metrics.strict_json import StrictJSONError, parse_json

from harness.metrics import extract, relaxed
from harness.metrics.boxes import find_boxes, find_points
from tests.reading.forms.table import Row

_ANSWER = extract.chain(["strip_thinking", "final_answer"])
_CHOICE = extract.chain(["strip_thinking", "final_answer", "choice_letter"])
_YES_NO = extract.chain(["strip_thinking", "final_answer", "yes_no"])
_JSON = extract.chain(["strip_thinking", "json_in_prose"])


def value(row: Row) -> Any:
    """Return what the best steps of that time read of a row, None for unparsed."""
    if row.kind in ("answer", "thinking"):
        return _ANSWER(row.text)
    if row.kind == "choice":
        return _CHOICE(row.text)
    if row.kind == "yes_no":
        return _YES_NO(row.text)
    if row.kind == "json":
        return _json(row.text)
    text = extract.strip_thinking(row.text)
    if text is None:
        return None
    if row.kind == "number":
        said = extract.final_answer(text)
        number = None if said is None else relaxed._read(said)
        return None if number is None else (number.value, number.percent)
    if row.kind in ("box", "point"):
        found = find_boxes(text) if row.kind == "box" else find_points(text)
        swapped = row.order == "yxyx"
        return [[*one[1::-1], *one[:1:-1]] if swapped else one for one in found] or None
    if row.kind == "span":
        return read(text).windows
    times = set(read(text).times)
    return times.pop() if len(times) == 1 else None


def _json(text: str) -> Any:
    found = _JSON(text)
    try:
        return None if found is None else parse_json(found)
    except StrictJSONError:
        return None
