"""The table of written forms: what models write, and what a careful reader takes it to say."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

KINDS: Final = ("choice", "number", "box", "point", "span", "time", "yes_no", "json", "answer", "thinking")
LANGUAGES: Final = ("en", "de", "fr", "es", "pt", "it", "zh", "ja")
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """One written form."""

    kind: str
    number: int
    """Its line in the file of its kind."""
    text: str
    language: str
    source: str
    unparsed: bool
    """Whether no one reading is right."""
    right: Any
    """The right reading; where it is unparsed, the readings that compete."""
    options: tuple[str, ...] = ()
    order: str = "xyxy"
    frame: str | None = None
    """What the numbers of ``right`` count, where the form itself says it."""
    percent: bool = False

    def __str__(self) -> str:
        said = "unparsed" if self.unparsed else json.dumps(self.right, ensure_ascii=False)
        return f"{self.kind}.jsonl:{self.number} {self.text!r} -> {said}"

    def met_by(self, got: Any) -> bool:
        """Whether a reader's value, None where it reads nothing, is the right reading."""
        if self.unparsed or got is None:
            return self.unparsed and got is None
        if self.kind == "number":
            value, percent = got
            return Fraction(self.right) == value and percent == self.percent
        if self.kind in ("answer", "thinking"):
            return _bare(got) == _bare(self.right)
        if self.kind in ("box", "point", "span"):
            return [[*map(float, one)] for one in got] == [[*map(float, one)] for one in self.right]
        # 1 and true are equal in Python and differ in JSON.
        return _canonical(got) == _canonical(self.right) if self.kind == "json" else bool(got == self.right)


def rows(kind: str) -> Iterator[Row]:
    """Yield the rows of a kind."""
    with (_HERE / f"{kind}.jsonl").open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            unparsed = "unparsed" in row
            row["right"] = row.pop("unparsed") if unparsed else row["right"]
            row["options"] = tuple(row.get("options", ()))
            yield Row(kind=kind, number=number, unparsed=unparsed, **row)


def _bare(text: str) -> str:
    """Drop the full stop that may or may not belong to an answer in words."""
    return text.strip().rstrip(".。").rstrip()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
