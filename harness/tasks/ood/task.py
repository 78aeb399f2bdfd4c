"""The task: a cell for each split and view, and every detector fitted and tried on what came back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from pydantic import BaseModel

from harness import perturb
from harness.detect import OodDetector, ood_detector, params_of
from harness.detect.column import Column
from harness.errors import ConfigError
from harness.estimate import ANY, ColumnSpec, Number, Statistic
from harness.metrics import SampleMetric
from harness.record.rows import MadeRows
from harness.seeds import derive_seed, generator
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._detectors import build_detectors
from harness.tasks._lookup import Key, one_image
from harness.tasks._made import Made
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Chart, Figures, Finding, Illustration, Line, Mark, Table
from harness.tasks.ood import numbers
from harness.tasks.ood.config import OodConfig, check, corruptions_of
from harness.tasks.ood.pictures import Draws, draws, precision_chart, roc_chart, severity_chart
from harness.tasks.ood.splits import Known, Split, find_datasets, know, leaks, number_in, same_features
from harness.tasks.ood.trial import Floats, Trial, try_detector
from harness.types import Ask, Dataset, MetricValue, Request, Response, Sample, Score, Status

ASKS: Final[Mapping[str, Ask]] = {"features": "embed", "logits": "classify"}


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of the detectors in one run."""

    splits: Mapping[str, Known]
    trials: Sequence[Trial]
    findings: tuple[Finding, ...]
    leaked: bool = False
    """The splits share samples, so that nothing was tried."""


