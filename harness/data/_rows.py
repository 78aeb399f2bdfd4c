"""What a row of a user's file may hold: keys that are known, values of their kinds, and no guess where one is not."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Final, Literal

from harness.errors import ConfigError, Issue, did_you_mean
from harness.unreadable import why_unreadable

Extra = Literal["forbid", "allow", "ignore"]
"""What becomes of keys that nothing reads."""
OnBroken = Literal["refuse", "skip"]
"""What becomes of rows that cannot be read."""
Unanswered = Literal["refuse", "ask"]
"""What becomes of rows without a right answer."""

Row = Mapping[str, Any]

_EXACT: Final = 2**53
"""Whole floats below it are exact, so that their digits are what was meant."""


def two_levels(value: tuple[float, float] | None) -> tuple[float, float] | None:
    """Check the key ``range``: what is black and what is white in images of more than 8 bits."""
    if value is not None and not (math.isfinite(value[0]) and math.isfinite(value[1]) and value[0] != value[1]):
        raise ValueError("two different finite numbers, that of black first")
    return value


def refuse_pointer(path: Path) -> None:
    """See that a file holds rows and not what stands for it.

    Raises:
        ConfigError: with what it is, and what to do.
    """
    if path.stat().st_size and (said := why_unreadable(path)):
        raise ConfigError(Issue(("path",), f"{path} holds no rows: {said}"))


def refuse_array(path: Path) -> None:
    """See that a file is not one JSON array: of such a file every line would be a broken row of its own.

    Raises:
        ConfigError: with how to make rows of it.
    """
    with path.open("rb") as lines:
        first = next((line.strip() for line in lines if line.strip()), b"").removeprefix(b"\xef\xbb\xbf").lstrip()
        if not first.startswith(b"["):
            return
        if _is_json(first) and any(line.strip() for line in lines):
            return  # a list a line: its rows say so themselves
    said = f"{path.name} is one JSON array, not a row a line"
    hint = f"write each of its objects on a line of its own: jq -c '.[]' {path.name} > {path.stem}-rows.jsonl"
    raise ConfigError(Issue(("path",), said, hint))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def parsed(line: str | bytes) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        ValueError: if it is no JSON, holds half a surrogate pair, or says one key twice.
        TypeError: if it is JSON of another kind.
        RecursionError: if it is nested too deeply.

    >>> parsed('{"a": 1}')
    {'a': 1}
    """
    # What is plain ASCII without escapes, as most lines are, needs no look at its encoding nor at surrogates.
    simple = isinstance(line, bytes) and line.isascii() and b"\\u" not in line and b"\0" not in line
    try:
        row = _DECODE(line.decode("ascii")) if simple and isinstance(line, bytes) else _loaded(line)
    except json.JSONDecodeError as cause:
        comma = cause.msg == "Extra data" and cause.doc[cause.pos :].strip() == ","
        said = "there is a comma after the object; each line is an object of its own" if comma else cause.msg
        raise ValueError(f"not JSON, at column {cause.colno}: {said}") from cause
    if not simple:
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair raises a ValueError here
    if not isinstance(row, dict):
        raise TypeError("not a JSON object")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {key!r} stands twice, and only one of its values would be read")
    return found


_DECODE: Final = json.JSONDecoder(object_pairs_hook=_once).decode


def _loaded(line: str | bytes) -> Any:
    return json.loads(line, object_pairs_hook=_once)


def unknown(row: Row, known: Collection[str], extra: Extra) -> dict[str, Any]:
    """Return what a row carries beside the keys that are read: facts by their own names, with ``extra: allow``.

    Raises:
        TypeError: for the first of them, with what may have been meant, where they are forbidden.

    >>> unknown({"answer": "a", "mood": "mild"}, ["answer"], "allow")
    {'mood': 'mild'}
    >>> unknown({"imge": "a.png"}, ["answer", "image"], "forbid")
    Traceback (most recent call last):
    TypeError: unknown key 'imge'; did you mean 'image'? (`extra: allow` keeps such keys as facts, `ignore` drops them)
    """
    if extra == "ignore" or row.keys() <= (known if isinstance(known, Set) else set(known)):
        return {}
    others = {key: value for key, value in row.items() if key not in known}
    if extra == "forbid":
        key = next(iter(others))
        hint = did_you_mean(key, known)
        raise TypeError(f"unknown key {key!r}; {hint} (`extra: allow` keeps such keys as facts, `ignore` drops them)")
    return others


