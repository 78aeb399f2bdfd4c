"""The task: streams cut from a pool, and every detector tried on each of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from pydantic import BaseModel

from harness import perturb
from harness.detect import DriftDetector, OodDetector, Views, drift_detector, ood_detector, params_of
from harness.errors import ConfigError, Issue
from harness.estimate import ColumnSpec, Number, Statistic
from harness.metrics import SampleMetric
from harness.seeds import derive_seed, generator
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._detectors import build_detectors
from harness.tasks._lookup import one_image
from harness.tasks._made import Made
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks.drift.config import DriftConfig, check, corruption_of
from harness.tasks.drift.figures import NUMBERS, columns, statistics
from harness.tasks.drift.pictures import charts
from harness.tasks.drift.protocol import Trials, try_detectors
from harness.tasks.drift.results import agreement, tables
from harness.tasks.drift.rows import Detected, rows_of
from harness.tasks.drift.streams import NormalSource, PoolSource, Source
from harness.types import Corruption, Dataset, Request, Response, Sample, Score

NAN: Final = float("nan")
_LEAST: Final = 20
"""Samples of a pool, at least: fewer are no population to draw streams from."""
_CLOSE: Final = 0.02
_MEASURED: Final = ("false_alarm", "run_length")


class DriftTask:
    """How soon drift detectors notice a change in a stream, and how often they cry wolf; streams of real samples."""

    Config: ClassVar[type[BaseModel]] = DriftConfig
    kind = "drift"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    metrics: Mapping[str, SampleMetric]
    requires: frozenset[str] = frozenset({"embed"})

    def __init__(
        self,
        name: str,
        config: DriftConfig,
        detectors: Mapping[str, DriftDetector],
        score: OodDetector,
        pools: Mapping[str, Dataset],
        corruption: Corruption | None,
        seed: int,
    ) -> None:
        self.name = name
        self.metrics = {}
        self._config = config
        self._detectors = dict(detectors)
        self._score = score
        self._pools = pools
        self._corruption = corruption
        self._seed = seed
        self._trials: Trials | None = None
        self.primary = self.statistics()[0].name

    @classmethod
    def build(cls, name: str, config: DriftConfig, context: BuildContext) -> "DriftTask":
        """Return the task; a subclass that needs no model for a process."""
        detectors, issues = build_detectors(config.detectors, drift_detector)
        scores, wrong = build_detectors([config.score], ood_detector)
        issues += [Issue(("score",), issue.message, issue.hint) for issue in wrong]
        score = next(iter(scores.values()), None)
        if score is not None and score.uses != ("features",):
            issues.append(Issue(("score",), f"{score.name} needs more than features"))
        issues += check(config, context.datasets, detectors)
        corruption = corruption_of(config, issues)
        if issues or score is None:
            raise ConfigError(*issues)
        if config.process is not None:
            return ProcessTask(name, config, detectors, score, {}, None, context.seed)
        pools = {role: context.datasets[str(getattr(config, role))] for role in ("reference", "stream")}
        if config.shift is not None and config.shift.prior is None:
            pools["shift"] = context.datasets[config.shift.dataset or str(config.stream)]
        return cls(name, config, detectors, score, pools, corruption, context.seed)

    def cells(self) -> Sequence[Cell]:
        return [Cell(role, {"pool": role}) for role in self._pools]

    def count(self, cell: Cell) -> int:
        return len(self._pools[cell.id])

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self._pools[cell.id]

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        image = one_image(sample)
        if cell.id == "shift" and self._corruption is not None and self._config.shift is not None:
            rng = generator(derive_seed(self._seed, self.name, cell.id, sample.id))
            image = perturb.corrupt(image, self._corruption, self._config.shift.severity, rng)
        return (Request(f"{self.name}/{cell.id}/{sample.id}", "", (image,), ask="embed"),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}

    def statistics(self) -> Sequence[Statistic]:
        return statistics(self._config, self._detectors)

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return ()

    def columns(self) -> Mapping[str, ColumnSpec]:
        return columns(self._detectors)

    def make(self, results: Sequence[CellResult]) -> Made:
        """Draw the streams and let every detector watch them."""
        self._trials = None
        try:
            source = self._source(results)
        except ValueError as error:
            return Made(findings=(Finding("warning", f"nothing is simulated: {error}"),))
        self._trials = self._tried(source)
        return Made(rows_of(self.name, self._trials, self._config))

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show the streams that were made."""
        if self._trials is None:
            return Illustration()
        return Illustration(
            findings=tuple(self._findings(self._trials)),
            charts=tuple(charts(self._trials, self._config)),
            tables=tuple(tables(self._trials, self._config, figures)),
        )

    def _tried(self, source: Source) -> Trials:
        return try_detectors(self._config, self._detectors, source, (self._seed, self.name))

    def _source(self, results: Sequence[CellResult]) -> Source:
        """Return the pools with a score for each sample.

        Raises:
            ValueError: if a pool has too few samples, or its features make no score.
        """
        vectors = {result.cell.id: result.vectors for result in results}
        rows = {
            role: [(sample, vectors[role][sample.id]) for sample in dataset if sample.id in vectors[role]]
            for role, dataset in self._pools.items()
        }
        stream = rows["stream"]
        shift = self._config.shift
        if shift is not None and shift.prior is not None:
            prior = shift.prior
            rows["shift"] = [pair for pair in stream if pair[0].tags.get(prior.tag) == prior.value]
        for role, found in rows.items():
            if len(found) < _LEAST:
                raise ValueError(f"{role} has features of {len(found)} samples; at least {_LEAST} are needed")
        new = ood_detector(self._score.name, **params_of(self._score))
        fitted = new.fit(Views(np.stack([vector for _, vector in rows["reference"]])))
        pool = np.stack([vector for _, vector in stream + rows.get("shift", [])])
        clean, shifted = np.arange(len(stream)), np.arange(len(stream), len(pool))
        return PoolSource(pool, fitted.score(Views(pool)), clean, shifted if len(shifted) else clean)

    def _findings(self, trials: Trials) -> Iterator[Finding]:
        for label, said in trials.problems.items():
            yield Finding("warning", f"{label} has no result: {said}")
        for outcome in trials.outcomes:
            found = outcome.calibration
            if abs(found.arl / self._config.target_arl0 - 1) > max(_CLOSE, 3 * found.error):
                said = f"its statistic takes few values, and the nearest limit gives {found.arl:.3g}"
                target = f"{self._config.target_arl0:g} batches"
                yield Finding("warning", f"{outcome.label} cannot be calibrated to {target}: {said}")

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "pools": {role: dataset.content_hash() for role, dataset in self._pools.items()},
            **self._config.model_dump(mode="json", exclude={"detectors", "score", "reference", "stream"}),
            "score": {"detector": self._score.name, **params_of(self._score)},
            "detectors": {
                label: {"detector": detector.name, **params_of(detector)} for label, detector in self._detectors.items()
            },
        }


