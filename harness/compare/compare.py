"""Two runs side by side, sample by sample: what moved, how sure that is, and on which samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from harness.compare import identity, replicates, sweeps
from harness.compare.columns import Floats, Index, Samples, read_samples
from harness.compare.flips import Flipped, flipped
from harness.compare.identity import Difference, Identity, Incomparable
from harness.compare.pair import CellPairs, Pairs, pair
from harness.compare.rules import Rule, rules
from harness.compare.slices import SliceDelta, slices
from harness.record import Run
from harness.record.replicates import Replicates, read_replicates
from harness.record.schema import SCHEMA_VERSION, MetricRecord, RunRecord, TaskRecord
from harness.seeds import derive_seed
from harness.stats.bootstrap import RESAMPLES
from harness.stats.multiplicity import holm
from harness.stats.results import Comparison
from harness.stats.verdict import compare_scores
from harness.types import Direction

_CLEAN_COLUMN: Final = 0


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare."""

    resamples: int = RESAMPLES
    """Bootstrap draws for aggregate metrics."""
    confidence: float = 0.95
    margins: Mapping[str, float] = field(default_factory=dict)
    """By ``task/metric``: the drop that matters."""
    ratios: Mapping[str, float] = field(default_factory=dict)
    """By ``task/metric``: how many times worse matters."""
    force: bool = False
    """Compare what must not be compared; the result says so."""


@dataclass(frozen=True, slots=True)
class Delta:
    """How one metric moved."""

    task: str
    metric: str
    direction: Direction
    unit: str
    before: float
    """Over the pairs alone."""
    after: float
    comparison: Comparison | None
    """Above zero is better. None where no paired test is known for this metric."""
    adjusted_p: float = math.nan
    """Two-sided, Holm over all metrics of the comparison."""
    note: str = ""
    lost: int = 0
    """Samples that have a value in the baseline and none in the candidate, because it failed and failures are not
    counted; they are left out."""
    gained: int = 0
    """Samples of which the reverse is true."""

    @property
    def name(self) -> str:
        """``task/metric``."""
        return f"{self.task}/{self.metric}"

    @property
    def moved(self) -> str:
        """``better`` or ``worse`` where the adjusted p says so, else nothing."""
        if self.comparison is None or not self.adjusted_p <= 1 - self.comparison.confidence:
            return ""
        return "better" if self.comparison.estimate > 0 else "worse"


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything that is to be said about two runs."""

    baseline: RunRecord
    candidate: RunRecord
    deltas: tuple[Delta, ...]
    cells: tuple[Delta, ...]
    """The primary metric in every cell of tasks with more than one; exploratory."""
    slices: tuple[SliceDelta, ...]
    flips: tuple[Flipped, ...]
    lineage: tuple[Difference, ...]
    warnings: tuple[str, ...]
    forced: tuple[str, ...]
    """Why these runs must not be compared, where ``force`` did it all the same."""
    resamples: int
    seed: int
    ratios: Mapping[str, Comparison] = field(default_factory=dict)
    """How many times worse the metrics are that were asked for as ratios."""

    @property
    def simulated(self) -> bool:
        """Whether a number comes from a run without a model."""
        return self.baseline.adapter.simulated or self.candidate.adapter.simulated

    def delta(self, name: str) -> Delta | None:
        """Return the delta of ``task/metric``."""
        return next((delta for delta in self.deltas if delta.name == name), None)


def compare(baseline: Run, candidate: Run, options: Options = Options()) -> Compared:
    """Compare two runs.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    before, after = Identity.of(baseline.record), Identity.of(candidate.record)
    reasons = [str(difference) for difference in identity.conflicts(before, after)]
    reasons += identity.unfinished(baseline.record, "baseline") + identity.unfinished(candidate.record, "candidate")
    if reasons and not options.force:
        raise Incomparable(reasons)
    return _Comparer(baseline, candidate, options).compare(reasons)


