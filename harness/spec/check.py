"""Turn what pydantic finds into problems at the line where the text stands."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import Problem, did_you_mean
from harness.spec.described import descriptions
from harness.spec.document import Document, KeyPath

M = TypeVar("M", bound=BaseModel)

_NAMES: Final = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""What pydantic's errors about types ask for."""


def check(model: type[M], document: Document, path: KeyPath = (), leave_out: Iterable[str] = ()) -> M | list[Problem]:
    """Validate the part of ``document`` at ``path`` against ``model``.

    Args:
        model: a pydantic model.
        document: the whole document.
        path: where the part starts.
        leave_out: keys of the part that belong to somebody else.

    Returns:
        The model, or what is wrong, each problem at its place in the file.
    """
    part = document.value
    for step in path:
        part = part[step]
    if not isinstance(part, dict):
        return [document.problem(path, f"expected a mapping, got {describe(part)}")]
    omitted = set(leave_out)
    kept = {key: value for key, value in part.items() if key not in omitted}
    try:
        # Through JSON: strict about types, and still lists become tuples.
        return model.model_validate_json(json.dumps(kept))
    except ValidationError as error:
        return _problems(error.errors(include_url=False), model, document, path)
    except ValueError as error:
        return [document.problem(path, f"cannot be read: {error}")]


def describe(value: Any) -> str:
    """Return what a value is, in words.

    >>> describe([1]), describe("x"), describe(None)
    ('a list', "the text 'x'", 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, (bool, int, float)):
        return f"{_NAMES[type(value)]} ({json.dumps(value)})"
    return _NAMES.get(type(value), type(value).__name__)


def _problems(
    errors: Sequence[ErrorDetails], model: type[BaseModel], document: Document, path: KeyPath
) -> list[Problem]:
    """Return one problem for each place: where several types are allowed, pydantic reports every one of them."""
    places: dict[KeyPath, list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(document.known((*path, *error["loc"])), []).append(error)
    problems = []
    for place, found in places.items():
        if any(len(other) > len(place) and other[: len(place)] == place for other in places) and all(
            error["type"] == "too_short" or (error["type"] in _WANTED and isinstance(error["input"], dict))
            for error in found
        ):
            continue  # items that are wrong are not counted; of a mapping where text may stand, its keys are at fault
        types = [error for error in found if error["type"] in _WANTED]
        others = [error for error in found if error not in types]
        if types and not others:
            wanted = " or ".join(dict.fromkeys(_WANTED[error["type"]] for error in types))
            message = f"{_shown(place)}: expected {wanted}, got {describe(types[0]['input'])}"
            problems.append(document.problem(place, message, _explain(model, types[0]["loc"])))
        problems += [_problem(error, model, document, path) for error in others]
    return problems


def _shown(path: KeyPath) -> str:
    return ".".join(map(str, path)) or "the file"


def _problem(error: ErrorDetails, model: type[BaseModel], document: Document, path: KeyPath) -> Problem:
    location: Sequence[str | int] = error["loc"]
    here = (*path, *location)
    key = location[-1] if location else ""
    match error["type"]:
        case "extra_forbidden":
            known = _keys_at(model, location[:-1])
            return document.problem(here, f"unknown key {key!r}", did_you_mean(str(key), known), at_key=True)
        case "missing":
            return document.problem((*path, *location[:-1]), f"the key {key!r} is missing", _explain(model, location))
    message = f"{_shown(document.known(here))}: {_sentence(error)}"
    return document.problem(here, message, _explain(model, location), at_key=key == "[key]")


def _sentence(error: ErrorDetails) -> str:
    text = error["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return text if error["type"] == "value_error" else f"{text}; got {describe(error['input'])}"


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    found = _model_at(model, location)
    return list(found.model_fields) if found else []


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for step in location:
        if current is None:
            return None
        if isinstance(step, str) and step in current.model_fields:
            current = _model_in(current.model_fields[step].annotation)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found:
            return found
    return None


def _explain(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """Return the description of the field at ``location``, if it has one."""
    names = [step for step in location if isinstance(step, str)]
    for i in range(len(names) - 1, -1, -1):
        owner = _model_at(model, names[:i])
        if owner and names[i] in owner.model_fields:
            text = owner.model_fields[names[i]].description or descriptions(owner).get(names[i])
            return f"{names[i]}: {text}" if text else ""
    return ""
