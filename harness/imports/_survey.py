"""The first of two readings of a log: which scores, cells, tags and repeats it has, and what stands in it twice."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from harness.errors import UsageError
from harness.imports._log import RIGHT, Entry, Part, Scale, scale_of

MOST_SCORES: Final = 100
MOST_TAGS: Final = 30
_NAMED: Final = 5
_WITHIN: Final = 1e-9
_UNFIT: Final = re.compile(r"[/\x00-\x1f\x7f]")


@dataclass(slots=True)
class Range:
    """What the values of one score are like."""

    low: float = math.inf
    high: float = -math.inf
    binary: bool = True
    count: int = 0

    def add(self, value: float) -> None:
        """Take one value in."""
        self.count += 1
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.binary = self.binary and value in (0.0, 1.0)


@dataclass(slots=True)
class Surveyed:
    """What a task's samples hold."""

    part: Part
    ranges: dict[str, Range] = field(default_factory=dict)
    """By score."""
    shown: dict[str, set[str]] = field(default_factory=dict)
    """By cell: the scores that it has."""
    cells: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    """By cell: a hash of every sample, by its id and epoch; it holds for this process."""
    tags: dict[str, None] = field(default_factory=dict)
    epochs: int = 0
    twice: list[str] = field(default_factory=list)
    """Ids of samples that stand twice, the same both times."""

    def add(self, entry: Entry) -> None:
        """Take one sample in.

        Raises:
            UsageError: if it stands twice and differs, or has more scores than anyone can have.
        """
        for name, value in entry.scores.items():
            if name not in self.ranges and len(self.ranges) >= MOST_SCORES:
                raise UsageError(f"{entry.where}: task {entry.task!r} has more than {MOST_SCORES} scores")
            known = self.ranges.setdefault(name, Range())
            self.shown.setdefault(entry.cell, set()).add(name)
            if value is not None:
                known.add(value)
        for name in entry.tags:
            if len(self.tags) < MOST_TAGS:
                self.tags.setdefault(name)
        self.epochs = max(self.epochs, entry.epoch)
        seen = self.cells.setdefault(entry.cell, {})
        key = entry.id, entry.epoch
        held = hash((entry.prompt, *entry.content, *entry.references, entry.response, *entry.scores.items()))
        if key not in seen:
            seen[key] = held
            return
        if seen[key] != held:
            epoch = f" in epoch {entry.epoch}" if entry.epoch else ""
            said = f"{entry.where}: sample {entry.id!r} of task {entry.task!r} stands twice{epoch}, with other content"
            raise UsageError(f"{said}; a log must hold one run: remove one of them, or name the files of one run")
        self.twice.append(entry.id)

    @property
    def questions(self) -> list[str]:
        """Ids of all questions of the first cell, each once."""
        return list(dict.fromkeys(name for name, _ in next(iter(self.cells.values()), {})))

    def scales(self) -> dict[str, Scale]:
        """Return what every score is, the headline first."""
        names = dict.fromkeys([*(name for name in self.part.scales if name in self.ranges), *self.ranges])
        return {name: self._scale(name) for name in names}

    def _scale(self, name: str) -> Scale:
        told, seen = self.part.scales.get(name, Scale(known=False)), self.ranges[name]
        common = scale_of(name)
        if not told.known:
            told = common
        low, high = told.bounds
        if low is None and high is None and seen.count and seen.binary and told.direction == "higher":
            return Scale(told.direction, RIGHT.bounds, "share", told.worth, binary=True)
        if low is None and high is None and common.direction == told.direction:
            low, high = common.bounds
        beyond = (low is not None and seen.low < low - _WITHIN) or (high is not None and seen.high > high + _WITHIN)
        if seen.count and beyond:
            said = (
                f"{name} has values from {seen.low:g} to {seen.high:g}, outside of its range: it is taken to have none"
            )
            self.part.findings.append(said)
            return Scale(told.direction, worth=told.worth)
        unit = "share" if (low, high) == RIGHT.bounds else told.unit or common.unit
        return Scale(told.direction, (low, high), unit, told.worth, told.binary and seen.binary, told.known)

    def doubts(self) -> list[str]:
        """Return what a reader must be told of the samples, before anything is made of them."""
        said = []
        if self.twice:
            said.append(f"{_counted(self.twice, 'sample')} stood twice, the same both times; one of each is kept")
        found = len(self.questions)
        if self.part.expected is not None and self.part.expected != found:
            said.append(f"the log says {self.part.expected:,} samples and holds {found:,}")
        return said


def _counted(ids: list[str], what: str) -> str:
    distinct = list(dict.fromkeys(ids))
    named = ", ".join(distinct[:_NAMED]) + (", …" if len(distinct) > _NAMED else "")
    return f"{len(distinct):,} {what}{'s' if len(distinct) > 1 else ''} ({named})"


def fit(name: str) -> str:
    """Return a task's name as a gate can name it.

    >>> fit("mmlu/history")
    'mmlu_history'
    """
    return _UNFIT.sub("_", name).strip() or "_"


def survey(parts: dict[str, Part], entries: Iterable[Entry]) -> dict[str, Surveyed]:
    """Read all samples once.

    Raises:
        UsageError: if a sample stands twice and differs, or there is none.
    """
    found: dict[str, Surveyed] = {}
    for entry in entries:
        if entry.task not in found:
            found[entry.task] = Surveyed(parts.setdefault(entry.task, Part(entry.task)))
        found[entry.task].add(entry)
    order = [name for name in parts if name in found]
    return {name: found[name] for name in order}
