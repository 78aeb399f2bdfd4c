"""Lists of things as a suite names them: a bare name, or a mapping with parameters and a label of its own."""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

from harness.errors import Issue, UsageError
from harness.tasks._lookup import Key

Ref = str | dict[str, Any]
"""``knn``, or ``{detector: knn, k: 10, as: near}``."""

T = TypeVar("T")

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
"""What may be a label: it becomes part of file names, columns and table rows."""
_LABEL_HINT: Final = "use at most 80 letters, digits, '.', '_', '+' and '-'"


def named(
    ref: Ref, field: str, make: Callable[..., T], example: str, key: Key, issues: list[Issue]
) -> tuple[str, T] | None:
    """Return what one reference stands for, with its label; None where it is wrong, which is then an issue.

    Args:
        ref: as it stands in the suite.
        field: what it is, and the key under which a mapping has its name.
        make: called with the name and the parameters; may raise what it likes about them.
        example: a mapping that is right.
        key: where the reference stands in the task.
        issues: added to.
    """
    options = dict(ref) if isinstance(ref, dict) else {field: ref}
    name, label = options.pop(field, None), options.pop("as", None)
    if not isinstance(name, str):
        issues.append(Issue(key, f"a {field} needs its name", example))
        return None
    try:
        made = make(name, **options)
    except Exception as error:  # noqa: BLE001 - whatever a plug-in says to its parameters belongs to this line
        said = str(error) if isinstance(error, UsageError) else f"{field} {name!r}: {error}"
        issues.append(Issue((*key, field) if isinstance(ref, dict) else key, said))
        return None
    return str(label or name), made


def by_label(
    found: Iterable[tuple[Key, tuple[str, T] | None]], what: str, issues: list[Issue], taken: Collection[str] = ()
) -> dict[str, T]:
    """Return things by label; a label that is none, or that another has too, is an issue.

    Args:
        found: where each stands, with its label; None for one that is wrong already.
        what: they are, for messages.
        issues: added to.
        taken: labels that others have.
    """
    labelled: dict[str, T] = {}
    for key, one in found:
        if one is None:
            continue
        label, made = one
        if not _LABEL.fullmatch(label):
            issues.append(Issue(key, f"{label[:100]!r} cannot name a {what}", _LABEL_HINT))
        if label in labelled or label in taken:
            issues.append(Issue(key, f"two {what}s are called {label!r}", "give one another name with `as:`"))
        labelled[label] = made
    return labelled


def all_named(
    refs: Iterable[Ref], field: str, make: Callable[..., T], example: str, issues: list[Issue]
) -> dict[str, T]:
    """Return by label what the references under the task's key ``<field>s`` stand for.

    >>> all_named(["3", {"number": "4", "as": "four"}], "number", int, "{number: 3}", [])
    {'3': 3, 'four': 4}
    """
    at = [((f"{field}s", i), ref) for i, ref in enumerate(refs)]
    return by_label(((key, named(ref, field, make, example, key, issues)) for key, ref in at), field, issues)


def plain_ref(ref: Ref) -> Ref:
    """Return a reference as it stands in the suite, for the record."""
    return dict(ref) if isinstance(ref, dict) else ref
