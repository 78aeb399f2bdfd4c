"""Two runs side by side, sample by sample: what moved, how sure that is, and on which samples."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.comparison import identity
from harness.comparison.asked import AskedPairs
from harness.comparison.columns import Samples
from harness.comparison.described import described
from harness.comparison.flips import Flipped, flipped
from harness.comparison.identity import Difference as Changed
from harness.comparison.identity import Identity, Incomparable
from harness.comparison.labelled import Labelled, WithLabels, by_people, notices
from harness.comparison.pair import CellPairs, Pairs, pair
from harness.comparison.rows import CUT_OFF, TaskView, rows_of_run
from harness.comparison.sets import Unpaired, apart_in
from harness.comparison.slices import Looked, SliceDelta, looked_at, slices
from harness.comparison.watched import gated, unwatched
from harness.estimate import Comparer, Difference, Rows, Statistic, column, mean, placed
from harness.estimate.rows import LOST
from harness.estimate.statistic import columns_in
from harness.labels import LabelSet
from harness.record import Run
from harness.record.arrow import indices
from harness.record.folder import need_pandas
from harness.record.marks import Differences
from harness.record.schema import SCHEMA_VERSION, MetricRecord, RunRecord
from harness.seeds import derive_seed
from harness.shown import Shown
from harness.stats.draws import RESAMPLES
from harness.stats.multiplicity import holm
from harness.stats.quantiles import ratio_of_draws
from harness.stats.results import Comparison, nothing
from harness.types import Direction

if TYPE_CHECKING:
    import pandas as pd


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
    allow_missing: float = 0.0
    """The share of the baseline's rows of a task that may have no partner before its gates decide nothing."""
    force: bool = False
    """Compare what must not be compared; the result says so."""
    labels: WithLabels | None = None
    """What people say of some answers: a row of its own for each task, never mixed with the metrics."""


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
    """Above zero is better. None where it cannot be tested; the note says why."""
    adjusted_p: float = math.nan
    """Two-sided, Holm over all metrics of the comparison."""
    note: str = ""
    lost: int = 0
    """Samples that have a value in the baseline and none in the candidate, because it failed and failures are not
    counted; they are left out."""
    gained: int = 0
    """Samples of which the reverse is true."""
    failed: tuple[int, int] = (0, 0)
    """Samples for which no answer came, in the baseline and in the candidate."""
    rows: int = 0
    """Samples that were compared, those that failed among them."""
    answered: Comparison | None = None
    """The comparison over samples that both answered, where more of the candidate's failed."""
    why_failed: str = ""
    """What the commonest failure of the candidate said."""

    @property
    def name(self) -> str:
        """``task/metric``."""
        return f"{self.task}/{self.metric}"

    @property
    def moved(self) -> str:
        """``better`` or ``worse`` where the adjusted p says so and the interval leaves out no change, else nothing.

        What was never drawn can widen an interval beyond what its test saw; whoever reads both must not be told two
        things.
        """
        found = self.comparison
        if found is None or not self.adjusted_p <= 1 - found.confidence or found.low <= 0 <= found.high:
            return ""
        return "better" if found.estimate > 0 else "worse"


