"""Detectors of scene changes on trial: precision, recall and F1 within declared tolerances, and delay in frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.detect import DriftDetector, SceneDetector, WindowedDrift, drift_detector, scene_detector
from harness.errors import ConfigError, Issue, SampleError, in_words
from harness.estimate import (
    ANY,
    POSITIVE,
    ColumnSpec,
    Number,
    Statistic,
    above,
    column,
    f_beta,
    glossary_of,
    only,
    ratio,
    ratio_of_sums,
    times,
    total,
)
from harness.frames import Clip, colour_histogram, open_clip
from harness.metrics.transitions import match_changes
from harness.registry import registry
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._named import Ref, all_named
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Chart, Figures, Finding, Illustration, Line, Mark, Table
from harness.tasks._said import with_interval
from harness.tasks._watch import LostError
from harness.timing.clock import FAULTS
from harness.types import Dataset, EmbeddingAdapter, MetricValue, Sample, Status

ENTRIES: Final = {"scene_change": "SceneChangeTask"}

NUMBERS: Final = glossary_of(
    Number(
        "precision",
        "The share of found changes that are one, matched one-to-one within the first tolerance; `@12`: within a "
        "tolerance of 12 frames.",
    ),
    Number("recall", "The share of true changes that were found, matched one-to-one within the first tolerance."),
    Number("f1", "2 · hits / (found + true changes), pooled over all clips."),
    Number("false_alarms", "Found changes that are none, a minute of video.", "lower", "per minute", POSITIVE),
    Number(
        "delay",
        "Frames from a transition's first frame to where it was found, mean over those that were found; below 0 where "
        "it was found early.",
        "lower",
        "frames",
        ANY,
    ),
)

Floats = NDArray[np.float64]

_FRAMES: Final = 32
"""Full frames that are embedded at a time."""
_WINDOW_KEYS: Final = ("window", "alpha", "limit", "least", "apart")


class SceneChangeConfig(Model):
    """Keys of a task of ``kind: scene_change``."""

    dataset: str
    """A dataset of clips whose windows are their transitions."""
    detectors: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `detector`, `as` and parameters: `scene_histogram`, `scene_distance`, or a drift detector
    (`ks`, `cvm`, `mmd`, `psi`, `shewhart`, `ewma`, …) in a sliding window, with `window`, `alpha` or `limit`, `least`
    and `apart`."""
    tolerances: tuple[int, ...] = Field(default=(2, 12), min_length=1)
    """How many frames a found change may lie outside a transition and still be it; the first is the one that counts."""
    features: Literal["pixels", "adapter"] = "pixels"
    """What detectors on features look at: 32 × 24 thumbnails, or the adapter's own embeddings of the frames."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a clip's frames, for detectors."""

    histograms: Floats
    features: Floats
    times: Floats


