"""The kinds of task whose answers can be judged: what a judge is told of a sample, and what is known of answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from harness.errors import Issue, did_you_mean
from harness.images import settle
from harness.metrics import SampleMetric
from harness.reading.folded import folded
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell
from harness.tasks._graded import find_base, find_scored
from harness.tasks.base import TaskBase
from harness.tasks.caption import CaptionTask
from harness.tasks.dialogue import MOST_ROUNDS, DialogueTask
from harness.tasks.judge.captions import NUMBER, OBJECT, OTHER_PICTURE, Planting
from harness.tasks.judge.config import Form
from harness.tasks.judge.planted import others, wrong_answer
from harness.tasks.qa import QaTask
from harness.types import Request, Response, Sample, Score, Status

WRONG: Final = "wrong"

_OTHERS_QUESTIONS: Final = "it asks another task's questions over: judge that task"
_BY_METRIC: Final = "its metric holds an answer against the right one exactly: there is nothing left to judge"
REFUSED: Final[Mapping[str, str]] = {
    "choice": _BY_METRIC,
    "classify": _BY_METRIC,
    "hallucination": _BY_METRIC,
    "detect": "its answers are boxes, of which overlap says how right they are",
    "ground": "its answers are boxes, of which overlap says how right they are",
    "extraction": "its answers are JSON, judged field by field against a schema",
    "premise": "its right answers stand in no data, as references say `there` or `none`: none can be planted",
    "tools": "its answers are transcripts of calls, which its metrics hold against what was to be called",
    "judge": "it judges: judge the task that it judges by another judge",
    **dict.fromkeys(("ablate", "adversarial", "blind", "consistent", "inject", "majority", "sweep"), _OTHERS_QUESTIONS),
}
"""Why answers of a kind are not judged."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a judge is told of a sample, beside the answer."""

    question: str
    references: tuple[str, ...]
    """Right answers."""
    conversation: tuple[tuple[str, str], ...] = ()
    """Questions and answers before the last."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A right answer, and one that is wrong."""

    right: str
    wrong: str | None
    """None where none was found."""
    sort: str = WRONG
    """How it is wrong."""


class Judged(Protocol):
    """A task whose answers are judged."""

    form: Form
    base: TaskBase
    metrics: Mapping[str, SampleMetric]
    """Those that stand beside what the judge says."""
    wrongs: Sequence[str]
    """Sorts of planted wrong answers."""
    compares: bool
    """Whether a metric says of two answers whether both are right, or both wrong."""

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool, task: str) -> tuple[Request, ...]:
        """Return what the model is asked at once."""
        ...

    def then(
        self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool, task: str
    ) -> tuple[Request, ...]:
        """Return what it is asked after its first answers; nothing once all is said that is judged."""
        ...

    def rounds(self, sample: Sample) -> int:
        """Return how many answers of the model a sample has; what follows them is the judge's."""
        ...

    def told(self, sample: Sample, responses: Sequence[Response]) -> Told:
        """Return what the judge is told; of a known answer there are no responses."""
        ...

    def right(self, sample: Sample, text: str) -> bool | None:
        """Return whether an answer is right as far as the data say; None where they do not."""
        ...

    def planted(self, sample: Sample) -> Planted | None:
        """Return answers whose truth is known; None where there is no right one."""
        ...

    def opponent(self, sample: Sample) -> str:
        """Return the right answer that the model's is held against; nothing where there is none."""
        ...

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        """Return what the task's own metrics say."""
        ...


class _Once:
    """What is asked about once, as its own task asks it."""

    base: TaskBase

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool, task: str) -> tuple[Request, ...]:
        return self.base.again(cell, sample, oracle=oracle, task=task)

    def then(
        self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool, task: str
    ) -> tuple[Request, ...]:
        return ()

    def rounds(self, sample: Sample) -> int:
        return 1


class Questions(_Once):
    """Questions with one answer each."""

    form: Form = "question"
    wrongs: Sequence[str] = (WRONG,)
    compares = True

    def __init__(self, base: QaTask, metric: str, seed: tuple[int, str]) -> None:
        self.base = base
        self.metrics = base.metrics
        self._metric, self._seed = metric, seed
        self._others: Sequence[str] | None = None

    def told(self, sample: Sample, responses: Sequence[Response]) -> Told:
        return Told(settle(sample.question, len(sample.images), loose=True)[0], sample.references)

    def right(self, sample: Sample, text: str) -> bool | None:
        score = self.base.score(sample, [Response(text)]).get(self._metric)
        if score is None or score.status is not Status.OK:
            return None
        return score.value >= 0.5

    def planted(self, sample: Sample) -> Planted | None:
        right = self.opponent(sample)
        if not right.strip() or not self.right(sample, right):
            return None
        if self._others is None:
            self._others = others(self.opponent(one) for one in self.base.dataset)

        def is_wrong(text: str) -> bool:
            return self.right(sample, text) is False

        seed = (*self._seed, sample.id)
        return Planted(right, wrong_answer(right, sample.evidence or "", self._others, is_wrong, seed))

    def opponent(self, sample: Sample) -> str:
        return sample.references[0] if sample.references else ""

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self.base.score(sample, responses)