class ProcessTask(DriftTask):
    """A scalar process: no model is asked, and every stream is an observation."""

    requires = frozenset()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.measures = [f"{name}[{label}]" for label in self._detectors for name in _MEASURED]
        self._known: Trials | None = None

    def cells(self) -> Sequence[Cell]:
        return (Cell("process"),)

    def count(self, cell: Cell) -> int:
        return self._config.seeds

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Yield, for each stream, whether an alarm came before the onset, else its run length from there."""
        outcomes = self._tried(self._source(())).outcomes
        found = {outcome.label: Detected.of(outcome, self._config.onset).columns for outcome in outcomes}
        for run in range(min(self._config.seeds, bench.limit or self._config.seeds)):
            values = dict.fromkeys(self.measures, NAN)
            for label, seen in found.items():
                values |= {f"{name}[{label}]": float(seen[name][run]) for name in _MEASURED}
            yield Observation(f"stream-{run:06d}", values)

    def _tried(self, source: Source) -> Trials:
        if self._known is None:  # once for what is measured and for what is made of it
            self._known = super()._tried(source)
        return self._known

    def _source(self, results: Sequence[CellResult]) -> Source:
        process = self._config.process
        assert process is not None  # noqa: S101 - narrows the type; `build` looked
        return NormalSource(process.shift, process.scale)

    def _findings(self, trials: Trials) -> Iterator[Finding]:
        yield from super()._findings(trials)
        for outcome in trials.outcomes:
            theory = agreement(trials, self._config).get(outcome.label)
            if theory is not None:
                yield Finding(
                    "note",
                    f"{outcome.label}: ARL0 {theory[0]:.1f} by theory, {outcome.quiet.mean:.1f} simulated; "
                    f"zero-state ARL1 {theory[1]:.2f} by theory, {outcome.from_start.mean:.2f} simulated",
                )