def no_answer(key: str) -> str:
    """Return what is wrong with a row without a right answer, and what to do where it is meant to have none."""
    return (f"{key!r} is missing or empty: the right answer, or a list of right answers (`unanswered: ask` asks such "
            "rows without scoring them)")  # fmt: skip


def as_text(value: Any, key: str) -> str:
    """Return a text, or the digits of a number: a whole one without point, so that ``42.0`` is met by "42".

    Raises:
        TypeError: if it is something else, NaN and infinities included.

    >>> [as_text(value, "answer") for value in ("42.0", 42, 42.0, 42.5, -0.0)]
    ['42.0', '42', '42', '42.5', '0']
    >>> as_text(math.nan, "answer")
    Traceback (most recent call last):
    TypeError: 'answer' is NaN, which stands for a value that is missing; give it, or take the row out
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key!r} is {_kind(value)}, neither text nor a number{_HINTS.get(type(value), '')}")
    if not math.isfinite(value):
        if math.isnan(value):
            raise TypeError(f"{key!r} is NaN, which stands for a value that is missing; give it, or take the row out")
        raise TypeError(f"{key!r} is infinite, which no answer is; write it as text if it is meant")
    return str(int(value)) if abs(value) < _EXACT and value == int(value) else str(value)


def optional_text(row: Row, key: str) -> str:
    """Return a key's text, or a number's digits; nothing where the key is absent, null or empty.

    Raises:
        TypeError: if it is something else.

    >>> optional_text({"cluster": 0}, "cluster"), optional_text({"cluster": None}, "cluster")
    ('0', '')
    """
    value = row.get(key)
    return "" if value is None else value if type(value) is str else as_text(value, key)


def required_text(row: Row, key: str) -> str:
    """Return a key's text.

    Raises:
        TypeError: if it is missing, or anything but text.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is missing or not text" + ("" if value is None else f": it is {_kind(value)}"))
    return value


def one_or_many(row: Row, one: str, many: str) -> tuple[str, list[Any]]:
    """Return what stands under a key in the singular or its plural, as a list, and the key that it stands under.

    Raises:
        TypeError: if both say something: only one would be read.

    >>> one_or_many({"answer": "a"}, "answer", "answers"), one_or_many({}, "image", "images")
    (('answer', ['a']), ('image', []))
    """
    single, several = row.get(one), row.get(many)
    if one != many and single is not None and several is not None:
        raise TypeError(f"both {one!r} and {many!r} are given, and only one of them would be read")
    key, found = (one, single) if several is None else (many, several)
    return key, found if isinstance(found, list) else [] if found is None else [found]


def texts(values: Iterable[Any], key: str) -> tuple[str, ...]:
    """Return each of several values as :func:`as_text` does."""
    return tuple([value if type(value) is str else as_text(value, key) for value in values])


def tags(row: Row, key: str) -> dict[str, str]:
    """Return the tags of a row: texts, numbers, true and false, each as text; null is no tag.

    Raises:
        TypeError: if they are no object, or one of them is a list or an object.

    >>> tags({"tags": {"hard": True, "page": 3.0, "kind": None}}, "tags")
    {'hard': 'True', 'page': '3'}
    """
    found = row.get(key)
    if found is not None and not isinstance(found, dict):
        raise TypeError(f"{key!r} is not an object: it is {_kind(found)}")
    if not found:
        return {}
    return {
        name: str(value) if isinstance(value, bool) else as_text(value, f"{key}.{name}")
        for name, value in found.items()
        if value is not None
    }


def _kind(value: Any) -> str:
    """Return what a JSON value is, in the words of JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    named = {str: "text", dict: "an object", list: "a list", int: "a number", float: "a number"}
    return named.get(type(value), type(value).__name__)


_HINTS: Final = {bool: '; write "yes" or "no", or what is meant'}
