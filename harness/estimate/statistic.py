"""What a number is, as data: a tree of forms over named columns, that goes to JSON and back.

A *column* is ``{"column": "wer", "at": ["clean"]}``: a task's rows in some cells, pooled; with ``"failed": "exclude"``
where an answer that never came must not count. A *row-wise operation* makes a column of others, sample by sample:
``{"row": "minus", "of": [a, b]}``. A *form* makes one number of columns or of other forms:
``{"form": "ratio", "of": [{"form": "sum", "of": edits}, {"form": "sum", "of": units}]}``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from harness.types import Direction

Node = Mapping[str, Any]
"""A column, a row-wise operation or a form."""

Bounds = tuple[float | None, float | None]
"""The least and the greatest value that there can be; None where there is no limit."""

SHARE: Final[Bounds] = (0.0, 1.0)
POSITIVE: Final[Bounds] = (0.0, None)
SIGNED: Final[Bounds] = (-1.0, 1.0)
ANY: Final[Bounds] = (None, None)


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number, defined once: its value, interval, slices, differences and forecast all come from here.

    >>> from harness.estimate import column, mean
    >>> accuracy = Statistic("accuracy", mean(column("accuracy", "clean")))
    >>> Statistic.from_plain(accuracy.plain()) == accuracy
    True
    """

    name: str
    of: Node
    direction: Direction = "higher"
    unit: str = "share"
    bounds: Bounds = SHARE
    where: Mapping[str, str] = field(default_factory=dict)
    """The slice that it is about: only samples with these values of these tags."""
    paired: bool = True
    """False where the rows of two runs are no pairs: calls that were timed, say."""
    untestable: str = ""
    """Why two runs cannot be compared by it, known before anything is asked; empty where they can."""
    launches: bool = False
    """Whether its rows are launches of a program: a ratio of two runs is then judged by them (Welch's t on logs)."""
    worst: float | None = None
    """The most that one row of a ratio of sums can be worth, where the ratio has no upper bound; None: not known."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values; what is as by default is left out."""
        whole: dict[str, Any] = {
            "name": self.name,
            "of": self.of,
            "direction": self.direction,
            "unit": self.unit,
            "bounds": list(self.bounds),
        }
        rest = {"where": dict(self.where), "untestable": self.untestable}
        whole |= {key: value for key, value in rest.items() if value}
        whole |= {"launches": True} if self.launches else {}
        whole |= {} if self.worst is None else {"worst": self.worst}
        return whole if self.paired else whole | {"paired": False}

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> Self:
        """Return what :meth:`plain` wrote.

        Raises:
            ValueError: if it is no statistic.
        """
        try:
            return cls(**dict(found) | {"bounds": tuple(found["bounds"])})
        except (KeyError, TypeError) as cause:
            raise ValueError(f"not a statistic: {found!r:.200}") from cause

    @property
    def sign(self) -> int:
        """−1 where lower is better, else 1."""
        return -1 if self.direction == "lower" else 1

    @property
    def span(self) -> float | None:
        """How far two values of one row can lie apart; None where there is no limit."""
        low, high = self.bounds
        return None if low is None or high is None else high - low

    @property
    def refusal(self) -> str:
        """Why no drop of it can ever be tested; empty where one can."""
        if self.untestable:
            return self.untestable
        if self.direction == "none":
            return "no way of it is better, so there is no drop; gate it by `min` and `max`"
        return "" if self.paired else "its rows are no pairs in two runs; gate it by `max_ratio`"

    @property
    def mean_of(self) -> Node | None:
        """The column whose plain mean this is; exact tests and t intervals are for these."""
        return self.of["of"] if self.of["form"] == "mean" else None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What a record says of one column of scores, so that whoever reads it needs no metric and no task."""

    direction: Direction = "higher"
    unit: str = "share"
    bounds: Bounds = SHARE
    worth: float | None = None
    """What a failed answer counts; None leaves it out."""
    binary: bool = False
    """Whether every value, the worth of a failure included, is 0 or 1."""
    sum_of: str = ""
    """The column whose status it shares, for a sum that stands beside a value: a failure then counts what is stored."""

    @property
    def flips(self) -> bool:
        """Whether it tells right from wrong, so that an answer can change sides."""
        return self.direction == "higher" and self.bounds == SHARE and not self.sum_of


ANYWHERE: Final = "*"
"""Stands for a cell in a statistic that is told for each cell."""


def placed(statistic: Statistic, *cells: str) -> Statistic:
    """Return a statistic that is told for each cell at one of them, or over several.

    >>> from harness.estimate import column, mean
    >>> placed(Statistic("m", mean(column("m", "*"))), "clean").of["of"]["at"]
    ['clean']
    """
    return replace(statistic, of=_moved(statistic.of, ANYWHERE, cells))


def anywhere(statistic: Statistic, cell: str) -> Statistic:
    """Return one cell's statistic as it is told for each cell."""
    return replace(statistic, of=_moved(statistic.of, cell, (ANYWHERE,)))


def _moved(node: Node, away: str, to: Sequence[str]) -> Node:
    if "column" in node:
        return {**node, "at": [new for name in node["at"] for new in (to if name == away else (name,))]}
    if "of" not in node:
        return node
    of = node["of"]
    many = isinstance(of, list | tuple)
    return {**node, "of": [_moved(one, away, to) for one in of] if many else _moved(of, away, to)}


def key(node: Node) -> str:
    """Return a text that equal nodes share."""
    return json.dumps(node, sort_keys=True)


def children(node: Node) -> list[Node]:
    """Return what a node is made of."""
    of = node.get("of", [])
    return list(of) if isinstance(of, list | tuple) else [of]


def forms_in(node: Node) -> Iterator[str]:
    """Yield the names of all forms of a tree."""
    if "form" in node:
        yield node["form"]
        for child in children(node):
            yield from forms_in(child)


def inputs_in(node: Node) -> Iterator[Node]:
    """Yield the columns, or row-wise operations, that the forms of a tree read."""
    if "form" not in node:
        yield node
        return
    for child in children(node):
        yield from inputs_in(child)


def columns_in(node: Node) -> Iterator[Node]:
    """Yield the columns of a tree, those within row-wise operations too."""
    if "column" in node:
        yield node
        return
    for child in children(node):
        yield from columns_in(child)


def cells_in(node: Node) -> list[str]:
    """Return the cells that a tree reads, each once, in order."""
    return list(dict.fromkeys(cell for column in columns_in(node) for cell in column["at"]))
