"""What a task kind says of a number that it computes by itself: once, for the statistic, the report and the docs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.estimate.statistic import SHARE, Bounds, Node, Statistic
from harness.types import Direction


@dataclass(frozen=True, slots=True)
class Number:
    """A number with a name of its own: what it means, and how it is read.

    >>> from harness.estimate import column, mean
    >>> drop = Number("drop", "How far a score falls.", "lower", bounds=(-1.0, 1.0))
    >>> found = drop.over(mean(column("drop", "fog")), "[fog]")
    >>> found.name, found.direction, found.bounds
    ('drop[fog]', 'lower', (-1.0, 1.0))
    """

    name: str
    meaning: str
    """Sentences: what it is, over what, and when there is none."""
    direction: Direction = "higher"
    unit: str = "share"
    bounds: Bounds = SHARE
    source: str = ""
    """Who defined it, where somebody did."""
    paired: bool = True
    """As of a :class:`Statistic`, and so is what follows."""
    untestable: str = ""
    launches: bool = False

    def over(self, of: Node, tail: str = "", **known: Any) -> Statistic:
        """Return the statistic that it is over some cells.

        Args:
            of: its form.
            tail: what follows the name, where there are several of it: ``[fog]``, ``@12``.
            known: what the task's configuration says better: a unit, bounds, a direction.
        """
        told = {"direction": self.direction, "unit": self.unit, "bounds": self.bounds}
        rest = {"paired": self.paired, "untestable": self.untestable, "launches": self.launches}
        return Statistic(self.name + tail, of, **{**told, **rest, **known})


def glossary_of(*told: Number) -> Mapping[str, Number]:
    """Return numbers by name.

    >>> list(glossary_of(Number("tpr", "What is flagged of the sets.")))
    ['tpr']
    """
    return {one.name: one for one in told}
