"""What one person is asked to label, in which order, and what becomes of each answer: no more than is on the disk."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Literal

from harness.comparison.asked import AskedAnswers, AskedPairs, asked_answers, asked_pairs
from harness.comparison.columns import Samples
from harness.errors import UsageError, did_you_mean
from harness.labels import AnswerLabel, Draw, Label, LabelSet, LabelWriter, PairLabel
from harness.labels.draws import in_order, known_before, pooled
from harness.labels.rows import Better
from harness.record import Run
from harness.report.differing import differing
from harness.seeds import Stream

Choice = Literal["left", "right", "middle"]
CHOICES: Final = ("left", "right", "middle")

_VALUES: Final[Mapping[Choice, float]] = {"left": 1.0, "right": 0.0, "middle": 0.5}
"""What a single answer is worth by each key."""
_SILENT: Final = "(no answer came)"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to label."""

    task: str
    sample_id: str
    draw: Draw
    key: str
    digests: tuple[str, ...]
    """Of the answer, or of both, the baseline's first."""
    texts: tuple[str | None, ...]
    samples: Samples
    row: int
    """In the table of samples, for what was asked."""
    turned: bool = False
    """Whether the candidate's answer is shown on the left: nobody who labels can tell which run is which."""

    @property
    def name(self) -> str:
        """Unique among questions."""
        return ":".join((self.key, *sorted(self.digests)))

    @property
    def about(self) -> tuple[str, str]:
        """Task and sample, by which its pictures are known."""
        return self.task, self.sample_id

    @property
    def shown(self) -> tuple[str, ...]:
        """The answers as they are shown, from left to right."""
        told = tuple(_SILENT if text is None else text for text in self.texts)
        return told[::-1] if self.turned else told

    def label(self, choice: Choice | None, by: str, at: str) -> Label:
        """Return the label that a choice makes; None takes it back."""
        if len(self.digests) == 1:
            value = None if choice is None else _VALUES[choice]
            return AnswerLabel(self.key, self.digests[0], value, by, at, self.texts[0] or "", self.draw)
        sides: Sequence[Better] = ("b", "a") if self.turned else ("a", "b")
        better: Better | None = None
        if choice is not None:
            by_side: Mapping[Choice, Better] = {"left": sides[0], "right": sides[1], "middle": "tie"}
            better = by_side[choice]
        a, b = self.digests
        return PairLabel(self.key, a, b, better, by, at, self.draw)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to label, and what is asked of it."""

    questions: tuple[Question, ...]
    differing: int
    """Things that could be labelled."""
    rows: int


def plan_of(
    runs: Sequence[Run], labels: LabelSet, budget: int, by: str, tasks: Sequence[str] = ()
) -> Plan:  # fmt: skip
    """Return what to ask about a run, or about two: the first of what is drawn, as many as the budget allows.

    Tasks have a share of them as their answers that differ have.

    Args:
        runs: one, whose answers are labelled, or two, whose pairs of answers are.
        labels: those that there are.
        budget: of labels.
        by: whoever labels: sides are laid out for each person.
        tasks: which to ask about; all by default.

    Raises:
        UsageError: if a task is unknown, or there is nothing to ask.
    """
    slice_by = runs[-1].record.suite.content.get("slice_by") or ()
    asked: Sequence[AskedPairs | AskedAnswers]
    asked = asked_pairs(runs[0], runs[1]) if len(runs) > 1 else asked_answers(runs[0])
    if unknown := [name for name in tasks if name not in {one.task for one in asked}]:
        near = did_you_mean(unknown[0], [one.task for one in asked])
        raise UsageError(f"no task {unknown[0]!r} has answers in words in {_named(runs)}; {near}")
    found = [_Task.of(one, by) for one in asked if not tasks or one.task in tasks]
    things = {name: thing for one in reversed(found) for name, thing in one.things.items()}
    if not things:
        all_alike = "the two runs give the same answers to every question, so there is nothing to prefer"
        raise UsageError(all_alike if len(runs) > 1 and found else f"{_named(runs)} has no answers in words")
    draws = {name: _draw(labels, thing) for name, thing in things.items() if _people(labels, thing)}
    _, known = known_before(list(things), draws)
    items = pooled((one.asked.task, one.asked.items(slice_by)) for one in found)
    first = islice(in_order([item for item in items if item.name not in known]), budget)
    owner = {name: one for one in reversed(found) for name in one.things}
    rows = sum(len(one) if isinstance(one, AskedPairs) else len(one.places) for one in asked)
    return Plan(tuple(owner[item.name].question(item.name, draw) for item, draw in first), len(things), rows)


def _named(runs: Sequence[Run]) -> str:
    return " and ".join(run.record.run_id for run in runs)


@dataclass(frozen=True, eq=False)
class _Task:
    """What can be asked of one task."""

    asked: AskedPairs | AskedAnswers
    by: str
    things: Mapping[str, tuple[str, ...]]
    """Question and answers of each thing to ask, by name."""
    at: Mapping[str, int]
    """Where each stands among those that can be asked."""

    @classmethod
    def of(cls, asked: AskedPairs | AskedAnswers, by: str) -> "_Task":
        """Return it."""
        things: Sequence[tuple[str, ...]] = asked.pairs if isinstance(asked, AskedPairs) else asked.answers
        at = {name: i for i, name in reversed(list(enumerate(asked.names)))}
        return cls(asked, by, {name: things[i] for name, i in at.items()}, at)

    def question(self, name: str, draw: Draw) -> Question:
        """Return what is asked."""
        asked = self.asked
        pairs = isinstance(asked, AskedPairs)
        side = asked.sides[1] if isinstance(asked, AskedPairs) else asked.side
        places = asked.differing if isinstance(asked, AskedPairs) else asked.places
        texts = asked.texts if isinstance(asked, AskedPairs) else (asked.texts,)
        place = int(places[self.at[name]])
        key, *digests = self.things[name]
        turned = pairs and bool(Stream("sides", name, self.by).integer(0, 1))
        both = tuple(one[place] for one in texts)
        row = int(side.rows[place])
        return Question(asked.task, side.ids()[place], draw, key, tuple(digests), both, side.samples, row, turned)


def _people(labels: LabelSet, thing: tuple[str, ...]) -> Iterable[Label]:
    key, first, *more = thing
    return labels.of_pair(key, first, *more).values() if more else labels.answers.get((key, first), {}).values()


def _draw(labels: LabelSet, thing: tuple[str, ...]) -> Draw | None:
    return next((one.draw for one in _people(labels, thing) if one.draw is not None), None)


@dataclass
class Session:
    """One person's way through the questions. Every answer is on the disk before the next question is shown."""

    plan: Plan
    by: str
    writer: LabelWriter
    references: bool = False
    """Whether the right answers of the data are shown."""
    done: list[Question] = field(default_factory=list)

    @property
    def mode(self) -> Literal["single", "pair"]:
        """Whether single answers are labelled, or pairs of them."""
        return "single" if len(self.plan.questions[0].digests) == 1 else "pair"

    @classmethod
    def begin(
        cls, plan: Plan, by: str, writer: LabelWriter, labels: LabelSet, *, references: bool = False
    ) -> "Session":
        """Begin where this person stopped."""
        mine = [
            question
            for question in plan.questions
            if any(one.by == by for one in _people(labels, (question.key, *question.digests)))
        ]
        return cls(plan, by, writer, references, mine)

    @property
    def current(self) -> Question | None:
        """What to ask now; None when all is labelled."""
        labelled = {one.name for one in self.done}
        return next((one for one in self.plan.questions if one.name not in labelled), None)

    def choose(self, name: str, choice: Choice) -> None:
        """Keep a label, if it is of the question that is asked: a second press of a key must not label the next.

        Raises:
            UsageError: if it cannot be written.
        """
        question = self.current
        if question is None or question.name != name:
            return
        self.writer.append(question.label(choice, self.by, _now()))
        self.done.append(question)

    def undo(self) -> None:
        """Take the last label back, and ask again.

        Raises:
            UsageError: if it cannot be written.
        """
        if self.done:
            self.writer.append(self.done[-1].label(None, self.by, _now()))
            self.done.pop()

    def state(self) -> dict[str, Any]:
        """Return what the page shows: nothing in it says which run an answer is of."""
        question = self.current
        told: dict[str, Any] = {"done": len(self.done), "total": len(self.plan.questions), "question": None}
        if question is None:
            return told
        row = question.samples.texts([question.row], ["prompt", "references", "cell", "parts"])[0]
        shown = question.shown
        pieces = [differing(shown[-1 - i], shown[i]) for i in range(len(shown))] if len(shown) > 1 else [
            [(shown[0], False)]]  # fmt: skip
        return told | {
            "question": question.name,
            "task": question.task,
            "cell": row["cell"],
            "prompt": _asked_last(row) or row["prompt"] or "",
            "references": list(row["references"] or ()) if self.references else None,
            "answers": pieces,
        }


def _asked_last(row: Mapping[str, Any]) -> str:
    """Return what the model was asked in the last turn of a conversation, with what was said before; else nothing."""
    try:
        parts = json.loads(row["parts"] or "[]")
        turns = [one for one in parts if not one["role"] and str(one["part"]).startswith("turn-")]
        return str(turns[-1]["prompt"]) if turns else ""
    except (ValueError, TypeError, KeyError, RecursionError):  # a record from elsewhere
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