class Dialogues(Questions):
    """Conversations: the answer to the last turn is judged, and the judge reads what was said before."""

    form: Form = "dialogue"
    compares = False

    def __init__(self, base: DialogueTask, metric: str, seed: tuple[int, str]) -> None:
        self.base = self._talk = base
        self.metrics = base.metrics
        self._metric, self._seed = metric, seed
        self._others = None
        self._cell = base.cells()[0]

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool, task: str) -> tuple[Request, ...]:
        made = self._talk.requests(self._cell, sample, oracle=oracle)
        return self._talk.moved(made, cell, sample, task=task)

    def then(
        self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool, task: str
    ) -> tuple[Request, ...]:
        made = self._talk.then(self._cell, sample, responses, oracle=oracle)
        return self._talk.moved(made, cell, sample, task=task)

    def rounds(self, sample: Sample) -> int:
        return max(1, len(self._talk.turns(sample)))

    def told(self, sample: Sample, responses: Sequence[Response]) -> Told:
        """Return the last question with what stood before it: the model's own answers, or the right ones."""
        turns = self._talk.turns(sample)
        if not turns:
            return Told(sample.question, ())
        own = self._cell.id == "own" and len(responses) >= len(turns)
        said = (
            [self._talk.taken(one.text or "", sample) for one in responses] if own else [right[0] for _, right in turns]
        )
        before = [] if self._cell.id == "alone" else list(zip([question for question, _ in turns], said, strict=False))
        return Told(*turns[-1], conversation=tuple(before[: len(turns) - 1]))

    def right(self, sample: Sample, text: str) -> bool | None:
        worth = self._talk.worth(sample, text)
        return None if worth is None else worth >= 0.5

    def opponent(self, sample: Sample) -> str:
        turns = self._talk.turns(sample)
        return turns[-1][1][0] if turns else ""


class Captions(_Once):
    """Descriptions of pictures: many are right, and no metric says which."""

    form: Form = "caption"
    compares = False

    def __init__(self, base: CaptionTask, seed: tuple[int, str], *, shows: bool) -> None:
        self.base = base
        self._shows = shows
        self.metrics: Mapping[str, SampleMetric] = {name: base.metrics[name] for name in base.own}
        self._planting = Planting(base.dataset, seed)
        self.wrongs: Sequence[str] = (OTHER_PICTURE, OBJECT, NUMBER)

    def told(self, sample: Sample, responses: Sequence[Response]) -> Told:
        """Return what was asked and what people wrote, but for one caption that is kept back.

        That one is the known right answer. It is kept back from what is said of the model's answers too: both are
        held against as many captions.
        """
        asked = settle(self.base.worded(sample), len(sample.images), loose=True)[0]
        return Told(asked, self._planting.shown(sample))

    def right(self, sample: Sample, text: str) -> bool | None:
        """Return True for a caption that people wrote; of all others the data say nothing."""
        said = folded(text)
        return True if any(said == folded(one) for one in sample.references) else None

    def planted(self, sample: Sample) -> Planted | None:
        right = self.opponent(sample)
        if not right or (len(sample.references) < 2 and self._shows):
            return None
        wrong = self._planting.wrong(sample)
        return Planted(right, None) if wrong is None else Planted(right, wrong[1], wrong[0])

    def opponent(self, sample: Sample) -> str:
        return self._planting.spare(sample)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        scores = self.base.score(sample, responses)
        return {name: scores[name] for name in self.metrics}


def find_judged(
    of: str, metric: str | None, context: BuildContext, name: str, *, shows: bool
) -> tuple[Judged | None, list[Issue]]:
    """Return the task whose answers are judged, and what is wrong with the choice of it or of the metric.

    Args:
        of: its name.
        metric: the metric that says which planted answers are wrong; None for its first.
        context: the tasks that stand before.
        name: of the task that judges.
        shows: whether a judge of one answer is shown right ones.
    """
    found, seed = context.tasks.get(of), (context.seed, name)
    if isinstance(found, CaptionTask):
        return Captions(found, seed, shows=shows), [*_of_captions(found, metric, shows=shows)]
    if isinstance(found, DialogueTask):
        _, issues = find_scored(of, metric, context)
        return Dialogues(found, metric or found.primary, seed), [*issues, *_of_dialogues(found)]
    if found is not None and not isinstance(found, QaTask):
        why = REFUSED.get(found.kind, "it has no answers in words")
        fitting = [
            other for other, task in context.tasks.items() if isinstance(task, (QaTask, CaptionTask, DialogueTask))
        ]
        said = f"answers of task {of!r}, of kind {found.kind}, are not judged: {why}"
        return None, [Issue(("of",), said, did_you_mean(of, fitting))]
    base, issues = find_base(of, metric, context)
    return (None if base is None else Questions(base, metric or base.primary, seed)), issues


def _of_captions(base: CaptionTask, metric: str | None, *, shows: bool) -> Iterator[Issue]:
    if metric is not None:
        said = "no metric says which captions are right: planted ones are wrong by how they are made"
        yield Issue(("metric",), said, "leave it out")
    if shows and not any(len(sample.references) > 1 for sample in base.dataset):
        said = f"each picture of task {base.name!r} has one caption: a judge that is shown it has seen the right answer"
        yield Issue(("rubric", "reference"), said, "set `rubric: {reference: false}`")


def _of_dialogues(base: DialogueTask) -> Iterator[Issue]:
    most = max((len(base.turns(sample)) for sample in base.dataset), default=0)
    if base.cells()[0].id == "own" and most >= MOST_ROUNDS:
        said = f"dialogues of task {base.name!r} have {most} turns: {MOST_ROUNDS} rounds leave none for the judge"
        yield Issue(("of",), said, f"give that task `most: {MOST_ROUNDS - 1}`")
