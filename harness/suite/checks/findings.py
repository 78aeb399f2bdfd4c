"""Findings about data by kind, each with the rows that it is about, and gates on how many there may be."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.suite.checks.gates import Gate
from harness.suite.checks.kinds import KINDS, UNUSABLE, WHOLE, said_of


@dataclass(frozen=True, slots=True)
class Spot:
    """A picture of a row."""

    dataset: str
    where: str
    """The row, as ``file:line``."""
    picture: int = 0
    """Its place among the row's pictures."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row with a finding."""

    where: str
    """As ``file:line``."""
    said: str
    picture: int = 0
    """Which of the row's pictures it is about."""
    other: Spot | None = None
    """The picture that it is like."""

    def __str__(self) -> str:
        line = " ".join(self.said.split())
        return line if line.startswith(self.where) else f"{self.where}: {line}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate, and what came of it."""

    gate: Gate
    count: int
    rows: int
    """Of which it may be a share."""

    @property
    def met(self) -> bool:
        """Whether there are no more than it allows."""
        return self.gate.met(self.count, self.rows)

    def __str__(self) -> str:
        return f"gate {self.gate}: {'met' if self.met else 'failed'}, {self.count:,} of {self.rows:,} rows"


@dataclass(slots=True)
class Findings:
    """All that was found."""

    rows: int = 0
    pictures: int = 0
    datasets: dict[str, int] = field(default_factory=dict)
    found: dict[tuple[str, str], list[Row]] = field(default_factory=dict)

    def add(self, kind: str, dataset: str, where: str, said: str, picture: int = 0, other: Spot | None = None) -> None:
        """Take note of one."""
        self.found.setdefault((kind, dataset), []).append(Row(where, said, picture, other))

    def count(self, kind: str, dataset: str = "") -> int:
        """Return how many rows, of one dataset or of all, have a finding of a kind."""
        return sum(len(rows) for (name, of), rows in self.found.items() if name == kind and dataset in ("", of))

    def judged(self, gate: Gate) -> Judged:
        """Return what came of a gate."""
        rows = self.datasets.get(gate.dataset, 0) if gate.dataset else self.rows
        return Judged(gate, self.count(gate.kind, gate.dataset), rows)

    @property
    def unusable(self) -> bool:
        """Whether there are rows that cannot be read or shown."""
        return any(kind in UNUSABLE for kind, _ in self.found)

    def ordered(self) -> list[tuple[str, str, list[Row]]]:
        """Return kinds, datasets and rows in the order of :data:`KINDS`."""
        order = {kind: place for place, kind in enumerate(KINDS)}
        return [(kind, name, self.found[kind, name]) for kind, name in sorted(self.found, key=lambda k: order[k[0]])]

    def told(self, most: int) -> Iterator[str]:
        """Yield a paragraph for each kind and dataset, with so many of the rows; unusable ones are all named."""
        for kind, name, rows in self.ordered():
            count = len(rows)
            shown = rows if kind in UNUSABLE else rows[:most]
            if kind in WHOLE:
                yield "\n  ".join([f"{KINDS[kind]} in the dataset {name!r}:", *(row.said for row in rows)])
                continue
            head = f"{count:,} row{'s' if count != 1 else ''} of the dataset {name!r} {said_of(kind, count)}:"
            more = [f"… and {count - len(shown):,} more"] if count > len(shown) else []
            yield "\n  ".join([head, *map(str, shown), *more])

    def as_data(self, gates: Iterable[Gate]) -> dict[str, Any]:
        """Return them as plain JSON."""
        return {
            "rows": self.rows,
            "pictures": self.pictures,
            "datasets": self.datasets,
            "findings": [
                {
                    "kind": kind,
                    "dataset": name,
                    "what": KINDS[kind],
                    "count": len(rows),
                    "rows": [{"where": row.where, "said": row.said} for row in rows],
                }
                for kind, name, rows in self.ordered()
            ],
            "gates": [{"gate": str(one.gate), "count": one.count, "met": one.met} for one in map(self.judged, gates)],
        }
