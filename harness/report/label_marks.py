"""What people's labels say of single rows of a run, or of two: the words that stand beside an answer on a page.

Nobody is named: a page is published, and whoever labelled has not agreed to that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from harness.comparison.asked import Answered, asked_answers, asked_pairs
from harness.comparison.columns import Floats
from harness.comparison.described import described
from harness.comparison.flips import RIGHT
from harness.comparison.wrong import tells
from harness.errors import UsageError
from harness.labels import LabelSet
from harness.record import Run

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels
    from harness.comparison.labelled_run import LabelledRun

Key = tuple[str, str, str]
"""Task, cell and sample."""
Way = Literal["good", "bad", "open"]
Word = Literal["right", "wrong", "partly right", "better", "worse", "neither"]

_WAYS: Final[Mapping[Word, Way]] = {"right": "good", "better": "good", "wrong": "bad", "worse": "bad"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What people say of one answer, or of a candidate's answer beside the baseline's."""

    word: Word
    told: str = ""
    """How several people part, ``2 of 3 people say so``; nothing where they are one, or of one mind."""
    apart: bool = False
    """Whether the score says otherwise."""

    @property
    def way(self) -> Way:
        """Its colour."""
        return _WAYS.get(self.word, "open")

    @property
    def said(self) -> str:
        """All of it in words."""
        score = "the score says otherwise" if self.apart else ""
        return "; ".join(filter(None, (f"{self.word} ({self.told})" if self.told else self.word, score)))

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"word": self.word, "said": self.said, "apart": self.apart}


NO_MARKS: Final[Mapping[Key, Mark]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RunLabels:
    """What labels say of one run: of each task, and of each answer that has one."""

    found: "tuple[LabelledRun, ...]" = ()
    marks: Mapping[Key, Mark] = field(default_factory=dict)
    problem: str = ""
    """Why there are none, where somebody asked for them."""

    @property
    def apart(self) -> int:
        """How many labels the score contradicts."""
        return sum(mark.apart for mark in self.marks.values())

    @property
    def samples(self) -> set[str]:
        """The samples that have a label."""
        return {sample for _, _, sample in self.marks}


_WEIGHTED: Final = (
    "the samples were drawn with unequal chances and are weighted; labels know no weights, and are left out"
)
NO_LABELS: Final = RunLabels()


def labels_of(run: Run, given: "WithLabels | None" = None) -> RunLabels:
    """Return what labels say of a run.

    Args:
        run: whose answers were labelled.
        given: the labels that somebody asked for; by default those that the suite names. A file of the suite's that
            cannot be read costs the page no more than a note.

    Raises:
        UsageError: if the labels that were asked for do not go with the run.
    """
    suite, weighted = run.record.suite, run.record.limit_rule == "informative"
    if given is None and suite.content.get("labels") is None:  # so it is nearly always, and then nothing is imported
        return NO_LABELS
    if weighted and given is not None:
        raise UsageError(f"{run.record.run_id}: {_WEIGHTED}")
    if given is None:
        from harness.comparison.labelled import WithLabels

        try:
            own = WithLabels.of_suite(suite.content, Path(suite.file))
            if own is None or not own.labels.answers:
                return NO_LABELS
            return RunLabels(problem=_WEIGHTED) if weighted else _of(run, own)
        except UsageError as cause:
            return RunLabels(problem=str(cause))
    found = _of(run, given)
    if found.found:
        return found
    made = f"make some: harness label {run.record.run_id}"
    return RunLabels(problem=f"no label of {given.file} is of a single answer of this run; {made}")


def _of(run: Run, given: "WithLabels") -> RunLabels:
    from harness.comparison.labelled_run import run_by_people

    return RunLabels(run_by_people(run, given), marks_of_run(run, given.labels))


def marks_of_run(run: Run, labels: LabelSet) -> dict[Key, Mark]:
    """Return what people say of single answers of a run, by task, cell and sample.

    Raises:
        UsageError: if the samples cannot be read.
    """
    found: dict[Key, Mark] = {}
    for one in asked_answers(run) if labels.answers else ():
        worths, keys = _worths(one.side), _keys(one.task, one.side)
        for place, (key, answer) in zip(one.places.tolist(), one.answers, strict=True):
            value = labels.value(key, answer)
            if value is None:
                continue
            word: Word = "partly right" if value == RIGHT else "right" if value > RIGHT else "wrong"
            said = [label.value - RIGHT for label in labels.answers[key, answer].values() if label.value is not None]
            right = worths[place] >= RIGHT
            apart = bool(value != RIGHT and not np.isnan(worths[place]) and right != (value > RIGHT))
            found[keys[place]] = Mark(word, _parted(said, value - RIGHT), apart)
    return found


def marks_of_pair(baseline: Run, candidate: Run, labels: LabelSet) -> dict[Key, Mark]:
    """Return what people say of a candidate's answers beside a baseline's, else of its answers alone.

    Raises:
        UsageError: if the samples cannot be read.
    """
    found = marks_of_run(candidate, labels)
    for one in asked_pairs(baseline, candidate) if labels.pairs else ():
        keys = _keys(one.task, one.sides[1])
        moved = np.zeros(len(one)) if one.proxy is None else np.nan_to_num(one.proxy)
        for place, (key, a, b) in zip(one.differing.tolist(), one.pairs, strict=True):
            preferred = labels.preference(key, a, b)
            if preferred is None:
                continue
            word: Word = "better" if preferred > 0 else "worse" if preferred < 0 else "neither"
            signs = [(label.sign or 0) * (1 if label.a == a else -1) for label in labels.of_pair(key, a, b).values()]
            found[keys[place]] = Mark(word, _parted(signs, preferred), bool(preferred * moved[place] < 0))
    return found


def _keys(task: str, side: Answered) -> list[Key]:
    cells, ids = (side.samples.text(name).take(side.rows).to_pylist() for name in ("cell", "sample_id"))
    return [(task, cell, sample) for cell, sample in zip(cells, ids, strict=True)]


def _worths(side: Answered) -> Floats:
    """Return what each row is worth by a score that tells right from wrong, [rows]; NaN where none does."""
    name = side.record.primary
    if not tells(side.samples, side.record):
        return np.full(len(side.rows), np.nan)
    worths: Floats = side.samples.worths(name, described(side.record, side.samples.metrics).columns[name])[side.rows]
    return worths


def _parted(said: Sequence[float], together: float) -> str:
    """Return how many of several people say what they say together, by sign; nothing where all do."""
    alike = int(np.sum(np.sign(said) == np.sign(together)))
    return "" if alike == len(said) else f"{alike} of {len(said)} people say so"