@dataclass(frozen=True, slots=True, repr=False)
class Compared(Shown):
    """Everything that is to be said about two runs."""

    baseline: RunRecord
    candidate: RunRecord
    deltas: tuple[Delta, ...]
    cells: tuple[Delta, ...]
    """The primary metric in every cell of tasks with more than one; exploratory."""
    slices: tuple[SliceDelta, ...]
    """Those that fell most in each task, the worst first; exploratory."""
    flips: tuple[Flipped, ...]
    lineage: tuple[Changed, ...]
    warnings: tuple[str, ...]
    forced: tuple[str, ...]
    """Why these runs must not be compared, where ``force`` did it all the same."""
    resamples: int
    seed: int
    ratios: Mapping[str, Comparison] = field(default_factory=dict)
    """How many times worse the metrics are that were asked for as ratios."""
    cut_off: tuple[Delta, ...] = ()
    """How the share of answers that were cut off moved, of each task where any was; tested apart from the metrics."""
    unpaired: tuple[Unpaired, ...] = ()
    """The rows of each task that have no partner; ``warnings`` has them as sentences."""
    allow_missing: float = 0.0
    """The share of the baseline's rows of a task that may be among them before its gates decide nothing."""
    looked: int = 0
    """Slices that were looked at, each metric and cell counted."""
    labelled: tuple[Labelled, ...] = ()
    """What people's labels say of each task of which there are any."""
    labels_file: str = ""
    """Where labels were looked for; empty where nobody asked for any."""
    labels: LabelSet = field(default_factory=LabelSet)
    """All of that file."""

    @property
    def simulated(self) -> bool:
        """Whether a number comes from a run without a model."""
        return self.baseline.adapter.simulated or self.candidate.adapter.simulated

    def delta(self, name: str) -> Delta | None:
        """Return the delta of ``task/metric``."""
        return next((delta for delta in self.deltas if delta.name == name), None)

    def frame(self) -> "pd.DataFrame":
        """Return every metric as a data frame, a row each.

        ``change`` is candidate − baseline as it is; ``low`` and ``high`` are its interval; ``moved`` says ``better`` or
        ``worse`` where the adjusted p, ``adjusted_p``, does.

        Raises:
            UsageError: if pandas is not installed.
        """
        need_pandas("frame()")
        import pandas as pd

        columns = ["task", "metric", "direction", "baseline", "candidate", "change", "low", "high", "pairs"]
        return pd.DataFrame([_row(delta) for delta in self.deltas], columns=[*columns, "adjusted_p", "moved", "note"])


def _row(delta: Delta) -> dict[str, object]:
    """Return a delta as a row of a table; its comparison is above zero where better, its change is as it is."""
    tested = delta.comparison
    ends = (math.nan, math.nan) if tested is None else (tested.low, tested.high)
    low, high = ends if delta.direction == "higher" else (-ends[1], -ends[0])
    return {
        "task": delta.task,
        "metric": delta.metric,
        "direction": delta.direction,
        "baseline": delta.before,
        "candidate": delta.after,
        "change": delta.after - delta.before,
        "low": low,
        "high": high,
        "pairs": 0 if tested is None else tested.n,
        "adjusted_p": delta.adjusted_p,
        "moved": delta.moved,
        "note": delta.note,
    }


def compare(baseline: Run, candidate: Run, options: Options = Options()) -> Compared:
    """Compare two runs.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    comparer, reasons = _prepared(baseline, candidate, options)
    return comparer.compare(reasons)


def changes(baseline: Run, candidate: Run, names: Collection[str], options: Options = Options()) -> dict[str, Delta]:
    """Compare a few numbers alone, by ``task/metric``; their p-values are not adjusted.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    return _prepared(baseline, candidate, options)[0].changes(names)


def _prepared(baseline: Run, candidate: Run, options: Options) -> "tuple[_Comparer, list[str]]":
    before, after = Identity.of(baseline.record), Identity.of(candidate.record)
    rows = apart_in(baseline, candidate)
    reasons = [str(difference) for difference in identity.conflicts(before, after, rows)]
    reasons += identity.unfinished(baseline.record, "baseline") + identity.unfinished(candidate.record, "candidate")
    if reasons and not options.force:
        raise Incomparable(reasons)
    return _Comparer(baseline, candidate, options, rows), reasons


_WEIGHTED: Final = (
    "the samples were drawn with unequal chances and are weighted; slices and labels know no weights, and are left out"
)
_MOST_READ: Final = 2000
"""Failures whose words are read, to find the commonest."""


