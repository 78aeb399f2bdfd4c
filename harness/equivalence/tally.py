"""The stages of many samples, with memory for the worst of each alone."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from harness.equivalence.result import Picture, Stage, State
from harness.equivalence.stages import INSTEAD, STAGES, Seen
from harness.traces import Trace

_TOLD: Final = 8
"""Samples of a stage whose difference is put into words: a grey chart says less of swapped channels than others."""

_MEASURED: Final = ("logits", "first token")
"""Stages that have no cause of their own: of them the worst is told."""


@dataclass(slots=True)
class _Column:
    states: Counter[State] = field(default_factory=Counter)
    worst: Seen | None = None
    sample: str = ""
    said: Counter[str] = field(default_factory=Counter)


class Tally:
    """Takes the stages of one sample after the other."""

    def __init__(self) -> None:
        self._columns = {name: _Column() for name in STAGES}
        self.picture: Picture | None = None
        """The images of the sample whose pixels differ most; of the first sample where none do."""
        self._shown = -1.0

    def add(self, sample: str, stages: Iterable[Seen], traces: tuple[Trace, Trace]) -> None:
        """Count one sample."""
        for seen in stages:
            column = self._columns[seen.name]
            column.states[seen.state] += 1
            if seen.state is State.PARTED and column.said.total() < _TOLD:
                column.said[seen.said()] += 1
            if column.worst is None or seen.excess > column.worst.excess:
                column.worst, column.sample = seen, sample
            if seen.name in STAGES[:2] and seen.state is not State.NOT_SEEN and seen.excess > self._shown:
                self._keep(sample, traces, seen.excess)

    def _keep(self, sample: str, traces: tuple[Trace, Trace], excess: float) -> None:
        shown = [next(iter(one.pixels or ()), None) for one in traces]
        pictures = [one.picture() if one is not None else None for one in shown]
        if pictures[0] is not None and pictures[1] is not None:
            self.picture, self._shown = Picture(sample, pictures[0], pictures[1]), excess

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in order; those that stand in for a fuller one only where that was not seen."""
        return tuple(self._stages())

    def _stages(self) -> Iterator[Stage]:
        for name, column in self._columns.items():
            fuller = self._columns.get(INSTEAD.get(name, ""))
            nothing = not column.states.keys() - {State.NOT_SEEN}
            if fuller is not None and (nothing or fuller.states.keys() - {State.NOT_SEEN}):
                continue
            yield _stage(name, column)


def _stage(name: str, column: _Column) -> Stage:
    seen = sum(count for state, count in column.states.items() if state is not State.NOT_SEEN)
    parted = column.states[State.PARTED]
    worst = column.worst
    if not seen or worst is None:
        return Stage(name, State.NOT_SEEN)
    state = next((one for one in (State.PARTED, State.NOISE, State.EQUAL) if column.states[one]), State.NOT_COMPARED)
    stage = Stage(name, state, seen - column.states[State.NOT_COMPARED], parted)
    if worst.tolerance is not None:
        stage = replace(stage, size=worst.size, tolerance=worst.tolerance, source=worst.source)
    if state in (State.PARTED, State.NOISE):
        stage = replace(stage, worst=column.sample)
    return replace(stage, said=_told(column.said, worst)) if parted else stage


def _told(said: Counter[str], worst: Seen) -> str:
    """Return what most samples say of how they were made, or the worst one where each says something else."""
    text, count = said.most_common(1)[0]
    return text if count > 1 and worst.name not in _MEASURED else worst.said()
