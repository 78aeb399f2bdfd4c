"""One task in two runs: its metrics, cells, slices, flips and ratios."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.comparison.asked import AskedPairs
from harness.comparison.columns import Samples
from harness.comparison.delta import Delta
from harness.comparison.flips import Flipped, flipped
from harness.comparison.options import Options
from harness.comparison.pair import CellPairs
from harness.comparison.rows import CUT_OFF, TaskView
from harness.comparison.slices import Looked, looked_at, slices
from harness.estimate import Comparer, Difference, Rows, Statistic, column, mean, placed
from harness.estimate.coded import LOST
from harness.estimate.statistic import columns_in
from harness.record.schema import MetricRecord
from harness.stats.quantiles import ratio_of_draws
from harness.stats.results import Comparison, nothing

_MOST_READ: Final = 2000
"""Failures whose words are read, to find the commonest."""


@dataclass(frozen=True, slots=True)
class TaskComparer:
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


def _of_values(before: MetricRecord, after: MetricRecord, confidence: float, margin: float) -> Comparison:
    """Return the ratio of two values without an interval; above 1 is worse."""
    if not before.value or not after.value or before.value < 0 or after.value < 0:
        return nothing("ratio", confidence, margin)
    logs = (1 if after.direction == "lower" else -1) * math.log(after.value / before.value)
    return ratio_of_draws(logs, np.zeros(0), after.n, "ratio", confidence, margin)