class _Comparer:
    def __init__(self, baseline: Run, candidate: Run, options: Options, rows: Mapping[str, Differences]) -> None:
        self._records = baseline.record, candidate.record
        self._rows = rows_of_run(baseline, weighted=True), rows_of_run(candidate, weighted=True)
        self._samples = self._rows[0].samples, self._rows[1].samples
        self._pairs: Pairs = pair(*self._samples, rows)
        self._weighted = _one_draw(self._samples, self._pairs)
        self._options = options if not self._weighted else replace(options, labels=None)
        suite = candidate.record.suite
        self._seed = derive_seed(suite.name, suite.seed, "compare", SCHEMA_VERSION)

    def compare(self, reasons: Sequence[str]) -> Compared:
        before, after = self._records
        deltas: list[Delta] = []
        cells: list[Delta] = []
        found: list[Looked] = []
        flips: list[Flipped] = []
        ratios: dict[str, Comparison] = {}
        cut: list[Delta] = []
        asked: list[AskedPairs] = []
        for name in (name for name in after.tasks if name in before.tasks):
            one = self._task(name)
            deltas += one.deltas()
            cells += one.cells()
            if not self._weighted:
                found.append(one.slices(after.suite.content.get("slice_by"), gated(after), self._seed))
            flips += one.flips()
            ratios |= one.ratios()
            cut += one.cut_off()
            asked += one.asked()
        given = self._options.labels
        labelled: tuple[Labelled, ...] = ()
        if given:
            tags = after.suite.content.get("slice_by") or ()
            labelled = by_people(asked, given, self._label_margins(), self._options.confidence, tags)
        drawn = after.limit_rule in ("drawn", "informative")
        unpaired = self._pairs.unpaired(after.options.get("limit"), drawn=drawn)
        sided = identity.one_sided(Identity.of(before), Identity.of(after))
        told = _adjusted(deltas)
        worst = sorted((slice_ for one in found for slice_ in one.listed), key=lambda slice_: not slice_.fell)
        return Compared(
            *self._records,
            deltas=tuple(told),
            cells=tuple(_adjusted(cells)),
            slices=tuple(worst),
            flips=tuple(flips),
            lineage=tuple(identity.lineage(before, after)),
            warnings=(
                *sided,
                *identity.changed_server(before, after),
                *(said for one in unpaired for said in one.sentences()),
                *self._unmoved(),
                *([_WEIGHTED] if self._weighted else []),
                *unwatched(after, told),
                *notices(given, labelled),
            ),
            forced=tuple(reasons),
            resamples=self._options.resamples,
            seed=self._seed,
            ratios=ratios,
            cut_off=tuple(_adjusted(cut)),
            unpaired=tuple(unpaired),
            allow_missing=self._options.allow_missing,
            looked=sum(one.among for one in found),
            labelled=labelled,
            labels_file=given.file if given else "",
            labels=given.labels if given else LabelSet(),
        )

    def changes(self, names: Collection[str]) -> dict[str, Delta]:
        before, after = self._records
        found: dict[str, Delta] = {}
        for task in (task for task in after.tasks if task in before.tasks):
            wanted = [name for name in names if name.partition("/")[0] == task]
            there = [name for name in wanted if name.partition("/")[2] in after.tasks[task].metrics]
            if there:
                one = self._task(task)
                found |= {name: one.delta(name.partition("/")[2]) for name in there}
        return found

    def _label_margins(self) -> dict[str, float]:
        """Return the margins of the gates on the tasks' primary metrics."""
        tasks = self._records[1].tasks
        named = {name: self._options.margins.get(f"{name}/{task.primary}", 0.0) for name, task in tasks.items()}
        return {name: margin for name, margin in named.items() if margin > 0}

    def _unmoved(self) -> Iterator[str]:
        """Warn of a LoRA with which no answer differs from those without it: it may attach to nothing."""
        before, after = (record.adapter.config.get("lora") for record in self._records)
        pairs = [one for one in self._pairs.cells.values() if len(one.candidate)]
        if before == after or not pairs:
            return
        answers = [samples.digests("response") for samples in self._samples]
        if all(answers[0].take(indices(one.baseline)).equals(answers[1].take(indices(one.candidate))) for one in pairs):
            count = sum(len(one.candidate) for one in pairs)
            said = f"all {count:,} answers with `lora: {after}` are those with `lora: {before}`"
            yield f"{said}: does it change anything?"

    def _task(self, name: str) -> "_TaskComparer":
        records = self._records[0].tasks[name], self._records[1].tasks[name]
        views = [
            TaskView(name, record, described(record, samples.metrics))
            for record, samples in zip(records, self._samples, strict=True)
        ]
        parts = {cell: pairs for (owner, cell), pairs in self._pairs.cells.items() if owner == name}
        places = {cell: pairs.candidate for cell, pairs in parts.items()}
        candidate = self._rows[1].of(views[1], places)
        # What a record of an earlier version does not say of its columns, the newer one says of both.
        old = views[0] if records[0].statistics else replace(views[0], described=views[1].described)
        ours = {cell: pairs.baseline for cell, pairs in parts.items()}
        baseline = self._rows[0].of(old, ours, self._rows[1], places)
        options = self._options
        comparer = Comparer(
            baseline,
            candidate,
            (self._seed, name),
            lambda column: column == CUT_OFF or views[1].described.binary(column),
            options.resamples,
            options.confidence,
        )
        return _TaskComparer(
            (views[0], views[1]), comparer, (baseline, candidate), [*parts.values()], self._samples, options
        )


