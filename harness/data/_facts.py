"""Facts in a user's rows: under `facts`, or beside the other keys where their names are known."""

from collections.abc import Collection, Mapping
from typing import Any

from harness.facts import known, wrong
from harness.types import JSON


def fact_keys(fields: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """Return the keys of a row that are facts, each with the fact's name.

    Args:
        fields: other names for keys, as the dataset's configuration gives them.
        own: keys that the layout uses for something else.

    >>> fact_keys({"choices": "options", "answer": "label"}, ["answer"])["options"]
    'choices'
    """
    taken = {fields.get(key, key) for key in own}
    keys = {fields.get(name, name): name for name in known() if name not in own}
    return {key: name for key, name in keys.items() if key not in taken}


def facts_of(
    row: Mapping[str, Any], keys: Mapping[str, str], under: str = "facts", others: Mapping[str, Any] | None = None
) -> dict[str, JSON]:
    """Return the facts of a row; what is null is none, and what stands under ``under`` comes first.

    Args:
        row: as it was parsed.
        keys: which of its keys are facts, and their names.
        under: the key of an object of facts.
        others: what else it carries, by the facts' names.

    Raises:
        TypeError: if a fact does not have its form.
    """
    told = row.get(under)
    if told is not None and not isinstance(told, dict):
        raise TypeError(f"{under!r} is not an object")
    beside = {keys[key]: value for key, value in row.items() if key in keys}
    if others:
        beside = {**others, **beside}
    if not told and not beside:
        return {}
    found = {name: value for name, value in {**beside, **(told or {})}.items() if value is not None}
    if said := wrong(found):
        raise TypeError(said)
    return found
