"""What moved between two frozen results: a line each, as ``part task/metric: field, before → after``."""

import math
from collections.abc import Iterator
from typing import Any

from tests.golden.record import Frozen

RELATIVE = 1e-9
_MAY_APPEAR = frozenset({"low", "high", "estimate", "p_value", "before", "after"})
"""Where there was no number there may be one now; anywhere else, a number for a null has moved."""
_DRAWN = {"low": "tolerance", "high": "tolerance", "p_value": "p_tolerance"}
_NOT_COMPARED = frozenset({"tolerance", "p_tolerance"})


def differences(before: Frozen, after: Frozen) -> list[str]:
    """Return what moved or went; what is new is no difference."""
    return [
        f"{part} {name}: {said}"
        for part, rows in before.items()
        for name, row in rows.items()
        for said in _moved(row, after[part].get(name))
    ]


def _moved(before: dict[str, Any], after: dict[str, Any] | None) -> Iterator[str]:
    if after is None:
        yield "is gone"
        return
    for field, old in before.items():
        new = after.get(field)
        if field not in _NOT_COMPARED and not _same(field, old, new, before):
            yield f"{field}, {old!r} → {new!r}"


def _same(field: str, old: object, new: object, row: dict[str, Any]) -> bool:
    if old is None and field in _MAY_APPEAR:
        return True
    if field == "method" and row.get("low") is None and not old:
        return True
    if not isinstance(old, float) or not isinstance(new, (int, float)):
        return old == new
    absolute = row.get(_DRAWN.get(field, ""), 0.0)
    return math.isclose(old, new, rel_tol=RELATIVE, abs_tol=absolute or RELATIVE)
