"""JSON as the standard has it: what Python's parser lets through by accident is an error here."""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

MAX_DEPTH: Final = 200


class StrictJSONError(ValueError):
    """The text is not JSON, or JSON that two parsers would read differently."""


def _pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        keys = [key for key, _ in items]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StrictJSONError(f"the key {twice!r} occurs twice in one object")
    return found


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise StrictJSONError(f"{text} is beyond the range of a double")
    return value


def _int(text: str) -> int:
    # The same limit as for fractions; and int() alone would take quadratic time on a long one.
    _float(text)
    return int(text)


def _constant(text: str) -> Any:
    raise StrictJSONError(f"{text} is not JSON")


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        StrictJSONError: if it is not JSON, or holds ``NaN``, ``Infinity``, ``1e400``, a key twice in one
            object, a lone surrogate, or more than ``MAX_DEPTH`` levels.

    >>> parse_json('{"a": 1}')
    {'a': 1}
    """
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_float=_float, parse_int=_int, parse_constant=_constant)
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
