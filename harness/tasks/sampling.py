"""Samplers on their own: how much of the evidence do they show at the same budget?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError
from harness.estimate import SIGNED, ColumnSpec, Number, Statistic, column, glossary_of, mean, minus
from harness.frames import Sampler, open_clip
from harness.metrics.spans import evidence_recall
from harness.seeds import generator
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._named import Ref, plain_ref
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Figures, Finding, Illustration, Table
from harness.tasks._said import with_interval
from harness.tasks._samplers import build_samplers
from harness.types import Dataset, MetricValue, Sample, Status

ENTRIES: Final = {"sampling": "SamplingTask"}

RECALL: Final = "recall"
SHARE: Final = "share"

NUMBERS: Final = glossary_of(
    Number("evidence_recall", "The share of the true windows that hold at least one of the sampled frames."),
    Number("evidence_share", "The share of the sampled frames that lie in a true window."),
    Number("recall_gain", "Evidence recall minus the first sampler's, paired by clip.", bounds=SIGNED),
)


class SamplingConfig(Model):
    """Keys of a task of ``kind: sampling``."""

    dataset: str
    """A dataset of clips with windows."""
    samplers: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `sampler`, `as` and the sampler's keys; the first is what others are compared with."""
    frames: int = Field(default=8, ge=1, le=10_000)
    """The budget, the same for all."""


class SamplingTask(MeasuringTask):
    """How much of the evidence in clips the frames hold that samplers choose; no model is asked."""

    Config: ClassVar[type[BaseModel]] = SamplingConfig
    kind = "sampling"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    requires: frozenset[str] = frozenset()
    measures = (RECALL, SHARE)

    def __init__(
        self, name: str, config: SamplingConfig, dataset: Dataset, samplers: Mapping[str, Sampler], seed: int
    ) -> None:
        self.name = name
        self.primary = f"evidence_recall[{next(iter(samplers))}]"
        self._config = config
        self._dataset = dataset
        self._samplers = samplers
        self._seed = seed

    @classmethod
    def build(cls, name: str, config: SamplingConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        samplers = build_samplers(config.samplers, issues)
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, samplers, context.seed)

    def cells(self) -> Sequence[Cell]:
        return [Cell(label, {"sampler": label}) for label in self._samplers]

    def count(self, cell: Cell) -> int:
        return len(self._dataset)

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return what is looked at sample by sample."""
        return self._dataset

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Sample every clip; a clip that cannot be opened is an error of its own."""
        for sample in bench.some(self._dataset):
            try:
                values = self._observe(self._samplers[cell.id], sample)
            except SampleError as error:
                nothing = dict.fromkeys(self.measures, float("nan"))
                yield Observation(sample.id, nothing, Status.ERROR, str(error), cluster=sample.cluster)
                continue
            yield Observation(sample.id, values, cluster=sample.cluster, tags=sample.tags)

    def _observe(self, sampler: Sampler, sample: Sample) -> dict[str, float]:
        if sample.problem is not None or sample.clip is None:
            raise SampleError(sample.problem or "this sample has no clip")
        with open_clip(sample.clip.fetch()) as clip:
            rng = generator(self._seed, self.name, sample.id)
            times = clip.timeline.times[sampler.pick(clip, self._config.frames, rng)]
        inside = [any(start <= time < end for start, end in sample.spans) for time in times]
        share = sum(inside) / len(inside) if sample.spans else float("nan")
        return {RECALL: evidence_recall(times, sample.spans), SHARE: share}

    def statistics(self) -> Sequence[Statistic]:
        told = [(cell.id, self.cell_statistics(cell)) for cell in self.cells()]
        named = [[replace(one, name=f"{one.name}[{label}]") for one in some] for label, some in told]
        recalls, shares = zip(*named, strict=True)
        first, *others = self._samplers
        return [*recalls, *shares, *(self._gain(first, other) for other in others)]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        measured = {"evidence_recall": RECALL, "evidence_share": SHARE}
        return [NUMBERS[name].over(mean(column(measure, cell.id))) for name, measure in measured.items()]

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {measure: ColumnSpec() for measure in self.measures}

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say which samplers show more of the evidence than others."""
        return Illustration(findings=tuple(self._findings(figures)), tables=(self._table(figures.cells),))

    def _gain(self, first: str, other: str) -> Statistic:
        gain = mean(minus(column(RECALL, other), column(RECALL, first)))
        return NUMBERS["recall_gain"].over(gain, f"[{other}]")

    def _findings(self, figures: Figures) -> Iterable[Finding]:
        for a, b in combinations(self._samplers, 2):
            gap = figures.estimate(self._gain(a, b))
            less, more = a, b
            if gap.value < 0:
                less, more, gap = b, a, figures.estimate(self._gain(b, a))
            said = f"at {self._config.frames} frames {more} shows {with_interval(gap)} more of the evidence than {less}"
            yield Finding("note", f"{'samplers differ' if gap.low > 0 else 'no difference shown'}: {said}")

    def _table(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Table:
        rows = tuple(
            (label, recall.value, recall.low, recall.high, values["evidence_share"].value, recall.n)
            for label, values in cells.items()
            for recall in [values["evidence_recall"]]
        )
        columns = ("sampler", "evidence recall", "low", "high", "share of frames inside", "n")
        return Table("samplers", columns, rows, f"{self._config.frames} frames a clip, 95 % intervals")

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            "samplers": [plain_ref(ref) for ref in self._config.samplers],
            "frames": self._config.frames,
        }
