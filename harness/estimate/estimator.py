"""From a statistic and rows to its value with an interval, its n and its statuses."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from harness.estimate.draws import Draws, Pool
from harness.estimate.forms import FORMS
from harness.estimate.intervals import interval_of
from harness.estimate.kept import Kept
from harness.estimate.means import (
    NONE,
    Interval,
    gap_interval_of,
    mean_interval_of,
    mean_of,
    weighted_mean_interval_of,
    weighted_mean_of,
    within,
)
from harness.estimate.read import Read
from harness.estimate.rows import Rows
from harness.estimate.rowwise import Declared, is_binary, nothing_binary
from harness.estimate.statistic import Node, Statistic, children, inputs_in, key
from harness.stats.draws import RESAMPLES
from harness.types import MetricValue, Status

NAN: Final = math.nan


class Estimator:
    """Values of statistics over one table.

    Args:
        rows: of one task.
        seed: what draws are derived from: the same suite gives the same intervals everywhere.
        binary: says which columns are 0 or 1 by declaration.
        resamples: draws, where an interval needs them.
        confidence: of intervals, two-sided.
    """

    def __init__(
        self,
        rows: Rows,
        seed: tuple[str | int, ...] = (0,),
        binary: Declared = nothing_binary,
        resamples: int = RESAMPLES,
        confidence: float = 0.95,
    ) -> None:
        self._rows = rows
        self._seed = seed
        self._binary = binary
        self._resamples = resamples
        self._confidence = confidence
        self._slices, self._draws = Kept(), Kept()
        self._every: Pool | None = None

    def all(self, statistics: Sequence[Statistic]) -> dict[str, MetricValue]:
        """Return the values of some statistics by name; those that have no form are undefined."""
        return {one.name: undefined(one) if one.of["form"] == "stored" else self.value(one) for one in statistics}

    def value(self, statistic: Statistic, confidence: float | None = None) -> MetricValue:
        """Return one statistic with its interval, its n, and the statuses of the rows that it rests on."""
        level = self._confidence if confidence is None else confidence
        rows = self._slice(statistic)
        if (column := statistic.mean_of) is not None:
            read = rows.read(column)
            counted = read.counted
            values, units = read.values[counted], read.unit[counted]
            if (weights := read.weighing) is not None:
                gap = column.get("row") == "minus"
                found = weighted_mean_interval_of(values, weights, units, statistic.bounds, level, gap=gap)
                return _metric_value(statistic, weighted_mean_of(values, weights), found, [read], level)
            if column.get("row") == "minus":
                interval = gap_interval_of(values, units, statistic.bounds, level)
            else:
                binary = is_binary(column, self._binary)
                interval = mean_interval_of(values, units, statistic.bounds, binary=binary, confidence=level)
            return _metric_value(statistic, mean_of(values), interval, [read], level)
        reads = self._tallied(statistic, rows)
        draws = self._drawn(statistic, rows)
        nothing = bool(reads) and not any(read.counted.any() for read in reads)
        value = NAN if nothing else draws.exactly(statistic.of)
        if math.isnan(value):
            return _metric_value(statistic, value, NONE, reads, level)
        interval = self._interval(statistic, value, draws, level)
        # Nothing but this keeps a share between 0 and 1 that is no quotient of counts.
        return _metric_value(statistic, within(value, statistic.bounds), interval, reads, level)

    def _interval(self, statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
        if statistic.of["form"] == "minimum" and (widened := self._lowest(statistic, value, confidence)):
            return widened
        return interval_of(statistic, value, draws, confidence)

    def _lowest(self, statistic: Statistic, value: float, confidence: float) -> Interval | None:
        """Return the interval of the lowest of several means, widened as Bonferroni asks for the lowest of many."""
        parts = [replace(statistic, of=child) for child in children(statistic.of)]
        if any(part.mean_of is None for part in parts):
            return None
        many = len(parts)
        for part in parts:
            found = self.value(part, 1 - (1 - confidence) / many)
            if found.n and abs(found.value - value) <= 1e-12:
                return found.low, found.high, f"{found.method}, Bonferroni over {many} cells"
        return None

    def _slice(self, statistic: Statistic) -> Rows:
        if not statistic.where:
            return self._rows
        name = key(statistic.where)
        return self._slices.get(
            name, lambda: self._rows.select(statistic.where)
        )  # each takes memory: the last are kept

    def _drawn(self, statistic: Statistic, rows: Rows) -> Draws:
        name = key(statistic.where)

        def pool() -> Pool:
            return Pool(rows, seed=(*self._seed, name), count=self._resamples)

        if statistic.where:
            return self._draws.get(name, pool, rows.nbytes).of(statistic.of)
        if self._every is None:
            self._every = pool()
        return self._every.of(statistic.of)

    def _reads(self, statistic: Statistic, rows: Rows) -> list[Read]:
        table = self._drawn(statistic, rows).tables[0]
        return [table.read(node) for node in {key(n): n for n in inputs_in(statistic.of)}.values()]

    def _tallied(self, statistic: Statistic, rows: Rows) -> list[Read]:
        """Return the inputs that ``n`` counts.

        Inputs over the same samples are counted together, each sample by the worst that became of it; of others the
        longest one counts, or both sides of what separates two classes.
        """
        table = self._drawn(statistic, rows).tables[0]
        candidates = [[table.read(node) for node in nodes] for nodes in _tallies(statistic.of)]
        singles = [reads[0] for reads in candidates if len(reads) == 1]
        # Samples of other strata have the same places, and other units.
        if len(singles) == len(candidates) > 1 and all(
            np.array_equal(read.sample, singles[0].sample) and np.array_equal(read.unit, singles[0].unit)
            for read in singles[1:]
        ):
            return [_together(singles)]
        return max(candidates, key=lambda reads: sum(int(read.counted.sum()) for read in reads), default=[])


def _together(reads: Sequence[Read]) -> Read:
    """Return one row a sample: it counts where it counts in every input, with the worst status of all."""
    values = np.where(np.all([read.counted for read in reads], axis=0), 0.0, np.nan)
    kinds = np.max([read.kinds for read in reads], axis=0).astype(np.int8)
    return Read(reads[0].sample, reads[0].unit, values, kinds)


def undefined(statistic: Statistic) -> MetricValue:
    """Return a statistic without a value: its direction and its unit stay."""
    return MetricValue(NAN, NAN, NAN, 0, 0, statistic.direction, statistic.unit, method="none")


def _tallies(node: Node) -> list[list[Node]]:
    """Return the sets of inputs that may be counted: each input by itself, the sides of a separation together."""
    if "form" not in node:
        return [[node]]
    if node["form"] == "rogan_gladen":
        return [children(node)[:1]]
    if FORMS[node["form"]].block and "edges" not in node:
        return [children(node)]
    return [one for child in children(node) for one in _tallies(child)]


def _metric_value(
    statistic: Statistic, value: float, interval: Interval, reads: Sequence[Read], confidence: float
) -> MetricValue:
    statuses: dict[str, int] = {}
    for read in reads:
        for status, count in read.statuses().items():
            statuses[status] = statuses.get(status, 0) + count
    n = 0 if math.isnan(value) else sum(int(read.counted.sum()) for read in reads)
    total = sum(count for status, count in statuses.items() if status != Status.UNDEFINED)
    low, high, method = interval
    return MetricValue(
        value, low, high, n, total, statistic.direction, statistic.unit, dict(sorted(statuses.items())), method,
        confidence,
    )  # fmt: skip


__all__ = ["Estimator", "undefined"]