@dataclass(frozen=True, slots=True)
class _TaskComparer:
    """One task in two runs."""

    views: tuple[TaskView, TaskView]
    comparer: Comparer
    rows: tuple[Rows, Rows]
    pairs: Sequence[CellPairs]
    samples: tuple[Samples, Samples]
    options: Options

    @property
    def name(self) -> str:
        return self.views[1].name

    @property
    def primary(self) -> Statistic | None:
        """What the primary metric of a cell is; None where it has none."""
        return self.views[1].described.per_cell.get(self.views[1].record.primary)

    def deltas(self) -> Iterator[Delta]:
        for metric in self.views[1].record.metrics:
            yield self.delta(metric)

    def delta(self, metric: str) -> Delta:
        old, new = (view.record.metrics.get(metric) for view in self.views)
        defined = [view.described.statistics.get(metric) for view in self.views]
        assert new is not None  # noqa: S101 - it was listed
        statistic, why = defined[1], ""
        if old is None:
            why = "the baseline does not have this metric"
        elif statistic is None:
            why = "its record does not say what it is"
        elif defined[0] is not None and self.views[0].record.statistics and defined[0] != statistic:
            why = "it is defined otherwise in the baseline"
        values = [math.nan if one is None or one.value is None else one.value for one in (old, new)]
        if statistic is None or why:
            note = f"not tested: {why}"
            return Delta(self.name, metric, new.direction, new.unit, values[0], values[1], None, note=note)
        margin = self.options.margins.get(f"{self.name}/{metric}", 0.0)
        found = self.comparer.difference(statistic, margin)
        if found.comparison is None:
            note = f"not tested: {found.why_not}"
            return Delta(self.name, metric, new.direction, new.unit, values[0], values[1], None, note=note)
        return self._told(metric, statistic, found)

    def _told(self, label: str, statistic: Statistic, found: Difference) -> Delta:
        said = f"{found.lost:,} scores only the baseline has, {found.gained:,} only the candidate; they are left out"
        if any(one["column"] in self.views[1].described.guessed for one in columns_in(statistic.of)):
            said += ": the metric's definition is not installed here, so failures cannot be counted"
        return Delta(
            self.name,
            label,
            statistic.direction,
            statistic.unit,
            found.before,
            found.after,
            found.comparison,
            note=said if found.lost or found.gained else "",
            lost=found.lost,
            gained=found.gained,
            failed=found.failed,
            rows=found.rows,
            answered=found.answered,
            why_failed=self.why_failed() if found.failed[1] > found.failed[0] else "",
        )

    def why_failed(self) -> str:
        """Return what the commonest failure of the candidate's rows said."""
        rows = np.concatenate([pairs.candidate for pairs in self.pairs]) if self.pairs else np.zeros(0, np.int64)
        codes, words = self.samples[1].codes("status")
        lost = rows[np.isin(codes[rows], [i for i, word in enumerate(words) if word in LOST])]
        said = Counter(str(row["error"] or "") for row in self.samples[1].texts(lost[:_MOST_READ], ["error"]))
        return next((text for text, _ in said.most_common() if text), "")

    def cells(self) -> Iterator[Delta]:
        """Yield the primary metric in every cell of a task with more than one."""
        if self.primary is None or len(self.views[1].record.cells) == 1:
            return
        for pairs in self.pairs:
            one = placed(self.primary, pairs.cell)
            yield self._told(f"{pairs.cell}: {self.primary.name}", one, self.comparer.difference(one))

    def slices(self, tags: Collection[str] | None, gates: Collection[str], seed: int) -> Looked:
        """Return on which parts of the samples the primary metric fell, or one that a gate is on."""
        known = self.views[1].described
        on = [one for name, one in known.statistics.items() if f"{self.name}/{name}" in gates]
        cells = [pairs.cell for pairs in self.pairs if len(pairs.candidate)]
        record = self.views[1].record
        asked = list(looked_at(known.per_cell, record.primary, cells, on, next(iter(record.cells), "")))
        return slices(self.name, asked, self.comparer, self.rows, seed, tags)

    def flips(self) -> Iterator[Flipped]:
        """Yield the samples that changed sides, where the primary metric tells right from wrong."""
        primary, known = self.views[1].record.primary, self.views[1].described
        if known.flips(primary) and self.pairs:
            spec = known.columns[primary]
            worths = self.samples[0].worths(primary, spec), self.samples[1].worths(primary, spec)
            yield flipped(self.name, primary, self.pairs, worths, self.samples)

    def cut_off(self) -> Iterator[Delta]:
        """Yield how the share of answers that were cut off moved, where any was on either side."""
        counts = [view.record.cut_off for view in self.views]
        cells = [pairs.cell for pairs in self.pairs if len(pairs.candidate)]
        if not any(one.cut for one in counts):
            return
        if not all(one.known for one in counts) or not cells:
            before, after = (one.share if one.known else math.nan for one in counts)
            yield Delta(
                self.name, "cut off", "lower", "share", before, after, None, note="not tested: one run is silent"
            )
            return
        share = Statistic("cut off", mean(column(CUT_OFF, *cells)), "lower")
        yield self._told("cut off", share, self.comparer.difference(share))

    def asked(self) -> Iterator[AskedPairs]:
        """Yield the pairs as people are asked about them, where labels are wanted."""
        given = self.options.labels
        if given is not None and self.pairs:
            yield AskedPairs.of(self.views, self.pairs, self.samples, given.proxy_of(self.name))

    def ratios(self) -> Iterator[tuple[str, Comparison]]:
        """Yield how many times worse the metrics are that were asked for as ratios."""
        for name, limit in self.options.ratios.items():
            task, _, metric = name.partition("/")
            old, new = (view.record.metrics.get(metric) for view in self.views)
            if task != self.name or old is None or new is None:
                continue
            statistic = self.views[1].described.statistics.get(metric)
            if statistic is None or statistic.untestable:
                yield name, _of_values(old, new, self.options.confidence, limit - 1)
            else:
                yield name, self.comparer.ratio(statistic, limit - 1)


