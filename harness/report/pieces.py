"""JSON piece by piece: the same text as in one piece, which for a large page would be held several times."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_DEEP: Final = 3
"""So deep objects and lists of objects are opened; what is below is one piece."""


def pieces(value: Any, deep: int = _DEEP) -> Iterator[str]:
    """Yield the JSON of a value, without white space, a member of an object at a time.

    Raises:
        ValueError: if it holds a number that JSON has not.

    >>> "".join(pieces({"a": {"b": [1, "é"]}, "c": [{}, {"d": None}]}))
    '{"a":{"b":[1,"é"]},"c":[{},{"d":null}]}'
    """
    if deep and isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        yield "{"
        for number, (name, member) in enumerate(value.items()):
            yield f"{',' if number else ''}{json.dumps(name, ensure_ascii=False)}:"
            yield from pieces(member, deep - 1)
        yield "}"
    elif deep and isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value[:2]):
        yield "["
        for number, member in enumerate(value):
            yield "," if number else ""
            yield from pieces(member, deep - 1)
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def size_of(value: Any) -> int:
    """Return how many bytes the JSON of a value takes.

    >>> size_of({"é": [1, 2]})
    12
    """
    return sum(len(piece.encode("utf-8", "replace")) for piece in pieces(value))


__all__ = ["pieces", "size_of"]
