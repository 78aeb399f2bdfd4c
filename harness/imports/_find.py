"""Which harness wrote what lies at a place: every importer looks, and exactly one may see a run."""

from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.imports._log import Found, Importer
from harness.imports._place import Place
from harness.registry import registry

_LAST: Final = "table"
"""Takes any table, and so is asked only where nobody else knows it."""
_NAMED: Final = 4


def importer(kind: str) -> Importer:
    """Return the importer of a kind.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    made: Importer = registry("importers").load(kind)()
    return made


def look(path: Path, kind: str | None = None) -> list[Found]:
    """Return the runs that lie at a path.

    Args:
        path: a file or a folder.
        kind: whose logs to look for; by default everybody's.

    Raises:
        UsageError: if the kind is unknown.
    """
    place = Place(path)
    if kind is not None:
        return list(importer(kind).look(place))
    found = [one for name in registry("importers").names() if name != _LAST for one in importer(name).look(place)]
    return found or (list(importer(_LAST).look(place)) if place.alone else [])


def find(path: Path, kind: str | None = None) -> Found:
    """Return the one run that lies at a path.

    Raises:
        UsageError: if there is none, or there are several, naming them.
    """
    if not path.exists():
        raise UsageError(f"there is no {path}")
    found = look(path, kind)
    if len(found) == 1:
        return found[0]
    known = ", ".join(registry("importers").names())
    if not found:
        if kind:
            raise UsageError(f"{path} is no log of {kind}")
        missing = "not a run: cannot read run.json there" if path.is_dir() else "not a run"
        raise UsageError(f"{path} is {missing}; nor is it a log of {known}")
    kinds = dict.fromkeys(one.kind for one in found)
    if len(kinds) > 1:
        named = "; ".join(f"{one.anchor} ({one.kind})" for one in found[:_NAMED])
        raise UsageError(f"{path} holds logs of {', '.join(kinds)}: {named}; name one of them, or its kind with --as")
    named = ", ".join(str(one.anchor) for one in found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
    raise UsageError(f"{path} holds {len(found)} runs of {found[0].kind}: {named}; name one of them")