class _Comparer:
    def __init__(self, baseline: Run, candidate: Run, options: Options) -> None:
        self._records = baseline.record, candidate.record
        self._samples = read_samples(baseline.folder), read_samples(candidate.folder)
        self._clusters = self._samples[1].clusters()
        self._pairs: Pairs = pair(*self._samples)
        self._options = options
        self._worths: dict[tuple[str, float | None], tuple[Floats, Floats]] = {}
        self._draws = read_replicates(baseline.folder), read_replicates(candidate.folder)
        suite = candidate.record.suite
        self._seed = derive_seed(suite.name, suite.seed, "compare", SCHEMA_VERSION)

    def compare(self, reasons: Sequence[str]) -> Compared:
        before, after = self._records
        deltas: list[Delta] = []
        cells: list[Delta] = []
        found: list[SliceDelta] = []
        flips: list[Flipped] = []
        for name, task in after.tasks.items():
            if name not in before.tasks:
                continue
            known = rules(task, [metric for metric in self._samples[1].metrics if metric in self._samples[0].metrics])
            parts = [self._pairs.cells[name, cell] for cell in task.cells if (name, cell) in self._pairs.cells]
            deltas += self._task(name, task, known, parts)
            primary = known.get(task.primary)
            if primary is None or not parts:
                continue
            worths = self._both(task.primary, primary)
            if len(task.cells) == 1:
                clusters = self._clusters[parts[0].candidate]
                tags = after.suite.content.get("slice_by")
                found += slices(parts[0], task.primary, primary, worths, self._samples[1], clusters, tags)
            else:
                cells += [self._scores(part, task.primary, primary, f"{part.cell}: {task.primary}") for part in parts]
            if primary.flips:
                flips.append(flipped(name, task.primary, parts, worths, self._samples))
        sided = identity.one_sided(Identity.of(before), Identity.of(after))
        return Compared(
            *self._records,
            deltas=tuple(_adjusted(deltas)),
            cells=tuple(_adjusted(cells)),
            slices=tuple(found),
            flips=tuple(flips),
            lineage=tuple(identity.lineage(before, after)),
            warnings=(*sided, *self._pairs.warnings(after.options.get("limit"))),
            forced=tuple(reasons),
            resamples=self._options.resamples,
            seed=self._seed,
            ratios=dict(self._ratios()),
        )

    def _ratios(self) -> Iterator[tuple[str, Comparison]]:
        for name, limit in self._options.ratios.items():
            task, _, metric = name.partition("/")
            before, after = (
                record.tasks[task].metrics.get(metric) if task in record.tasks else None for record in self._records
            )
            if before is not None and after is not None:
                draws = self._replicates(name)
                yield name, replicates.ratio(before, after, draws, self._options.confidence, limit - 1)

    def _replicates(self, name: str) -> tuple[Replicates, Replicates] | None:
        """Return the draws of one metric in both runs, if both have them and drew alike."""
        one, other = (side.get(name) for side in self._draws)
        return (one, other) if one and other and one.draws.size == other.draws.size else None

    def _task(self, name: str, task: TaskRecord, known: Mapping[str, Rule], parts: Sequence[CellPairs]) -> list[Delta]:
        single = len(task.cells) == 1
        aggregates = self._sweep(name, task, known, parts) if task.kind == "sweep" and task.primary in known else {}
        deltas = []
        for metric, record in task.metrics.items():
            if single and metric in known and parts:
                deltas.append(self._scores(parts[0], metric, known[metric], metric))
            else:
                deltas.append(aggregates.get(metric) or self._values(name, metric, record))
        return deltas

    def _scores(self, part: CellPairs, metric: str, rule: Rule, label: str) -> Delta:
        """Compare a per-sample metric over the pairs of one cell."""
        old, new = self._both(metric, rule)
        before, after = old[part.baseline], new[part.candidate]
        both = ~np.isnan(before) & ~np.isnan(after)
        lost, gained, note = _one_sided(before, after)
        if note and not rule.known:
            note += ": the metric's definition is not installed here, so failures cannot be counted"
        before, after = before[both], after[both]
        margin = self._options.margins.get(f"{part.task}/{label}", 0.0)
        comparison = compare_scores(
            before,
            after,
            rule.way,
            self._clusters[part.candidate][both],
            self._options.confidence,
            margin,
            rule.span,
        )
        return Delta(
            part.task,
            label,
            rule.direction,
            rule.unit,
            _mean(before),
            _mean(after),
            comparison,
            note=note,
            lost=lost,
            gained=gained,
        )

    def _sweep(
        self, name: str, task: TaskRecord, known: Mapping[str, Rule], parts: Sequence[CellPairs]
    ) -> dict[str, Delta]:
        """Compare the statistics of a sweep, on samples that are paired in its clean cell."""
        clean = parts[_CLEAN_COLUMN] if parts else None
        if clean is None or len(parts) < len(task.cells):
            return {}
        worths = self._both(task.primary, known[task.primary])
        where = _positions(self._samples[0], clean)
        sides = [
            sweeps.Side(
                _matrix(worths[i], parts, where, i, self._samples[0]),
                _matrix(
                    self._samples[i].answers()[0].astype(np.float64), parts, where, i, self._samples[0], -1.0
                ).astype(np.int64),
            )
            for i in (0, 1)
        ]
        seed = derive_seed(self._seed, name)
        resampled = sweeps.resample(
            task, sides[0], sides[1], self._clusters[clean.candidate], self._options.resamples, seed
        )
        lost, gained, note = _one_sided(sides[0].scores, sides[1].scores)
        found = {}
        for metric, statistic in sweeps.statistics(task).items():
            record = task.metrics[metric]
            margin = self._options.margins.get(f"{name}/{metric}", 0.0)
            sign = 1 if record.direction == "higher" else -1
            comparison = resampled.compare(statistic, sign, margin, self._options.confidence)
            values = resampled.values(statistic)
            found[metric] = Delta(
                name, metric, record.direction, record.unit, *values, comparison, note=note, lost=lost, gained=gained
            )
        return found

    def _values(self, task: str, metric: str, record: MetricRecord) -> Delta:
        """Put two values side by side where no paired test is known."""
        old = self._records[0].tasks[task].metrics.get(metric)
        before = math.nan if old is None or old.value is None else old.value
        after = math.nan if record.value is None else record.value
        draws = self._replicates(f"{task}/{metric}")
        if draws is not None and old is not None and self._same_samples(task):
            margin = self._options.margins.get(f"{task}/{metric}", 0.0)
            comparison = replicates.difference(old, record, draws, self._options.confidence, margin)
            return Delta(task, metric, record.direction, record.unit, before, after, comparison)
        note = "not tested: no paired test is known for this metric"
        return Delta(task, metric, record.direction, record.unit, before, after, None, note=note)

    def _same_samples(self, task: str) -> bool:
        """Return whether both runs drew from the same samples; otherwise draw b is not the same draw."""
        cells = [pairs for pairs in self._pairs.cells.values() if pairs.task == task]
        return not any(pairs.missing or pairs.extra or pairs.changed for pairs in cells)

    def _both(self, metric: str, rule: Rule) -> tuple[Floats, Floats]:
        key = metric, rule.failure_value
        if key not in self._worths:
            one, other = self._samples
            self._worths[key] = one.worths(*key), other.worths(*key)
        return self._worths[key]


