"""Several turns about one picture: right turn by turn, in all of them, and what own earlier answers cost."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import SIGNED, Node, Number, Statistic, column, difference, glossary_of, mean, ratio_of_sums
from harness.facts import lacking
from harness.metrics import SampleMetric
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._derived import Derived
from harness.tasks._named import Ref
from harness.tasks._pictured import Curve, Figures, Finding, Illustration
from harness.tasks._prompt import compile_template
from harness.tasks._said import with_interval
from harness.tasks.base import TaskBase, TaskConfig
from harness.tasks.scoring import no_mean, score_all
from harness.types import Dataset, Request, Response, Sample, Score, Status

ENTRIES: Final = {"dialogue": "DialogueTask"}

History = Literal["own", "given", "alone"]

_TURNS: Final = "turns"
_RIGHT: Final = "turn_accuracy"
MOST_ROUNDS: Final = 16
"""Rounds that a task may ask about one sample."""


class DialogueConfig(TaskConfig):
    """Keys of a task of ``kind: dialogue``, beside those of every task."""

    metrics: tuple[Ref, ...] = Field(default=("exact_match",), min_length=1, max_length=1)
    """The metric from 0 to 1 that says what the answer to a turn is worth."""
    by: Literal["turns", "cluster"] = "turns"
    """What a dialogue is: the fact `turns` of a row, or the questions of a `cluster`, those about one image, in the
    data's order."""
    histories: tuple[History, ...] = Field(default=("own", "given"), min_length=1)
    """What stands before a turn: the model's `own` answers, those that are right (`given`: it is led back each time),
    or nothing (`alone`)."""
    turn: str = "User: {{ question }}\nAssistant: {{ answer }}"
    """Jinja template of an earlier turn; the last one stands in it without an answer. The first turn is the prompt."""
    most: int = Field(default=8, ge=2, le=MOST_ROUNDS)
    """Turns of a dialogue; those of a longer one are left out."""


@dataclass(frozen=True, slots=True)
class _Turn:
    question: str
    answers: tuple[str, ...]
    images: int
    """How many of the sample's images are shown by then."""


def _read(sample: Sample, most: int) -> list[_Turn]:
    """Return the turns of a sample; images that no turn claims come with the first."""
    told: Any = sample.facts.get(_TURNS) or ()
    claimed = [int(one.get("images", 0)) for one in told]
    shown = max(0, len(sample.images) - sum(claimed))
    turns = []
    for one, more in list(zip(told, claimed, strict=True))[:most]:
        shown += more
        answer = one["answer"]
        turns.append(_Turn(one["question"], (answer,) if isinstance(answer, str) else tuple(answer), shown))
    return turns


class _Turns(SampleMetric):
    """The mean worth of a dialogue's answers, with each turn's."""

    name = _RIGHT

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the task counts")


