"""The fields of a JSON value: where they are, and which of them are numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

MOST_SCHEMAS: Final = 100
"""Schemas that refer to each other in a circle end here."""


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value with their paths; an empty object or list is a leaf.

    >>> list(flatten({"a": [1, {"b": None}], "c": []}))
    [('.a[0]', 1), ('.a[1].b', None), ('.c', [])]
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flatten(item, f"{path}.{_quoted(key)}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from flatten(item, f"{path}[{index}]")
    else:
        yield path, value


def _quoted(key: str) -> str:
    return key if key.isidentifier() else repr(key)


def numeric_fields(value: Any, schema: Any = None) -> frozenset[str]:
    """Return the paths of the leaves of ``value`` that are numbers: by a JSON Schema, else by their own type.

    Of a schema it reads ``type``, ``properties``, ``additionalProperties``, ``items``, ``prefixItems``, ``anyOf``,
    ``oneOf``, ``allOf`` and references within it.

    >>> schema = {"properties": {"year": {"type": "string"}, "total": {"type": "number"}}}
    >>> sorted(numeric_fields({"year": 2020, "total": "5", "n": 1}, schema))
    ['.n', '.total']
    """
    return frozenset(_numeric(value, [schema], schema, ""))


def _numeric(value: Any, schemas: Sequence[Any], root: Any, path: str) -> Iterator[str]:
    said = list(_alternatives(schemas, root))
    if isinstance(value, dict) and value:
        for key, item in value.items():
            inner = [one.get("properties", {}).get(key, one.get("additionalProperties")) for one in said]
            yield from _numeric(item, inner, root, f"{path}.{_quoted(key)}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            inner = [dict(enumerate(one.get("prefixItems", ()))).get(index, one.get("items")) for one in said]
            yield from _numeric(item, inner, root, f"{path}[{index}]")
    else:
        types = {name for one in said for name in _listed(one.get("type"))} - {"null"}
        by_type = bool(types & {"number", "integer"}) and "string" not in types
        if by_type if types else isinstance(value, int | float) and not isinstance(value, bool):
            yield path


def _alternatives(schemas: Sequence[Any], root: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all schemas that may hold, references followed."""
    waiting, seen = list(schemas), 0
    while waiting and seen < MOST_SCHEMAS:
        schema = waiting.pop(0)
        seen += 1
        if not isinstance(schema, Mapping):
            continue
        yield schema
        for word in ("anyOf", "oneOf", "allOf"):
            waiting.extend(schema.get(word, ()))
        if str(schema.get("$ref", "")).startswith("#/"):
            waiting.append(_referred(root, schema["$ref"]))


def _referred(root: Any, reference: str) -> Any:
    here = root
    for name in reference[2:].split("/"):
        here = here.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(here, Mapping) else None
    return here


def _listed(types: Any) -> Sequence[str]:
    return [types] if isinstance(types, str) else types or ()