def _one_draw(samples: tuple[Samples, Samples], pairs: Pairs) -> bool:
    """Return whether pairs are to be weighted.

    Raises:
        Incomparable: if both runs drew their samples by themselves: the chance of a pair is then not known.
    """
    weights = samples[0].weights, samples[1].weights
    if weights[0] is None or weights[1] is None:
        return weights[0] is not None or weights[1] is not None
    for one in pairs.cells.values():
        if not np.array_equal(weights[0][one.baseline], weights[1][one.candidate]):
            said = (
                "both drew samples with unequal chances, by different earlier runs: how likely a pair was is not known"
            )
            raise Incomparable([f"{said}; compare with a run of all samples"])
    return True


def _of_values(before: MetricRecord, after: MetricRecord, confidence: float, margin: float) -> Comparison:
    """Return the ratio of two values without an interval; above 1 is worse."""
    if not before.value or not after.value or before.value < 0 or after.value < 0:
        return nothing("ratio", confidence, margin)
    logs = (1 if after.direction == "lower" else -1) * math.log(after.value / before.value)
    return ratio_of_draws(logs, np.zeros(0), after.n, "ratio", confidence, margin)


def _adjusted(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with Holm-adjusted p-values over those that have one."""
    p = np.array([math.nan if delta.comparison is None else delta.comparison.p_value for delta in deltas], np.float64)
    tested = ~np.isnan(p)
    p[tested] = holm(p[tested])
    return [replace(delta, adjusted_p=float(q)) for delta, q in zip(deltas, p, strict=True)]
