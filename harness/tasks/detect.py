"""What is in a picture, and where? Labelled boxes over a list of classes, by COCO's numbers, and boxes of nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import Statistic
from harness.facts import lacking
from harness.metrics.detection import CocoMetric
from harness.tasks._base import BuildContext
from harness.tasks._boxes_asked import BoxesConfig, boxes_of, framed, in_words
from harness.tasks._cells import Cell
from harness.tasks._derived import Derived
from harness.tasks._named import Ref
from harness.tasks._views import blanked
from harness.tasks.base import CLEAN, TaskBase
from harness.types import Dataset, Request, Response, Sample, Score

ENTRIES: Final = {"detect": "DetectTask"}

_BLANK: Final = Cell("blank", {"picture": "blank"}, CLEAN.id)
_OF_NOTHING: Final = ("no_target_accuracy", "false_boxes")


class DetectConfig(BoxesConfig):
    """Keys of a task of ``kind: detect``, beside those of every task."""

    metrics: tuple[Ref, ...] = Field(
        default=(
            "map",
            "map_50",
            "map_75",
            "map_small",
            "map_medium",
            "map_large",
            "ar_1",
            "ar_10",
            "ar_100",
            *_OF_NOTHING,
        ),
        min_length=1,
    )
    """COCO's family; `no_target_accuracy` and `false_boxes` judge pictures without objects. `frame` and `resized` of
    the task are theirs, unless they say otherwise."""
    classes: tuple[str, ...] = ()
    """What is asked for; boxes with other labels are not there. By default all labels of the dataset."""
    per_class: bool = True
    """Whether the first metric is told class by class: `map[class=dog]`."""
    blank: bool = True
    """Ask again about blank pictures, where every box is one too many."""


class DetectTask(TaskBase):
    """COCO's average precision and recall over a list of classes, per class too, and boxes where there is nothing."""

    Config: ClassVar[type[BaseModel]] = DetectConfig
    config: DetectConfig
    kind = "detect"

    def __init__(self, name: str, config: DetectConfig, *told: Any) -> None:
        super().__init__(name, config, *told)
        if config.by == "ground":
            self.requires = frozenset({"ground"})

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        frame = config.told_frame()
        source = context.datasets.get(config.dataset)
        classes = config.classes
        if source is not None:
            if lacking(["boxes"], source):
                hint = "give each sample `boxes`, a list of {box, label}; see docs/facts.md"
                raise ConfigError(Issue(("dataset",), f"dataset {config.dataset!r} gives no `boxes`", hint))
            classes = classes or tuple(sorted({label for sample in source for label in _labels(sample)}))
            if not classes:
                said = f"no box of dataset {config.dataset!r} has a label"
                raise ConfigError(Issue(("classes",), said, "name the classes"))
            context = _OfClasses(source, classes).in_place(config.dataset, context)
        form = f'{{"label": …, "box": {in_words(frame)}, "score": …}}'
        asked = f"Answer with a JSON list of {form}, with [] if there is none."
        changes = {
            "classes": classes,
            "prompt": config.prompt or f"Find all of these in the picture: {', '.join(classes)}. {asked}",
            "metrics": framed(config.metrics, config.parameters()),
        }
        return super().build(name, config.model_copy(update=changes), context)

    def cells(self) -> Sequence[Cell]:
        return (CLEAN, *([_BLANK] if self.config.blank else []))

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return map(_emptied, self.dataset) if cell.id == _BLANK.id else self.dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if self.config.by == "generate":
            return super().requests(cell, sample, oracle=oracle)
        own: dict[str, Any] = {"ask": "ground", "part": "boxes", "prompt": "", "phrases": self.config.classes}
        return (self.ask(cell, sample, oracle=oracle, **own),)

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the answer, or the adapter's own boxes as JSON with the classes that they were found for."""
        (response,) = responses
        if self.config.by == "generate" or response.value is None:
            return response.text or ""
        rows = (
            (self.config.classes[int(row[0])], [round(float(side), 2) for side in row[1:]]) for row in response.value
        )
        return json.dumps([{"label": label, "box": box} for label, box in rows])

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self.judge(sample, self.joined(sample, responses))

    def statistics(self) -> Sequence[Statistic]:
        whole = list(self.cell_statistics(CLEAN))
        return [*whole, *self._slices.of(whole), *self._by_class(), *self._blank()]

    def _by_class(self) -> Iterator[Statistic]:
        metric = self.metrics[self.primary]
        if self.config.per_class and isinstance(metric, CocoMetric):
            for name in self.config.classes:
                form = metric.form_of(self.primary, [CLEAN.id], name)
                yield Statistic(f"{self.primary}[class={name}]", form, metric.direction, metric.unit, metric.bounds)

    def _blank(self) -> Iterator[Statistic]:
        for label, metric in self.metrics.items() if self.config.blank else ():
            if metric.name in _OF_NOTHING:
                yield metric.statistic(label, [_BLANK.id], f"{label}[{_BLANK.id}]")


class _OfClasses(Derived):
    """A dataset's pictures with the boxes of some classes."""

    def __init__(self, source: Dataset, classes: Sequence[str]) -> None:
        super().__init__(source)
        self._classes = frozenset(classes)

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.source:
            kept = [box for box in boxes_of(sample) if isinstance(box, Mapping) and box.get("label") in self._classes]
            yield replace(sample, facts={**sample.facts, "boxes": kept})


def _labels(sample: Sample) -> Iterator[str]:
    return (str(box["label"]) for box in boxes_of(sample) if isinstance(box, Mapping) and box.get("label"))


def _emptied(sample: Sample) -> Sample:
    return replace(sample, images=tuple(map(blanked, sample.images)), facts={**sample.facts, "boxes": []})