class SceneChangeTask(MeasuringTask):
    """How well detectors find cuts, fades and wipes in clips: precision and recall of the changes."""

    Config: ClassVar[type[BaseModel]] = SceneChangeConfig
    kind = "scene_change"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS

    def __init__(
        self, name: str, config: SceneChangeConfig, dataset: Dataset, detectors: Mapping[str, SceneDetector]
    ) -> None:
        self.name = name
        self._config = config
        self._dataset = dataset
        self._detectors = detectors
        self.requires = frozenset({"embed"}) if self._embeds() else frozenset[str]()
        self.calls_models = self._embeds()
        self.measures = ("true", "found", *(f"hits@{t}" for t in config.tolerances), "delay", "seconds")
        self.primary = f"f1[{next(iter(detectors))}]"

    @classmethod
    def build(cls, name: str, config: SceneChangeConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        example = "{detector: scene_histogram, limit: 0.3}"
        detectors = all_named(config.detectors, "detector", _detector, example, issues)
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if any(tolerance < 0 for tolerance in config.tolerances):
            issues.append(Issue(("tolerances",), "a tolerance is 0 frames or more"))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, detectors)

    def _embeds(self) -> bool:
        looking = any(detector.uses == "features" for detector in self._detectors.values())
        return looking and self._config.features == "adapter"

    def cells(self) -> Sequence[Cell]:
        return [Cell(label, {"detector": label}) for label in self._detectors]

    def count(self, cell: Cell) -> int:
        return len(self._dataset)

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return what is looked at sample by sample."""
        return self._dataset

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Run a detector over every clip; a clip that fails is an error of its own."""
        for sample in bench.some(self._dataset):
            try:
                values, said = self._observe(self._detectors[cell.id], sample, bench)
            except FAULTS as error:  # a broken clip, or whatever the model raises, costs its clip
                nothing = dict.fromkeys(self.measures, float("nan"))
                status = error.loss.status if isinstance(error, LostError) else Status.ERROR
                yield Observation(sample.id, nothing, status, in_words(error), cluster=sample.cluster)
                continue
            yield Observation(sample.id, values, text=said, cluster=sample.cluster, tags=sample.tags)

    def _observe(self, detector: SceneDetector, sample: Sample, bench: Bench) -> tuple[dict[str, float], str]:
        if sample.problem is not None or sample.clip is None:
            raise SampleError(sample.problem or "this sample has no clip")
        with open_clip(sample.clip.fetch()) as clip:
            rows = self._rows(detector, clip, bench, f"a call on {sample.id}")
            timeline = clip.timeline
        found = detector.changes(rows).tolist()
        true = [_in_frames(timeline.times, span) for span in sample.spans]
        values = {"true": float(len(true)), "found": float(len(found)), "seconds": timeline.duration}
        for tolerance in self._config.tolerances:
            values[f"hits@{tolerance}"] = float(match_changes(found, true, tolerance).hits)
        widest = match_changes(found, true, max(self._config.tolerances))
        delays = [found[f] - true[t][0] for f, t in widest.pairs]
        values["delay"] = float(np.mean(delays)) if delays else float("nan")
        said = " ".join(f"{timeline.times[frame]:.3f}" for frame in found)
        return {name: values[name] for name in self.measures}, said

    def _rows(self, detector: SceneDetector, clip: Clip, bench: Bench, step: str) -> Floats:
        if detector.uses == "histograms":
            return np.array([colour_histogram(thumb) for thumb in clip.thumbnails()])
        if self._config.features == "pixels":
            return np.array([thumb.ravel() / 255.0 - 0.5 for thumb in clip.thumbnails()])
        parts = []
        for start in range(0, len(clip.timeline), _FRAMES):
            images = clip.frames(range(start, min(start + _FRAMES, len(clip.timeline))))
            with bench.turn() as adapter, bench.watch.during("call", step):
                if not isinstance(adapter, EmbeddingAdapter):
                    raise SampleError("this task needs an adapter that embeds")
                found = np.asarray(adapter.embed(images), np.float64)
            if found.ndim != 2 or len(found) != len(images):
                raise SampleError(
                    f"the adapter returned an array of shape {list(found.shape)} for {len(images)} images"
                )
            parts.append(found)
        return np.concatenate(parts)

    def statistics(self) -> Sequence[Statistic]:
        told = ((cell.id, one) for cell in self.cells() for one in self.cell_statistics(cell))
        return [replace(one, name=f"{one.name}[{label}]") for label, one in told]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        """Return shares of changes, which are pooled over clips: a clip weighs as much as it holds."""
        tolerances = self._config.tolerances
        found, true, seconds = (column(name, cell.id) for name in ("found", "true", "seconds"))
        hits = {tolerance: column(f"hits@{tolerance}", cell.id) for tolerance in tolerances}
        shares = []
        for tolerance, right in hits.items():
            suffix = "" if tolerance == tolerances[0] else f"@{tolerance}"
            shares += [
                NUMBERS["precision"].over(ratio_of_sums([(1, right)], [(1, found)]), suffix),
                NUMBERS["recall"].over(ratio_of_sums([(1, right)], [(1, true)]), suffix),
                NUMBERS["f1"].over(f_beta(right, found, true), suffix),
            ]
        false = ratio_of_sums([(60, found), (-60, hits[tolerances[0]])], [(1, seconds)])
        # A clip's delay is the mean over its hits within the widest tolerance, and lies no further before a change.
        widest = max(tolerances)
        weight = only(hits[widest], above(hits[widest], 0))
        delay = ratio(total(times(column("delay", cell.id), weight)), total(weight))
        return [
            *shares,
            NUMBERS["false_alarms"].over(false),
            NUMBERS["delay"].over(delay, bounds=(-float(widest), None)),
        ]

    def columns(self) -> Mapping[str, ColumnSpec]:
        counts = dict.fromkeys(self.measures, ColumnSpec("none", "changes", POSITIVE))
        delay = ColumnSpec("lower", "frames", (-float(max(self._config.tolerances)), None))
        return counts | {"delay": delay, "seconds": ColumnSpec("none", "s", POSITIVE)}

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show the detectors side by side; say which of them find nothing, or mostly what is no change."""
        cells = figures.cells
        return Illustration(
            findings=tuple(self._findings(cells)), charts=(self._chart(cells),), tables=(self._table(cells),)
        )

    def _findings(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Iterable[Finding]:
        for label, values in cells.items():
            precision, recall = values["precision"], values["recall"]
            if recall.n and recall.value == 0:
                yield Finding("warning", f"uninformative: {label} finds none of the changes")
            elif precision.n and precision.high < 0.5:
                said = f"precision {with_interval(precision)}"
                yield Finding("warning", f"most of what {label} calls a change is none: {said}")

    def _chart(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Chart:
        lines = tuple(
            Line(label, (values["recall"].value,), (values["precision"].value,), style="points")
            for label, values in cells.items()
        )
        return Chart(
            "detectors", "recall", "precision", lines, (Mark("both perfect", 1.0, 1.0),),
            note=f"within {self._config.tolerances[0]} frames, one-to-one",
        )  # fmt: skip

    def _table(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Table:
        kinds = ("precision", "recall", "f1", "false_alarms", "delay")
        rows: list[tuple[str | float, ...]] = [
            (label, *(values[kind].value for kind in kinds)) for label, values in cells.items()
        ]
        columns = ("detector", "precision", "recall", "F1", "false alarms a minute", "delay in frames")
        return Table("detectors", columns, tuple(rows), f"within {self._config.tolerances[0]} frames")

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            "detectors": [dict(ref) if isinstance(ref, dict) else ref for ref in self._config.detectors],
            "tolerances": list(self._config.tolerances),
            "features": self._config.features,
        }


def _detector(name: str, **options: Any) -> SceneDetector:
    """Return a detector of scene changes: one of its own kind, or a drift detector in a window over the features.

    Raises:
        UsageError: if there is none of that name, or its parameters don't fit.
    """
    target = registry("detectors").load(name)
    if not (isinstance(target, type) and issubclass(target, DriftDetector)):
        return scene_detector(name, **options)
    outer: dict[str, Any] = {key: options.pop(key) for key in _WINDOW_KEYS if key in options}
    return WindowedDrift(drift_detector(name, **options), **outer)


def _in_frames(times: Floats, span: tuple[float, float]) -> tuple[int, int]:
    """Return a window as its first frame and the one behind its last; at least one frame."""
    edge = 1e-6  # a window's end is a frame's time, computed another way
    first = int(np.searchsorted(times, span[0] - edge))
    return first, max(first + 1, int(np.searchsorted(times, span[1] - edge)))