class DialogueTask(TaskBase):
    """Turns that follow each other: whether each is answered right, all of them, and how that falls from turn to turn.

    The dialogue is the unit of every interval. Earlier turns stand in the prompt as text. `harness score` judges the
    answers to the last turns.
    """

    Config: ClassVar[type[BaseModel]] = DialogueConfig
    config: DialogueConfig
    kind = "dialogue"
    sums_by: ClassVar[frozenset[str]] = frozenset({"mean"})
    """Reducers of epochs under which its sums stay what they are: the most frequent last answer has no first turn."""
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            _RIGHT, "Worth of the answers to a dialogue's turns, mean over turns, then dialogues; `[turn=3]`: of one."
        ),
        Number("all_turns_right", "Share of dialogues whose turns are all answered right (their least worth)."),
        Number(
            "degradation",
            "Mean worth of first answers minus that of later ones: above 0 the model gets worse as a dialogue goes on.",
            "lower",
            bounds=SIGNED,
        ),
        Number(
            "own_answers_cost",
            "`turn_accuracy` after the right answers minus that after the model's own: what its errors cost later on.",
            "lower",
            bounds=SIGNED,
        ),
    )

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self._judged = self.primary
        self._turn = compile_template(self.config.turn, ["question", "answer"])
        self._length = max((len(_read(one, self.config.most)) for one in self.dataset), default=0)
        numbered = tuple(f"turn_{number}" for number in range(1, self._length + 1))

        class Turns(_Turns):
            sums = ("all", *numbered, "later", "later_turns")

        self._base_metrics = dict(self.metrics)
        self.metrics = {_RIGHT: Turns()}
        self.primary = _RIGHT

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        source = context.datasets.get(config.dataset)
        if source is not None:
            if config.by == "cluster":
                context = _Grouped(source, config.most).in_place(config.dataset, context)
            elif lacking([_TURNS], source):
                said = f"dataset {config.dataset!r} gives no `turns`"
                hint = "give each row `turns`, a list of {question, answer}, or `by: cluster`"
                raise ConfigError(Issue(("dataset",), said, hint))
        try:
            compile_template(config.turn, ["question", "answer"])
        except ValueError as cause:
            raise ConfigError(Issue(("turn",), str(cause))) from cause
        made = super().build(name, config, context)
        metric = made._base_metrics[made._judged]
        if metric.bounds != (0.0, 1.0) or metric.direction != "higher" or no_mean(metric):
            said = (
                f"this needs a metric from 0 to 1 where higher is better, the mean of its values; {metric.name} is not"
            )
            raise ConfigError(Issue(("metrics", 0), said))
        return made

    def cells(self) -> Sequence[Cell]:
        first, *others = dict.fromkeys(self.config.histories)
        return (Cell(first, {"history": first}), *(Cell(name, {"history": name}, first) for name in others))

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        turns = _read(sample, self.config.most)
        if not turns and sample.problem is None:
            return ()
        if cell.id == "own" or sample.problem is not None:
            return (self._asked(cell, sample, turns, [], oracle=oracle),)
        right = [turn.answers[0] for turn in turns]
        return tuple(self._asked(cell, sample, turns, right[:at], oracle=oracle) for at in range(len(turns)))

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        turns = _read(sample, self.config.most)
        if cell.id != "own" or len(responses) >= len(turns):
            return ()
        said = [self.taken(one.text or "", sample) for one in responses]
        return (self._asked(cell, sample, turns, said, oracle=oracle),)

    def _asked(
        self, cell: Cell, sample: Sample, turns: Sequence[_Turn], said: Sequence[str], *, oracle: bool
    ) -> Request:
        """Return the request of the turn after those that were answered."""
        if not turns:
            return self.ask(cell, sample, oracle=oracle)  # the row is broken, and says so
        at = len(said)
        now = self._at(sample, turns[at])
        prompt = self._render(now)
        if at and cell.id != "alone":
            pairs = zip(turns, said, strict=False)
            before = [self._turn(question=turn.question, answer=answer) for turn, answer in pairs]
            prompt = "\n".join([*before, self._turn(question=prompt, answer="").rstrip()])
        return self.ask(cell, now, oracle=oracle, prompt=prompt, part=f"turn-{at + 1}")

    def turns(self, sample: Sample) -> list[tuple[str, tuple[str, ...]]]:
        """Return the questions of a dialogue, as many as are asked, each with its right answers."""
        return [(turn.question, turn.answers) for turn in _read(sample, self.config.most)]

    def worth(self, sample: Sample, text: str) -> float | None:
        """Return what an answer to the last turn is worth by the task's metric; None where it has nothing to say."""
        turns = _read(sample, self.config.most)
        if not turns:
            return None
        metric = self._base_metrics[self._judged]
        score = score_all(self._base_metrics, self._at(sample, turns[-1]), text, self._extract)[self._judged]
        worth = metric.worth(score)
        return None if math.isnan(worth) else worth

    def _at(self, sample: Sample, turn: _Turn) -> Sample:
        images = sample.images[: turn.images]
        return replace(sample, question=turn.question, references=turn.answers, images=images)

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the answer to the last turn."""
        return self.taken(responses[-1].text or "", sample) if responses else ""

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        turns = _read(sample, self.config.most)
        if not turns:
            return {_RIGHT: Score(math.nan, Status.UNDEFINED)}
        texts = [one.text or "" if one.status is Status.OK else "" for one in responses]
        worths = [
            self._worth(self._at(sample, turn), texts[at] if at < len(texts) else "") for at, turn in enumerate(turns)
        ]
        sums = {"all": min(worths), "later": sum(worths[1:]), "later_turns": float(len(worths) - 1)}
        sums |= {f"turn_{at}": worth for at, worth in enumerate(worths, start=1)}
        return {_RIGHT: Score(sum(worths) / len(worths), sums=sums)}

    def _worth(self, sample: Sample, text: str) -> float:
        worth = self._base_metrics[self._judged].worth(
            score_all(self._base_metrics, sample, text, self._extract)[self._judged]
        )
        return 0.0 if math.isnan(worth) else worth

    def statistics(self) -> Sequence[Statistic]:
        cells = [cell.id for cell in self.cells()]
        found = [one for cell in cells for one in self._of(cell, "" if len(cells) == 1 else f"[{cell}]")]
        if {"own", "given"} <= set(cells):
            cost = difference(*(mean(column(_RIGHT, cell)) for cell in ("given", "own")))
            found.append(self.glossary["own_answers_cost"].over(cost))
        whole = found[:1]
        return [*found, *self._slices.of(whole)]

    def _of(self, cell: str, tail: str) -> Iterator[Statistic]:
        told = self.glossary
        yield told[_RIGHT].over(mean(column(_RIGHT, cell)), tail)
        yield told["all_turns_right"].over(mean(self._sum("all", cell)), tail)
        for number in range(1, self._length + 1):
            yield told[_RIGHT].over(mean(self._sum(f"turn_{number}", cell)), f"[turn={number}]{tail}")
        if self._length > 1:
            later = ratio_of_sums([(1.0, self._sum("later", cell))], [(1.0, self._sum("later_turns", cell))])
            yield told["degradation"].over(difference(mean(self._sum("turn_1", cell)), later), tail)

    def _sum(self, name: str, cell: str) -> Node:
        return column(f"{_RIGHT}.{name}", cell)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show accuracy by turn; say where it falls, and where the model's own answers are why."""
        cells = [cell.id for cell in self.cells()]
        numbers = range(1, self._length + 1)
        curves, findings = [], []
        for cell in cells:
            tail = "" if len(cells) == 1 else f"[{cell}]"
            points = tuple(figures.metrics[f"{_RIGHT}[turn={number}]{tail}"] for number in numbers)
            curves.append(Curve(f"{_RIGHT}, {cell}", "turn", tuple(map(float, numbers)), points))
            fall = figures.metrics.get(f"degradation{tail}")
            if fall is not None and fall.low > 0:
                said = f"later turns are answered worse than first ones ({cell}): by {with_interval(fall)}"
                findings.append(Finding("note", said))
        cost = figures.metrics.get("own_answers_cost")
        if cost is not None and cost.low > 0:
            findings.append(Finding("note", f"its own earlier answers cost the model {with_interval(cost)}"))
        return Illustration(curves=tuple(curves), findings=tuple(findings))


class _Grouped(Derived):
    """One dialogue for each cluster of questions."""

    def __init__(self, source: Dataset, most: int) -> None:
        super().__init__(source, [_TURNS])
        groups: dict[str, list[Sample]] = {}
        for sample in source:
            groups.setdefault(sample.cluster or sample.id, []).append(sample)
        self._samples = [self._dialogue(name, some[:most]) for name, some in groups.items()]

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    @staticmethod
    def _dialogue(name: str, some: Sequence[Sample]) -> Sample:
        broken = next((one.problem for one in some if one.problem is not None), None)
        turns = [{"question": one.question, "answer": list(one.references)} for one in some if one.references]
        last = some[-1]
        return replace(
            some[0], id=name, references=last.references, cluster=name, problem=broken, facts={_TURNS: turns}
        )
