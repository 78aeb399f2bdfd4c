"""JSON in what models write: strictly as the standard has it, or in a fence, in prose, and with slips of the pen."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from harness.reading.clean import narrow, visible
from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.loose import BrokenJSONError, read_loosely
from harness.reading.stated import statements
from harness.types import JSON

MAX_DEPTH: Final = 200
_MOST: Final = 1000
"""Values that are read from one text."""


class StrictJSONError(ValueError):
    """The text is not JSON, or JSON that two parsers would read differently."""


def _pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        # The last place of each key: the first that is not at its last place occurs again.
        last = {key: place for place, (key, _) in enumerate(items)}
        twice = next(key for place, (key, _) in enumerate(items) if last[key] != place)
        raise StrictJSONError(f"the key {twice!r} occurs twice in one object")
    return found


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise StrictJSONError(f"{text:.40} is beyond the range of a double")
    return value


def _int(text: str) -> int:
    # The same limit as for fractions; and int() alone would take quadratic time on a long one.
    _float(text)
    return int(text)


def _constant(text: str) -> NoReturn:
    raise StrictJSONError(f"{text} is not JSON")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_float, parse_int=_int, parse_constant=_constant
)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        StrictJSONError: if it is not JSON, or holds ``NaN``, ``Infinity``, ``1e400``, a key twice in one
            object, a lone surrogate, or more than ``MAX_DEPTH`` levels.

    >>> parse_json('{"a": 1}')
    {'a': 1}
    """
    try:
        if text.startswith("\ufeff"):
            raise StrictJSONError("it begins with a byte order mark")
        value = _STRICT.decode(text)
        text.encode()
        _check(value, MAX_DEPTH)
    except StrictJSONError:
        raise
    except (ValueError, RecursionError) as cause:
        raise StrictJSONError(str(cause)) from cause
    return value


def _check(value: Any, depth: int) -> None:
    if not depth and isinstance(value, dict | list):
        raise StrictJSONError(f"more than {MAX_DEPTH} levels deep")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode()
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)


def parse_json_leniently(text: str) -> Any:
    """Return what Python's own parser makes of ``text``: NaN, infinities and repeated keys included.

    Raises:
        StrictJSONError: if even that fails.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise StrictJSONError(str(cause)) from cause


def read_json(text: str) -> Reading[JSON]:
    r"""Return the JSON value that a text gives: the whole of it, what stands in its fences, or what stands in prose.

    Each is tried strictly and then with the slips that :func:`~harness.reading.loose.read_loosely` mends; ``why`` says
    where the value was found and what was mended. Values that differ compete, but an object, or a list of objects,
    goes before a list of plain values, which may be a footnote. What begins as an object and can't be read to its end
    is never read in parts: neither what it holds nor what stands behind it is the answer.

    A text that is ``null`` has the value None and says so in ``why``.

    >>> read_json('{"a": 1}').why, read_json("Here:\n```json\n{'a': 1,}\n```").why
    ('JSON', 'JSON in a fence; mended: single quotes, a comma before a bracket')
    >>> read_json('See [1]: {"a": 1}').value, read_json('{"a": 1} or {"a": 2}').why
    ({'a': 1}, '2 readings compete: \'{"a": 1}\', \'{"a": 2}\'')
    >>> read_json('{"total": 5, "tax": {"rate": 1}').value
    """
    stripped = text.strip()
    if not stripped:
        return nothing("an empty text")
    found, broken = _found(text, stripped)
    if not found and ("｛" in text or "［" in text):
        plain = _WIDE.sub(lambda mark: mark[0] if mark[0][0] == '"' else narrow(mark[0]), text)
        return read_json(plain) if plain != text else nothing(broken or "no JSON")
    if broken:
        return Reading(None, broken, tuple(found))
    if len(found) == 1 and found[0].value is None:
        return nothing(f"{found[0].why}: null")
    heavy = _weightiest(found)
    reading = agreed(heavy, "no JSON", _canonical)
    return agreed(_stated(text, heavy), reading.why, _canonical) if reading.competing else reading


def json_values(text: str) -> tuple[Found[JSON], ...]:
    """Return every JSON value of a text, in its order; none where one of them can't be read to its end.

    >>> [one.value for one in json_values('{"a": 1}, {"a": 2}')]
    [{'a': 1}, {'a': 2}]
    """
    stripped = text.strip()
    found, broken = _found(text, stripped) if stripped else ([], "")
    return () if broken else tuple(found)


def _found(text: str, stripped: str) -> tuple[list[Found[JSON]], str]:
    """Return the values that may be meant, and why they can't be relied on; an empty string where they can."""
    alone = _alone(stripped, text.index(stripped[0]), "JSON")
    if alone is not None:
        return [alone], ""
    fenced = [one for at, body in fences(text) if (one := _alone(body, at, "JSON in a fence")) is not None]
    return (fenced, "") if fenced else _in_prose(text)


