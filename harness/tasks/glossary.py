"""Every number that tasks print under a name of their own, by name: what reports, docs and ``metrics show`` tell."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import UsageError
from harness.estimate import Number
from harness.registry import registry


def of_kind(kind: str) -> Mapping[str, Number]:
    """Return the numbers that a task kind says it computes by itself; none where the kind is not installed here.

    A kind of a plug-in may give sentences in place of numbers.

    >>> of_kind("sampling")["recall_gain"].bounds
    (-1.0, 1.0)
    """
    try:
        told: Any = getattr(registry("tasks").load(kind), "glossary", {})
    except UsageError:
        return {}
    if not isinstance(told, Mapping):
        return {}
    return {name: one if isinstance(one, Number) else Number(name, str(one), unit="") for name, one in told.items()}


@cache
def numbers() -> Mapping[str, Mapping[Number, tuple[str, ...]]]:
    """Return all numbers by name, each with the kinds of task that print it: one name can mean several things.

    >>> list(numbers()["retained_accuracy"].values())
    [('adversarial', 'sweep', 'temporal')]
    """
    found: dict[str, dict[Number, tuple[str, ...]]] = {}
    for kind in registry("tasks").names():
        for name, one in of_kind(kind).items():
            kinds = found.setdefault(name, {})
            kinds[one] = (*kinds.get(one, ()), kind)
    return dict(sorted(found.items()))
