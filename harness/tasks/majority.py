"""The baseline that looks at nothing: the most frequent answer of a training split."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.errors import ConfigError
from harness.estimate import ColumnSpec, Statistic
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell
from harness.tasks._graded import find_base
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._observed import Bench, Observation
from harness.tasks.qa import QaTask
from harness.tasks.scoring import column_specs
from harness.tasks.slices import Slices
from harness.types import Dataset, Sample

ENTRIES: Final = {"majority": "MajorityTask"}

QUESTION: Final = "question"
"""What `by` says for the text of the question; anything else is a tag."""

_CELL: Final = Cell("majority")
_COLUMN: Final = "majority_score"


class MajorityConfig(Model):
    """Keys of a task of ``kind: majority``."""

    of: str
    """A `qa` task that stands before this one; its questions are answered, under its metric."""
    train: str
    """A dataset of this suite that the answers are counted in."""
    by: str | None = None
    """Count for each value of a tag, or for each `question`; by default over all."""
    metric: str | None = None
    """The first of the `qa` task by default."""
    slices: tuple[str, ...] = ()
    """Tags to cut the metric by."""


class MajorityTask(MeasuringTask):
    """The floor: every question answered with the training split's most frequent answer; the model is not asked.

    What a model scores above this it owes to more than the frequencies of answers. A question (or a tag's
    value) that the training split does not have gets the most frequent answer of all. Among equally frequent
    answers the first in alphabetical order counts.
    """

    Config: ClassVar[type[BaseModel]] = MajorityConfig
    kind = "majority"
    requires: frozenset[str] = frozenset()
    measures = (_COLUMN,)
    primary = _COLUMN

    def __init__(self, name: str, config: MajorityConfig, base: QaTask, train: Dataset) -> None:
        self.name = name
        self._config = config
        self._base = base
        self._train = train
        self._metric = config.metric or base.primary
        self._slices = Slices(base.dataset, config.slices)

    @classmethod
    def build(cls, name: str, config: MajorityConfig, context: BuildContext) -> Self:
        base, issues = find_base(config.of, config.metric, context)
        train = find_dataset(config.train, context.datasets, ("train",), issues)
        if issues or base is None or train is None:
            raise ConfigError(*issues)
        return cls(name, config, base, train)

    def cells(self) -> Sequence[Cell]:
        return (_CELL,)

    def count(self, cell: Cell) -> int:
        return len(self._base.dataset)

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return what is looked at sample by sample."""
        return self._base.dataset

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        for sample in bench.some(self._base.dataset):
            answer = self.answer(sample)
            score = self._base.judge(sample, answer)[self._metric]
            worth = self._base.metrics[self._metric].worth(score)
            yield Observation(sample.id, {_COLUMN: worth}, text=answer, cluster=sample.cluster, tags=sample.tags)

    def answer(self, sample: Sample) -> str:
        """Return the most frequent answer where the sample belongs."""
        return self._answers.get(self._group(sample), self._answers[""])

    def statistics(self) -> Sequence[Statistic]:
        whole = self.cell_statistics(_CELL)
        return [*whole, *self._slices.of(whole)]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return [self._base.metrics[self._metric].statistic(_COLUMN, [cell.id], self._metric)]

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {_COLUMN: column_specs(self._base.metrics)[self._metric]}

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "of": self._base.describe(),
            "metric": self._metric,
            "train": self._train.content_hash(),
            "by": self._config.by,
        }

    @cached_property
    def _answers(self) -> dict[str, str]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for sample in self._train:
            counts[""].update(sample.references[:1])
            if group := self._group(sample):
                counts[group].update(sample.references[:1])
        counts[""].update([""] if not counts[""] else [])
        return {group: min(found.items(), key=lambda item: (-item[1], item[0]))[0] for group, found in counts.items()}

    def _group(self, sample: Sample) -> str:
        if self._config.by == QUESTION:
            return sample.question
        return sample.tags.get(self._config.by, "") if self._config.by else ""
