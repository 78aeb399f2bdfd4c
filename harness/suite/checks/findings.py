"""Findings about data by kind, each with the rows that it is about, and gates on how many there may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.errors import UsageError, did_you_mean

KINDS: Final[Mapping[str, str]] = {
    "broken": "cannot be read",
    "media": "have media that cannot be opened",
    "tiny": "show a picture of fewer than 16 px on a side",
    "huge": "show a picture of more than 20 megapixels",
    "blank": "show a picture of one colour",
    "turned": "show a picture that its EXIF turns: boxes and published numbers may be in its pixels as they lie",
    "pages": "show a picture of several pages, of which the first is seen",
    "repeated": "stand there twice: question, pictures and answers are the same",
    "same-picture": "show a picture that stands there under another name: they are no independent samples",
    "near-picture": "show a picture that is nearly another one: they are hardly independent samples",
    "leakage": "are known from another split",
    "contradiction": "ask what another row asks of the same picture, and give other answers",
    "no-option": "have an answer that is none of their options",
    "options": "have options that are empty or the same",
    "letters": "balance of the right letters",
    "yes-no": "balance of yes and no",
    "majority": "balance of the answers",
    "box": "have boxes that are flat, turned round or outside of the picture",
    "marker": "have markers that do not fit their pictures",
    "length": "have a question that is empty or very long",
    "script": "are written in another script than nearly all others",
    "window": "have a window that reaches beyond the clip",
}
"""What there is to find, in the words that follow "3 rows of the dataset 'rows'"."""

UNUSABLE: Final = frozenset({"broken", "media"})
"""Kinds that make a check fail without any gate."""
_WHOLE: Final = frozenset({"letters", "yes-no", "majority"})
"""Kinds that are about all rows together."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row with a finding."""

    where: str
    """As ``file:line``."""
    said: str

    def __str__(self) -> str:
        line = " ".join(self.said.split())
        return line if line.startswith(self.where) else f"{self.where}: {line}"


@dataclass(frozen=True, slots=True)
class Gate:
    """How much of a kind there may be."""

    kind: str
    most: float
    share: bool
    """Whether ``most`` is a share of the rows rather than a number of them."""

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Read ``kind=3`` or ``kind=1%``.

        Raises:
            UsageError: if it is not of that form, or the kind is unknown.

        >>> Gate.parse("leakage=0"), Gate.parse("repeated=0.5%").most
        (Gate(kind='leakage', most=0.0, share=False), 0.005)
        """
        kind, equals, most = text.partition("=")
        if kind not in KINDS:
            raise UsageError(f"--gate {text!r}: unknown kind {kind!r}; {did_you_mean(kind, KINDS)}")
        try:
            value = float(most.removesuffix("%"))
            if not equals or not 0 <= value < float("inf"):
                raise ValueError(most)
        except ValueError:
            raise UsageError(f"--gate {text!r} is not of the form KIND=NUMBER or KIND=SHARE%") from None
        share = most.endswith("%")
        return cls(kind, value / 100 if share else value, share)

    def met(self, count: int, rows: int) -> bool:
        """Return whether so many of so many rows are allowed."""
        return (count / rows if rows else 0.0) <= self.most if self.share else count <= self.most

    def __str__(self) -> str:
        return f"{self.kind}={self.most:.6g}" if not self.share else f"{self.kind}={self.most * 100:.6g}%"


@dataclass(slots=True)
class Findings:
    """All that was found."""

    rows: int = 0
    pictures: int = 0
    datasets: dict[str, int] = field(default_factory=dict)
    found: dict[tuple[str, str], list[Row]] = field(default_factory=dict)

    def add(self, kind: str, dataset: str, where: str, said: str) -> None:
        """Take note of one."""
        self.found.setdefault((kind, dataset), []).append(Row(where, said))

    def count(self, kind: str) -> int:
        """Return how many rows have a finding of a kind."""
        return sum(len(rows) for (name, _), rows in self.found.items() if name == kind)

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
            if kind in _WHOLE:
                yield "\n  ".join([f"{KINDS[kind]} in the dataset {name!r}:", *(row.said for row in rows)])
                continue
            head = f"{count:,} row{'s' if count != 1 else ''} of the dataset {name!r} {KINDS[kind]}:"
            more = [f"… and {count - len(shown):,} more"] if count > len(shown) else []
            yield "\n  ".join([head, *map(str, shown), *more])

    def as_data(self, gates: list[Gate]) -> dict[str, Any]:
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
            "gates": [
                {"gate": str(gate), "count": self.count(gate.kind), "met": gate.met(self.count(gate.kind), self.rows)}
                for gate in gates
            ],
        }
