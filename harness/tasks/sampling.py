"""Samplers on their own: how much of the evidence do they show at the same budget?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError
from harness.frames import Sampler, open_clip
from harness.metrics.spans import evidence_recall
from harness.seeds import generator
from harness.spec.models import Model
from harness.stats.intervals import mean_interval, wilson
from harness.tasks._base import Bench, BuildContext, Cell, CellResult, Finding, Observation, Summary, Table
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._named import Ref, plain_ref
from harness.tasks._paired import paired_gap, with_interval
from harness.tasks._samplers import build_samplers
from harness.types import Dataset, MetricValue, Sample, Status

ENTRIES: Final = {"sampling": "SamplingTask"}

RECALL: Final = "recall"
SHARE: Final = "share"


class SamplingConfig(Model):
    """Keys of a task of ``kind: sampling``."""

    dataset: str
    """A dataset of clips with windows."""
    samplers: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `sampler`, `as` and the sampler's keys; the first is what others are compared with."""
    frames: int = Field(default=8, ge=1, le=10_000)
    """The budget, the same for all."""


class SamplingTask(MeasuringTask):
    """Shows a model nothing: judging a sampler by the answers alone would hide what it never showed."""

    Config: ClassVar[type[BaseModel]] = SamplingConfig
    kind = "sampling"
    glossary: ClassVar[Mapping[str, str]] = {
        "evidence_recall": "The share of the true windows that hold at least one of the sampled frames.",
        "evidence_share": "The share of the sampled frames that lie in a true window.",
        "recall_gain": "Evidence recall minus the first sampler's, paired by clip.",
    }
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

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Sample every clip; a clip that cannot be opened is an error of its own."""
        for sample in islice(self._dataset, bench.limit):
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

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        recalls = {result.cell.id: result for result in results}
        cells = {
            label: {
                "evidence_recall": _mean(result, RECALL),
                "evidence_share": _mean(result, SHARE),
            }
            for label, result in recalls.items()
        }
        metrics = {f"evidence_recall[{label}]": values["evidence_recall"] for label, values in cells.items()}
        metrics |= {f"evidence_share[{label}]": values["evidence_share"] for label, values in cells.items()}
        first, *others = recalls
        gaps = {
            (a, b): paired_gap(
                recalls[b].columns[RECALL].worths, recalls[a].columns[RECALL].worths, recalls[a].clusters
            )
            for a, b in combinations(recalls, 2)
        }
        metrics |= {f"recall_gain[{other}]": gaps[first, other] for other in others}
        return Summary(
            {name: metrics[name] for name in self.metric_names()},
            cells,
            findings=tuple(self._findings(gaps)),
            tables=(self._table(cells),),
        )

    def _findings(self, gaps: Mapping[tuple[str, str], MetricValue]) -> Iterable[Finding]:
        for (first, second), found in gaps.items():
            a, b, gap = (second, first, _turned(found)) if found.value < 0 else (first, second, found)
            said = f"at {self._config.frames} frames {b} shows {with_interval(gap)} more of the evidence than {a}"
            if gap.low > 0:
                yield Finding("note", f"samplers differ: {said}")
            else:
                yield Finding("note", f"no difference shown: {said}")

    def _table(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Table:
        rows = tuple(
            (label, recall.value, recall.low, recall.high, values["evidence_share"].value, recall.n)
            for label, values in cells.items()
            for recall in [values["evidence_recall"]]
        )
        columns = ("sampler", "evidence recall", "low", "high", "share of frames inside", "n")
        return Table("samplers", columns, rows, f"{self._config.frames} frames a clip, 95 % intervals")

    def metric_names(self) -> Sequence[str]:
        labels = list(self._samplers)
        return [
            *(f"evidence_recall[{label}]" for label in labels),
            *(f"evidence_share[{label}]" for label in labels),
            *(f"recall_gain[{label}]" for label in labels[1:]),
        ]

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            "samplers": [plain_ref(ref) for ref in self._config.samplers],
            "frames": self._config.frames,
        }


def _turned(gap: MetricValue) -> MetricValue:
    """Return the same difference, the other way round."""
    return replace(gap, value=-gap.value, low=-gap.high, high=-gap.low)


def _mean(result: CellResult, measure: str) -> MetricValue:
    """Return the mean of one measure over its clips, with Student's t interval, clustered by clip."""
    column = result.columns[measure]
    known = ~np.isnan(column.worths)
    values, clusters = column.worths[known], result.clusters[known]
    n = len(values)
    value = float(values.mean()) if n else float("nan")
    low, high = mean_interval(values, clusters)
    method = "clustered t" if n > 1 else "none"
    if n and (np.isnan(low) or low == high):
        low, high = (float(bound) for bound in wilson(value * n, n))
        method = "wilson (no spread in the sample)"
    total = sum(count for status, count in column.statuses.items() if status != Status.UNDEFINED)
    bounds = (max(low, 0.0), min(high, 1.0))
    return MetricValue(value, *bounds, n, total, "higher", "share", dict(column.statuses), method)