def _canonical(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _weightiest(found: Sequence[Found[JSON]]) -> Sequence[Found[JSON]]:
    """Return those that hold an object, where some do: a list of plain values beside one is a footnote."""
    heavy = [one for one in found if _holds_object(one.value)]
    return heavy or found


def _stated(text: str, found: Sequence[Found[JSON]]) -> Sequence[Found[JSON]]:
    """Return those that stand where the answer is stated; all of them where none does."""
    marks = statements(text)
    if not marks or visible(text) != text:
        return found
    start = marks[-1].start
    end = start + len(marks[-1].text) if marks[-1].why.startswith("in ") else len(text)
    return [one for one in found if start <= one.start < end] or found


def _holds_object(value: JSON) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _alone(text: str, start: int, why: str) -> Found[JSON] | None:
    """Return what a whole text is; None where it is no JSON, or more than one value."""
    try:
        return Found(parse_json(text), text, start, why)
    except StrictJSONError:
        pass
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end, mended = read_loosely(text, 0, MAX_DEPTH)
    except BrokenJSONError:
        return None
    return Found(value, text, start, _mended(why, mended)) if end == len(text) else None


def _mended(why: str, mended: Sequence[str]) -> str:
    return f"{why}; mended: {', '.join(mended)}" if mended else why


_WIDE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[｛｝［］：，＂]', re.DOTALL)
"""Full-width marks of JSON, and the texts within which they are none."""
# Prose

_OPENING: Final = re.compile(r"[{\[]")
_PATIENCE: Final = 4
"""How often each character may be looked at, on average, before a text is given up: hostile ones stay linear."""


@dataclass(slots=True)
class _Budget:
    left: int

    def spend(self, characters: int) -> None:
        self.left -= characters + 50


def _in_prose(text: str) -> tuple[list[Found[JSON]], str]:
    """Return the outermost values in a text, and why it can't be relied on; an empty string where it can."""
    found: list[Found[JSON]] = []
    budget = _Budget(_PATIENCE * len(text) + 10_000)
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        at = opening.start()
        if budget.left < 0 or len(found) >= _MOST:
            return found, "too many brackets to find JSON among them"
        try:
            value, end, mended = _from(text, at, budget)
        except BrokenJSONError as broken:
            if broken.within_object:
                return found, f"the JSON at character {at} can't be read: {broken} at character {broken.at}"
            at += 1
            continue
        why = "the only JSON in the text" if not found else "JSON in prose"
        found.append(Found(value, text[at:end], at, _mended(why, mended)))
        at = end
    return found, ""


def _from(text: str, at: int, budget: _Budget) -> tuple[JSON, int, tuple[str, ...]]:
    """Return the value that begins at a bracket, where it ends, and what was mended."""
    try:
        value, end = _STRICT.raw_decode(text, at)
        budget.spend(end - at)
        text[at:end].encode()
        _check(value, MAX_DEPTH)
        return value, end, ()
    except StrictJSONError as cause:
        # A value that two parsers would read differently: no mending would tell which is meant.
        raise BrokenJSONError(str(cause), at, within_object=True) from cause
    except (ValueError, RecursionError) as cause:
        # An open string is looked for to the end of the text, wherever the error is said to be.
        cut = not isinstance(cause, json.JSONDecodeError) or cause.msg.startswith("Unterminated")
        budget.spend(len(text) - at if cut else getattr(cause, "pos", at) - at)
    try:
        value, end, mended = read_loosely(text, at, MAX_DEPTH)
    except BrokenJSONError as broken:
        budget.spend(broken.seen - at)
        raise
    budget.spend(end - at)
    return value, end, mended


# Fences

_FENCE: Final = "```"
_LANGUAGE: Final = re.compile(r"[ \t]*[\w+#.-]{0,20}[ \t]*(?:\r?\n|(?=[{\[])|$)")


def fences(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield where the content of each fenced block begins, and the content, without the name of its language.

    A fence that is never closed reaches to the end of the text.

    >>> list(fences("a\n```json\n[1]\n``` b ```{}```"))
    [(10, '[1]'), (23, '{}')]
    """
    start = text.find(_FENCE)
    while start >= 0:
        start += len(_FENCE)
        end = text.find(_FENCE, start)
        content = text[start:] if end < 0 else text[start:end]
        language = _LANGUAGE.match(content)
        body = content[language.end() :] if language else content
        inner = body.strip()
        if inner:
            yield start + len(content) - len(body) + body.index(inner), inner
        start = text.find(_FENCE, end + len(_FENCE)) if end >= 0 else -1
