"""Names that a configuration picks from a fixed set."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel

from harness.errors import Issue, did_you_mean


def unknown_names(config: BaseModel, known: Mapping[str, Collection[str]]) -> list[Issue]:
    """Return an issue for each name that is not known, under the plural key that lists it."""
    return [
        Issue((key, i), f"unknown {key[:-1]} {name!r}", did_you_mean(name, names))
        for key, names in known.items()
        for i, name in enumerate(getattr(config, key))
        if name not in names
    ]
