"""What is made of columns row by row, by name: differences, flags, values that are looked up."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from harness.estimate.coded import Floats, Mask
from harness.estimate.statistic import Node


def _differs(node: Node, a: Floats, b: Floats, *scored: Floats) -> Floats:
    unknown = np.isnan(b)
    for column in scored:
        unknown = unknown | np.isnan(column)
    return np.where(unknown, np.nan, (np.isnan(a) | (a != b)).astype(np.float64))


def _flag(values: Floats, condition: Mask) -> Floats:
    return np.where(np.isnan(values), np.nan, condition.astype(np.float64))


def _looked_up(node: Node, a: Floats) -> Floats:
    table = np.asarray(node["values"], np.float64)
    there = ~np.isnan(a)
    found = np.full(len(a), np.nan)
    found[there] = table[a[there].astype(np.int64)]
    return found


ROW: Final[Mapping[str, Callable[..., Any]]] = {
    "minus": lambda node, a, b: a - b,
    "times": lambda node, a, b: a * b,
    "differs": _differs,
    "equals": lambda node, a: _flag(a, a == node["value"]),
    "at_least": lambda node, a: _flag(a, a >= node["value"]),
    "above": lambda node, a: _flag(a, a > node["value"]),
    "filled": lambda node, a: np.where(np.isnan(a), node["value"], a),
    "only": lambda node, a, b: np.where(b == 1, a, np.nan),
    "scaled": lambda node, a: node["by"] * a + node["plus"],
    "looked_up": _looked_up,
}
"""Row-wise operations, by name."""

_FLAGS: Final = ("differs", "equals", "at_least", "above")

Declared = Callable[[str], bool]
"""Whether a column of some name is binary: 0 or 1, a failure's worth included."""


def nothing_binary(name: str) -> bool:
    """Say of every column that it is graded."""
    return False


def is_binary(node: Node, declared: Declared) -> bool:
    """Return whether a column can hold 0 and 1 alone: as it is declared, never as its values happen to be.

    Args:
        node: a column or a row-wise operation.
        declared: whether the column of that name is binary, the worth of a failure included.
    """
    if "column" in node:
        return declared(node["column"])
    picked = node["row"] == "only" or (node["row"] == "grouped" and node["how"] in ("min", "max"))
    return is_binary(node["of"][0], declared) if picked else node["row"] in _FLAGS
