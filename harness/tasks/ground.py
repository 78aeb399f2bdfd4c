"""Where is what a phrase names? Boxes or points, refusals where it names nothing, counts, and mirrored pictures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import ColumnSpec, Number, Statistic, column, glossary_of, mean, times
from harness.metrics.referring import AnswerBox, follows
from harness.record.rows import MadeRows
from harness.tasks._base import BuildContext
from harness.tasks._boxes_asked import BoxesConfig, boxes_of, framed, in_words
from harness.tasks._cells import Cell, CellResult
from harness.tasks._made import Made
from harness.tasks._named import Ref
from harness.tasks._phrases import Labels, Phrases, mirrored
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._prompt import compile_template
from harness.tasks._said import with_interval
from harness.tasks._shown import Category
from harness.tasks.base import CLEAN, TaskBase
from harness.tasks.scoring import cell_statistics
from harness.types import Request, Response, Sample, Score, Status

ENTRIES: Final = {"ground": "GroundTask"}

_PLACE: Final = "answer_box"
_OF_ABSENT: Final = frozenset({"no_target_accuracy", "false_boxes"})
"""Metrics of phrases that name nothing, which has no size."""
_OF_POINTS: Final = ("pointing_accuracy", "target_accuracy", "no_target_accuracy", "false_boxes")
_FEW: Final = 0.1
"""Of the boxes that follow a mirrored picture: so few are told, however few are right."""
_FOLLOWS: Final = "mirror_agreement"
_MIRRORED: Final = Cell("mirrored", {"picture": "mirrored"}, CLEAN.id)
_COUNT: Final = Cell("count", {"asked": "how many"})
_COUNTS: Final = ({"metric": "count_accuracy"}, {"metric": "count_accuracy", "within": 1, "as": "count_within_1"})


class GroundConfig(BoxesConfig):
    """Keys of a task of ``kind: ground``, beside those of every task."""

    metrics: tuple[Ref, ...] = Field(
        default=(
            "acc_at_iou",
            {"metric": "acc_at_iou", "threshold": 0.25, "as": "acc_at_iou_25"},
            {"metric": "acc_at_iou", "threshold": 0.75, "as": "acc_at_iou_75"},
            "iou",
            "pointing_accuracy",
            "target_accuracy",
            "no_target_accuracy",
            "false_boxes",
        ),
        min_length=1,
    )
    """Those on boxes judge phrases that name something, `no_target_accuracy` and `false_boxes` those that name nothing.
    `frame` and `resized` of the task are theirs, unless they say otherwise."""
    slices: tuple[str, ...] = ("size",)
    """Tags to cut the metrics by: `size` (of what is named: small, medium, large by COCO's areas), and the data's."""
    phrases: Literal["question", "labels"] = "question"
    """What is asked for: each sample's `question`, or the labels of the `boxes` of each picture."""
    absent: int = Field(default=1, ge=0, le=20)
    """How many labels of other pictures each picture is asked for, with `phrases: labels`."""
    absent_by: Category = "random"
    """Which they are: `random`, the most frequent (`popular`), or those most often beside its own (`adversarial`)."""
    answer: Literal["box", "point"] = "box"
    """What the prompt asks for. For points the metrics are `pointing_accuracy` and the refusals, unless the suite names
    others, and whether they are mirrored is not told."""
    count: str | None = None
    """Jinja template that asks how many there are: `How many {{ question }}s are there?`. A cell of its own."""
    mirrored: bool = True
    """Ask again in the picture mirrored left for right: boxes must follow."""


class GroundTask(TaskBase):
    """Where things are: accuracy at IoUs, mean IoU, pointing, refusals, counts, and whether boxes follow the picture.

    A phrase that names several objects is answered by any of them. In the mirrored picture the true boxes are mirrored,
    and the words left and right of the phrase are swapped. What answers without the picture, `kind: blind` shows.
    """

    Config: ClassVar[type[BaseModel]] = GroundConfig
    config: GroundConfig
    kind = "ground"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            _FOLLOWS,
            "Share of the phrases whose box in the mirrored picture is the mirrored box of the picture as it stands "
            "(IoU of 0.5 or more, and nearer than the box that stays), of those whose true box is moved by mirroring.",
        ),
        Number("right_both_ways", "Share of the phrases found as `metrics` first says, in the picture and mirrored."),
    )

    def __init__(self, name: str, config: GroundConfig, *told: Any) -> None:
        super().__init__(name, config, *told)
        self._counts = {label for label, one in self.metrics.items() if one.name == "count_accuracy"}
        place = AnswerBox(**config.parameters())
        self.metrics = {**self.metrics, _PLACE: place}
        if config.by == "ground":
            self.requires = frozenset({"ground"} | ({"generate"} if config.count else set()))
        self._how_many = compile_template(config.count, ["question"]) if config.count else None

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        frame = config.told_frame()
        source = context.datasets.get(config.dataset)
        if source is not None:
            seed = (context.seed, name)
            labels = config.phrases == "labels"
            phrases = Labels(source, config.absent, config.absent_by, seed) if labels else Phrases(source)
            if not len(phrases):
                hint = "`phrases: labels` takes the labels of the fact `boxes`"
                raise ConfigError(Issue(("dataset",), f"dataset {config.dataset!r} has nothing to ask for", hint))
            context = phrases.in_place(config.dataset, context)
        try:
            compile_template(config.count or "", ["question"])
        except ValueError as cause:
            raise ConfigError(Issue(("count",), str(cause))) from cause
        what = "a point" if config.answer == "point" else "one box"
        asked = f"Answer with {what} as {in_words(frame, config.answer == 'point')}, or with none if it is not there."
        counts = _COUNTS if config.count or config.by == "ground" else ()
        known = {ref if isinstance(ref, str) else ref.get("as", ref.get("metric")) for ref in config.metrics}
        added = [ref for ref in counts if ref.get("as", ref["metric"]) not in known]
        points = config.answer == "point" and "metrics" not in config.model_fields_set
        changes = {
            "prompt": config.prompt or f"Where is {{{{ question }}}}? {asked}",
            "metrics": framed([*(_OF_POINTS if points else config.metrics), *added], config.parameters()),
        }
        return super().build(name, config.model_copy(update=changes), context)

    def unfit(self, sample: Sample) -> Mapping[str, str]:
        return {label: why for label, why in super().unfit(sample).items() if label != _PLACE}

    def cells(self) -> Sequence[Cell]:
        return (CLEAN, *([_MIRRORED] if self.config.mirrored else []), *([_COUNT] if self._how_many else []))

    def samples(self, cell: Cell) -> Iterable[Sample]:
        change = {_MIRRORED.id: mirrored, _COUNT.id: self._counted}.get(cell.id)
        return map(change, self.dataset) if change else self.dataset

    def _counted(self, sample: Sample) -> Sample:
        question = self._how_many(question=sample.question) if self._how_many else ""
        told = {**sample.facts, "asked": _COUNT.id}
        return replace(sample, question=question, references=(str(len(boxes_of(sample))),), facts=told)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if cell.id == _COUNT.id:
            return (self.ask(cell, sample, oracle=oracle, prompt=sample.question),)
        if self.config.by == "ground":
            own: dict[str, Any] = {"ask": "ground", "prompt": "", "phrases": (sample.question,)}
            return (self.ask(cell, sample, oracle=oracle, **own),)
        return super().requests(cell, sample, oracle=oracle)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        scores = super().score(sample, responses)
        if self._how_many is None:
            return scores
        counting = sample.facts.get("asked") == _COUNT.id
        none = Score(math.nan, Status.UNDEFINED)
        return {label: one if (label in self._counts) == counting else none for label, one in scores.items()}

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        shown = {label for label in self.metrics if label != _PLACE}
        if self._how_many:
            shown = self._counts if cell.id == _COUNT.id else shown - self._counts
        return cell_statistics({label: self.metrics[label] for label in self.metrics if label in shown}, cell.id)

    def statistics(self) -> Sequence[Statistic]:
        own = [one for cell in self.cells() if cell.id != _MIRRORED.id for one in self.cell_statistics(cell)]
        nowhere = {label for label, one in self.metrics.items() if one.name in _OF_ABSENT}
        sliced = (
            one for one in self._slices.of(own) if "size" not in one.where or one.name.split("[")[0] not in nowhere
        )
        whole = [*own, *sliced]
        if not self.config.mirrored:
            return whole
        told, metric = self.glossary, self.metrics[self.primary]
        both = times(column(self.primary, CLEAN.id), column(self.primary, _MIRRORED.id))
        return [
            *whole,
            metric.statistic(self.primary, [_MIRRORED.id], f"{self.primary}[{_MIRRORED.id}]"),
            told["right_both_ways"].over(mean(both)),
            *([told[_FOLLOWS].over(mean(column(_FOLLOWS, _MIRRORED.id)))] if self.config.answer == "box" else []),
        ]

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {**super().columns(), _FOLLOWS: ColumnSpec("higher", bounds=(0.0, 1.0), binary=True)}

    def make(self, results: Sequence[CellResult]) -> Made:
        """Say of each phrase whether its box in the mirrored picture is the mirrored one."""
        by_cell = {result.cell.id: result for result in results}
        if _MIRRORED.id not in by_cell or self.config.answer == "point":
            return Made()
        before, after = by_cell[CLEAN.id], by_cell[_MIRRORED.id]
        ids, at, here = np.intersect1d(np.array(before.ids), np.array(after.ids), return_indices=True)
        first, second = _corners(before)[at], _corners(after)[here]
        there = (np.minimum(first, second) > -1).all(axis=1)
        agree = np.zeros(len(ids))
        agree[there] = follows(first[there], second[there])
        moves = before.columns[f"{_PLACE}.moves"].worths[at] == 1
        column = {_FOLLOWS: np.where(moves, agree, math.nan)}
        return Made((MadeRows(self.name, _MIRRORED.id, ids.tolist(), column),))

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where boxes stay when the picture is mirrored."""
        found, right = figures.metrics.get(_FOLLOWS), figures.metrics[self.primary]
        if found is None or not found.high < max(_FEW, right.low):  # NaN, where there is no interval, says nothing
            return Illustration()
        said = (
            f"few boxes follow the picture: mirrored, {with_interval(found)} of them are mirrored too, and "
            f"{self.primary} is {with_interval(right)}"
        )
        return Illustration(findings=(Finding("warning", said),))


def _corners(result: CellResult) -> Any:
    """Return where the boxes of a cell lie, [n, 4]; −1 where there is none."""
    sides = [result.columns[f"{_PLACE}.{side}"].worths for side in ("x0", "y0", "x1", "y1")]
    return np.nan_to_num(np.stack(sides, 1), nan=-1.0)