def _positions(samples: Samples, clean: CellPairs) -> Index:
    """Return the row of the matrix for each code of a sample id; −1 for samples that are no pair in the clean cell."""
    codes, names = samples.codes("sample_id")
    where = np.full(len(names), -1, np.int64)
    where[codes[clean.baseline]] = np.arange(clean.baseline.size)
    return where


def _matrix(
    values: Floats, parts: Sequence[CellPairs], where: Index, side: int, baseline: Samples, absent: float = math.nan
) -> Floats:
    """Return a column of one run as [samples, cells]."""
    codes, _ = baseline.codes("sample_id")
    out = np.full((parts[0].baseline.size, len(parts)), absent)
    for column, part in enumerate(parts):
        rows = where[codes[part.baseline]]
        picked = values[part.baseline if side == 0 else part.candidate]
        out[rows[rows >= 0], column] = picked[rows >= 0]
    return out


def _one_sided(before: Floats, after: Floats) -> tuple[int, int, str]:
    """Return how many values only the baseline has, how many only the candidate, and a sentence that says so."""
    lost = int((~np.isnan(before) & np.isnan(after)).sum())
    gained = int((np.isnan(before) & ~np.isnan(after)).sum())
    said = f"{lost:,} scores only the baseline has, {gained:,} only the candidate; they are left out"
    return lost, gained, said if lost or gained else ""


def _adjusted(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with Holm-adjusted p-values over those that have one."""
    p = np.array([math.nan if delta.comparison is None else delta.comparison.p_value for delta in deltas], np.float64)
    tested = ~np.isnan(p)
    p[tested] = holm(p[tested])
    return [replace(delta, adjusted_p=float(q)) for delta, q in zip(deltas, p, strict=True)]


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else math.nan
