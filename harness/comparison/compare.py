"""Two runs side by side, sample by sample: what moved, how sure that is, and on which samples."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from harness.comparison import identity
from harness.comparison.asked import AskedPairs
from harness.comparison.columns import Samples
from harness.comparison.compared import Compared
from harness.comparison.delta import Delta, adjusted
from harness.comparison.described import described
from harness.comparison.flips import Flipped
from harness.comparison.identity import Identity, Incomparable
from harness.comparison.labelled import Labelled, by_people, notices
from harness.comparison.options import Options
from harness.comparison.pair import Pairs, pair
from harness.comparison.rows import CUT_OFF, TaskView, rows_of_run
from harness.comparison.sets import apart_in
from harness.comparison.slices import Looked
from harness.comparison.task import TaskComparer
from harness.comparison.watched import gated, unwatched
from harness.estimate import Comparer
from harness.labels import LabelSet
from harness.record import Run
from harness.record.arrow import indices
from harness.record.marks import Differences
from harness.record.schema import SCHEMA_VERSION
from harness.seeds import derive_seed
from harness.stats.results import Comparison

__all__ = ["Compared", "Delta", "Options", "changes", "compare"]

_AS_USUAL: Final = Options()


def compare(baseline: Run, candidate: Run, options: Options = _AS_USUAL) -> Compared:
    """Compare two runs.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    comparer, reasons = _prepared(baseline, candidate, options)
    return comparer.compare(reasons)


def changes(baseline: Run, candidate: Run, names: Collection[str], options: Options = _AS_USUAL) -> dict[str, Delta]:
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
        told = adjusted(deltas)
        worst = sorted((slice_ for one in found for slice_ in one.listed), key=lambda slice_: not slice_.fell)
        return Compared(
            *self._records,
            deltas=tuple(told),
            cells=tuple(adjusted(cells)),
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
            cut_off=tuple(adjusted(cut)),
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

    def _task(self, name: str) -> "TaskComparer":
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
        return TaskComparer(
            (views[0], views[1]), comparer, (baseline, candidate), [*parts.values()], self._samples, options
        )


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
