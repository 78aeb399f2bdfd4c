"""The task: a cell for each split and view, and every detector fitted and tried on what came back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from harness import perturb
from harness.detect import OodDetector, ood_detector, params_of
from harness.detect.column import Column
from harness.errors import ConfigError
from harness.metrics import SampleMetric
from harness.seeds import derive_seed, generator
from harness.tasks._base import (
    Bench,
    BuildContext,
    Cell,
    CellResult,
    Chart,
    Finding,
    Line,
    Mark,
    Observation,
    Summary,
    Table,
)
from harness.tasks._detectors import build_detectors
from harness.tasks._lookup import Key, one_image
from harness.tasks.ood.config import OodConfig, check, corruptions_of
from harness.tasks.ood.pictures import precision_chart, roc_chart, severity_chart
from harness.tasks.ood.separation import STATISTICS
from harness.tasks.ood.splits import Known, Split, find_datasets, know, leaks, number_in, same_features
from harness.tasks.ood.trial import (
    LOWER,
    Draws,
    Trial,
    flagged,
    mean_auroc,
    separation_values,
    try_detector,
)
from harness.types import Ask, Direction, MetricValue, Request, Response, Sample, Score, Status

ASKS: Final[Mapping[str, Ask]] = {"features": "embed", "logits": "classify"}
NAN: Final = float("nan")


class OodTask:
    """Every split is asked once; detectors are fitted, calibrated and tested on the answers."""

    Config: ClassVar[type[BaseModel]] = OodConfig
    kind = "ood"
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
        self.primary = self.metric_names()[0]
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
        return Cell(identity, labels, group=split.label)

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

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        by_id = {result.cell.id: result for result in results}
        splits = {
            name: know(split, self._answers(name, by_id), len(by_id[self._cells[self._views[0]][name].id].clusters))
            for name, split in self._splits.items()
        }
        metrics = {name: MetricValue(NAN, NAN, NAN, 0, 0, _direction(name)) for name in self.metric_names()}
        cells: dict[str, dict[str, MetricValue]] = {cell.id: {} for cell in self.cells()}
        leak = same_features([splits[name] for name in self._roles.values()])
        if leak:
            return Summary(metrics, cells, findings=(Finding("warning", f"nothing is scored: {leak}"),))
        trials, findings = self._trials(splits)
        tested = [splits[name] for name in (self._roles["test"], *(split.name for split in self._sets))]
        draws = Draws(tested, seed, self.name)
        test = splits[self._roles["test"]]
        for trial in trials:
            metrics |= self._values(trial, splits, draws)
            for known in tested:
                cells[self._cells[self._views[0]][known.split.name].id][f"flagged[{trial.label}]"] = flagged(
                    trial, known, "lower" if known is test else "higher", draws
                )
        return Summary(
            metrics,
            cells,
            findings=tuple(findings),
            charts=tuple(self._charts(trials, metrics, draws)),
            tables=(self._operating(trials, metrics),),
        )

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

    def _values(self, trial: Trial, splits: Mapping[str, Known], draws: Draws) -> dict[str, MetricValue]:
        test = splits[self._roles["test"]]
        values = {f"fpr[{trial.label}]": flagged(trial, test, _direction("fpr"), draws)}
        parts: dict[str, list[tuple[MetricValue, Any]]] = {"near": [], "far": [], "corrupted": []}
        for split in self._sets:
            other = splits[split.name]
            found, drawn = separation_values(trial, split.name, test, other, draws)
            parts[split.role].append((found["auroc"], drawn))
            kept = STATISTICS if split.role != "corrupted" else ("auroc",)
            values |= {f"{name}[{trial.label},{split.name}]": found[name] for name in kept}
            values[f"tpr[{trial.label},{split.name}]"] = flagged(trial, other, _direction("tpr"), draws)
        both = parts["near"] + parts["far"]
        for name, some in (("auroc_near", parts["near"]), ("auroc_far", parts["far"]), ("auroc_mean", both)):
            if some:
                values[f"{name}[{trial.label}]"] = mean_auroc(some)
        return values

    def _by_severity(self, corruption: str, trials: Sequence[Trial], metrics: Mapping[str, MetricValue]) -> Chart:
        severities = tuple(float(severity) for severity in self._config.severities)
        lines = []
        for trial in trials:
            found = [metrics[f"auroc[{trial.label},{corruption}@{severity:g}]"] for severity in severities]
            y, low, high = (tuple(getattr(value, end) for value in found) for end in ("value", "low", "high"))
            lines.append(Line(trial.label, severities, y, low, high))
        name = f"AUROC under growing {corruption}"
        return Chart(name, "severity", "AUROC", tuple(lines), (Mark("chance", y=0.5),), note="Band: 95 % interval.")

    def _charts(self, trials: Sequence[Trial], metrics: Mapping[str, MetricValue], draws: Draws) -> Iterable[Chart]:
        if not trials:
            return
        test = self._roles["test"]
        for split in self._sets:
            if split.role != "corrupted":
                yield roc_chart(f"ROC: {split.name} ({split.role})", trials, test, split.name, draws)
                yield precision_chart(f"precision and recall: {split.name}", trials, test, split.name, draws)
        for corruption in self._config.corruptions:
            others = [(split.name, f"severity {split.severity}") for split in self._sets if split.label == corruption]
            yield self._by_severity(corruption, trials, metrics)
            name = f"ROC of {trials[0].label} under {corruption}"
            yield severity_chart(name, trials[0], test, others, draws)

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

    def metric_names(self) -> Sequence[str]:
        roles = {split.role for split in self._sets}
        means = [f"auroc_{role}" for role in ("near", "far") if role in roles]
        means += ["auroc_mean"] if means else []
        names = [f"{mean}[{label}]" for mean in means for label in self._detectors]
        names += [f"fpr[{label}]" for label in self._detectors]
        for split in self._sets:
            kept = (*STATISTICS, "tpr") if split.role != "corrupted" else ("auroc", "tpr")
            names += [f"{name}[{label},{split.name}]" for name in kept for label in self._detectors]
        return names

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


def _direction(name: str) -> Direction:
    """Return which way a metric is better, whether it has a value or not: ``fpr[knn]`` as ``fpr``."""
    return "lower" if name.partition("[")[0] in LOWER else "higher"


class ColumnsTask(OodTask):
    """All scores stand in the data: no model is asked, and every sample is an observation."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.requires = frozenset()
        self._tags = {
            label: detector.tag for label, detector in self._detectors.items() if isinstance(detector, Column)
        }
        self.measures = [f"tag[{label}]" for label in self._tags]

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Yield, for each sample, the numbers that stand in its tags; NaN where there is none."""
        for sample in islice(self.samples(cell), bench.limit):
            values = {f"tag[{label}]": number_in(sample, tag) for label, tag in self._tags.items()}
            status = Status.OK if sample.problem is None else Status.ERROR
            yield Observation(
                sample.id, values, status, sample.problem, cluster=sample.cluster or "", tags=dict(sample.tags)
            )

    def _cell(self, split: Split, view: str) -> Cell:
        return Cell(split.name, {"split": split.role})

    def _answers(self, split: str, by_id: Mapping[str, CellResult]) -> Mapping[str, CellResult]:
        return {}


def _split_name(path: Key, named: Mapping[Key, str]) -> str:
    return named[path] if path[0] in ("near", "far") else str(path[0])