class OodTask:
    """How well detectors tell images of another kind, by the model's features or logits, from those it knows."""

    Config: ClassVar[type[BaseModel]] = OodConfig
    kind = "ood"
    glossary: ClassVar[Mapping[str, Number]] = numbers.NUMBERS
    metrics: Mapping[str, SampleMetric]

    def __init__(
        self, name: str, config: OodConfig, splits: Sequence[Split], detectors: Mapping[str, OodDetector], seed: int
    ) -> None:
        self.name = name
        self.metrics = {}
        self._config = config
        self._splits = {split.name: split for split in splits}
        self._detectors = detectors
        self._seed = seed
        used = {view for detector in detectors.values() for view in detector.uses}
        self._views = tuple(view for view in ASKS if view in used) or ("features",)
        self.requires = frozenset(ASKS[view] for view in self._views)
        self._roles: Mapping[str, str] = {
            split.role: split.name for split in splits if split.role in ("fit", "calibrate", "test")
        }
        self._sets = [split for split in splits if split.role in ("near", "far", "corrupted")]
        self.primary = self.statistics()[0].name
        self._tried: tuple[Sequence[CellResult], _Tried] | None = None
        self._cells = {view: {split.name: self._cell(split, view) for split in splits} for view in self._views}

    @classmethod
    def build(cls, name: str, config: OodConfig, context: BuildContext) -> "OodTask":
        """Return the task; a subclass that needs no model where all scores were computed elsewhere."""
        detectors, issues = build_detectors(config.detectors, ood_detector)
        named: dict[Key, str] = {("fit",): config.fit, ("test",): config.test}
        if config.calibrate is not None:
            named["calibrate",] = config.calibrate
        named |= {(role, i): other for role in ("near", "far") for i, other in enumerate(getattr(config, role))}
        found = find_datasets(named, context.datasets, issues)
        corruptions = corruptions_of(config, issues)
        issues += leaks(named, found)
        issues += check(config, detectors, found)
        if issues:
            raise ConfigError(*issues)
        splits = [Split(_split_name(path, named), path[0], found[path]) for path in named]  # type: ignore[arg-type]
        splits += [
            Split(f"{label}@{severity}", "corrupted", found["test",], corruption, severity, label)
            for label, corruption in corruptions.items()
            for severity in config.severities
        ]
        elsewhere = all(isinstance(detector, Column) for detector in detectors.values())
        return (ColumnsTask if elsewhere else OodTask)(name, config, splits, detectors, context.seed)

    def cells(self) -> Sequence[Cell]:
        return [cell for cells in self._cells.values() for cell in cells.values()]

    def _cell(self, split: Split, view: str) -> Cell:
        identity = split.name if view == self._views[0] else f"{split.name}+{view}"
        labels: dict[str, str | int] = {"split": split.role, "asked": ASKS[view]}
        if split.severity:
            labels |= {"corruption": split.label, "severity": split.severity}
        return Cell(identity, labels, group=split.label, stratum=self._stratum(split))

    def _stratum(self, split: Split) -> str:
        """Return what a split is drawn with: a corrupted one holds the samples of the test split."""
        return self._roles["test"] if split.role == "corrupted" else split.name

    def _asked(self, cell: Cell) -> tuple[Split, str]:
        for view, cells in self._cells.items():
            for name, own in cells.items():
                if own.id == cell.id:
                    return self._splits[name], view
        raise KeyError(cell.id)

    def count(self, cell: Cell) -> int:
        return len(self._asked(cell)[0].dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self._asked(cell)[0].dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        split, view = self._asked(cell)
        image = one_image(sample)
        if split.corruption is not None:
            rng = generator(derive_seed(self._seed, self.name, split.name, sample.id))
            image = perturb.corrupt(image, split.corruption, split.severity, rng)
        return (Request(f"{self.name}/{cell.id}/{sample.id}", "", (image,), ask=ASKS[view]),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}

    def statistics(self) -> Sequence[Statistic]:
        return list(numbers.statistics(list(self._detectors), self._roles["test"], self._sets))

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        tested = [split for split in self._tested() if split.name == cell.id]
        return [one for split in tested for one in numbers.flagged(list(self._detectors), split)]

    def columns(self) -> Mapping[str, ColumnSpec]:
        return numbers.columns(list(self._detectors))

    def make(self, results: Sequence[CellResult]) -> Made:
        """Fit, calibrate and score: a column of scores and one of flags for each detector, beside each tested split."""
        self._tried = results, self._try(results)
        tried = self._tried[1]
        rows = tuple(self._rows(tried.splits[split.name], tried.trials) for split in self._tested())
        return Made(tuple(one for one in rows if one.columns), tried.findings)

    def _rows(self, known: Known, trials: Sequence[Trial]) -> MadeRows:
        columns: dict[str, Floats] = {}
        for trial in trials:
            scores = trial.scores[known.split.name]
            columns[numbers.score_of(trial.label)] = scores
            columns[numbers.flag_of(trial.label)] = (scores > trial.threshold).astype(np.float64)
        ids, clusters = ([getattr(sample, key) or "" for sample in known.samples] for key in ("id", "cluster"))
        return MadeRows(self.name, known.split.name, ids, columns, clusters)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show curves with bands, and the operating points."""
        made_of, tried = self._tried or ((), None)
        if tried is None or made_of is not results:
            tried = self._try(results)
        self._tried = None
        if tried.leaked:
            return Illustration()
        drawn = draws([tried.splits[split.name] for split in self._tested()], self._seed, self.name)
        return Illustration(
            charts=tuple(self._charts(tried.trials, figures.metrics, drawn)),
            tables=(self._operating(tried.trials, figures.metrics),),
        )

    def _tested(self) -> list[Split]:
        return [self._splits[self._roles["test"]], *self._sets]

    def _try(self, results: Sequence[CellResult]) -> "_Tried":
        by_id = {result.cell.id: result for result in results}
        splits = {
            name: know(split, self._answers(name, by_id), by_id[name].ids) for name, split in self._splits.items()
        }
        leak = same_features([splits[name] for name in self._roles.values()])
        if leak:
            return _Tried(splits, (), (Finding("warning", f"nothing is scored: {leak}"),), leaked=True)
        trials, findings = self._trials(splits)
        return _Tried(splits, tuple(trials), tuple(findings))

    def _answers(self, split: str, by_id: Mapping[str, CellResult]) -> Mapping[str, CellResult]:
        """Return by view what the model said of a split."""
        return {view: by_id[cells[split].id] for view, cells in self._cells.items()}

    def _trials(self, splits: Mapping[str, Known]) -> tuple[list[Trial], list[Finding]]:
        trials, findings = [], []
        for label, detector in self._detectors.items():
            new = ood_detector(detector.name, **params_of(detector))
            try:
                options = (self._config.labels, self._config.target_fpr)
                trials.append(try_detector(label, new, splits, self._roles, options))
            except ValueError as error:
                findings.append(Finding("warning", f"{label} has no result: {error}"))
        return trials, findings

    def _by_severity(self, corruption: str, trials: Sequence[Trial], metrics: Mapping[str, MetricValue]) -> Chart:
        severities = tuple(float(severity) for severity in self._config.severities)
        lines = []
        for trial in trials:
            found = [metrics[f"auroc[{trial.label},{corruption}@{severity:g}]"] for severity in severities]
            y, low, high = (tuple(getattr(value, end) for value in found) for end in ("value", "low", "high"))
            lines.append(Line(trial.label, severities, y, low, high))
        name = f"AUROC under growing {corruption}"
        return Chart(name, "severity", "AUROC", tuple(lines), (Mark("chance", y=0.5),), note="Band: 95 % interval.")

    def _charts(self, trials: Sequence[Trial], metrics: Mapping[str, MetricValue], drawn: Draws) -> Iterable[Chart]:
        if not trials:
            return
        test = self._roles["test"]
        for split in self._sets:
            if split.role != "corrupted":
                yield roc_chart(f"ROC: {split.name} ({split.role})", trials, test, split.name, drawn)
                yield precision_chart(f"precision and recall: {split.name}", trials, test, split.name, drawn)
        for corruption in self._config.corruptions:
            others = [(split.name, f"severity {split.severity}") for split in self._sets if split.label == corruption]
            yield self._by_severity(corruption, trials, metrics)
            name = f"ROC of {trials[0].label} under {corruption}"
            yield severity_chart(name, trials[0], test, others, drawn)

    def _operating(self, trials: Sequence[Trial], metrics: Mapping[str, MetricValue]) -> Table:
        sets = [split.name for split in self._sets]
        rows: list[tuple[str | float, ...]] = []
        for trial in trials:
            shares = [metrics[f"fpr[{trial.label}]"], *(metrics[f"tpr[{trial.label},{name}]"] for name in sets)]
            said = [f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]" for share in shares]
            rows.append((trial.label, float(f"{trial.threshold:.6g}"), *said))
        note = (
            f"The threshold lets through all but {self._config.target_fpr:g} of new in-distribution samples "
            "(split conformal); a score above it is flagged. Shares flagged, with 95 % intervals."
        )
        columns = ("detector", "threshold", "in distribution (FPR)", *(f"{name} (TPR)" for name in sets))
        return Table("operating points", columns, tuple(rows), note)

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "splits": {
                split.name: [split.role, split.dataset.content_hash(), split.label, split.severity]
                for split in self._splits.values()
            },
            "detectors": {
                label: {"detector": detector.name, **params_of(detector)} for label, detector in self._detectors.items()
            },
            "labels": self._config.labels,
            "target_fpr": self._config.target_fpr,
        }


class ColumnsTask(OodTask):
    """All scores stand in the data: no model is asked, and every sample is an observation."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.requires = frozenset()
        self._tags = {
            label: detector.tag for label, detector in self._detectors.items() if isinstance(detector, Column)
        }
        self.measures = [f"tag[{label}]" for label in self._tags]

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return what is looked at sample by sample."""
        return self._asked(cell)[0].dataset

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Yield, for each sample, the numbers that stand in its tags; NaN where there is none."""
        for sample in bench.some(self._asked(cell)[0].dataset):
            values = {f"tag[{label}]": number_in(sample, tag) for label, tag in self._tags.items()}
            status = Status.OK if sample.problem is None else Status.ERROR
            yield Observation(
                sample.id, values, status, sample.problem, cluster=sample.cluster or "", tags=dict(sample.tags)
            )

    def _cell(self, split: Split, view: str) -> Cell:
        return Cell(split.name, {"split": split.role}, stratum=self._stratum(split))

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {**{name: ColumnSpec("none", "score", ANY) for name in self.measures}, **super().columns()}

    def _answers(self, split: str, by_id: Mapping[str, CellResult]) -> Mapping[str, CellResult]:
        return {}


def _split_name(path: Key, named: Mapping[Key, str]) -> str:
    return named[path] if path[0] in ("near", "far") else str(path[0])
