"""What a latency task says, as statistics: of rounds, of answers, and of what each model takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from harness.estimate import (
    ANY,
    POSITIVE,
    SIGNED,
    ColumnSpec,
    Node,
    Statistic,
    at_least,
    column,
    constant,
    equals,
    mean,
    minus,
    only,
    quantile,
    ratio,
    stored,
)
from harness.metrics import SampleMetric
from harness.record.rows import MadeRows
from harness.stats.quantiles import minimum_n
from harness.tasks._base import CellResult
from harness.tasks.latency.columns import Floats, by_round
from harness.tasks.latency.config import ANSWERS
from harness.tasks.scoring import column_specs
from harness.timing.energy import Meter
from harness.types import Direction

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
FOOTPRINT_FIGURES: Final = {
    "load_s": ("load_time", "s"),
    "peak_mib": ("peak_memory", "MiB"),
    "file_mib": ("model_size", "MiB"),
}
"""By column: the name of what a model takes, and its unit."""
_SIZE: Final = "a size: it is judged by its value; gate it by `max_ratio`"
_FEW: Final = "the median of a few processes has no interval; gate it by `max`"


@dataclass(frozen=True, slots=True)
class Timing:
    """One point of the grid: rounds in which every side is called once.

    What disturbs one call of a round is likely to disturb the others, so a round is a row. Rounds of two launches are
    no pairs.
    """

    cell: str
    names: Sequence[str]
    """Of the sides, the candidate first."""
    batch: int
    clock: str
    """What the speed-up is the ratio of."""

    @property
    def rounds(self) -> str:
        """The cell of its rounds."""
        return f"{self.cell} by round"

    def made(self, task: str, result: CellResult) -> MadeRows:
        """Return a row a round from a row a call."""
        columns: dict[str, Floats] = {}
        for of in ("wall_ms", "cpu_ms", "energy_mj"):
            table = by_round(result, of, len(self.names))
            columns |= {self._named(of, side): values for side, values in enumerate(table)}
        wall, cpu = columns["wall_ms"], columns["cpu_ms"]
        usable = np.isfinite(wall) & (cpu > 0)
        columns["contention"] = np.full(len(wall), np.nan)
        columns["contention"][usable] = (wall[usable] - cpu[usable]) / cpu[usable]
        ids = [f"{self.rounds} {number:06d}" for number in range(len(wall))]
        return MadeRows(task, self.rounds, ids, columns, stratum=self.rounds)

    def statistics(self) -> Iterator[Statistic]:
        """Yield the numbers of the point."""
        judged = f"{self.clock}_ms"
        yield self._faster("speedup", judged, 1)
        yield self._faster("speedup_wall", "wall_ms", 1)
        for side in range(2, len(self.names)):
            yield self._faster(f"speedup[{self.names[side]}]", judged, side)
        for side, prefix in enumerate(("", "reference_")):
            for clock in ("cpu", "wall"):
                times = self._read(f"{clock}_ms", side)
                for name, q in QUANTILES.items():
                    yield _timed(f"{prefix}{clock}_{name}", quantile(times, q, minimum_n(q)), "lower", "ms")
            rate = ratio(constant(1000 * self.batch), mean(self._read("wall_ms", side)))
            yield _timed(f"{prefix}throughput", rate, "higher", "1/s")
            if Meter().available:
                yield _timed(f"{prefix}energy", mean(self._read("energy_mj", side)), "lower", "mJ")
        above = quantile(column("contention", self.rounds), 0.5, minimum_n(0.5))
        yield Statistic("contention", above, "lower", "share", (-1.0, None), paired=False)

    def columns(self) -> dict[str, ColumnSpec]:
        """Return what the columns of its rounds are."""
        units = {"wall_ms": "ms", "cpu_ms": "ms", "energy_mj": "mJ"}
        sides = range(len(self.names))
        found = {self._named(of, i): ColumnSpec("lower", unit, POSITIVE) for of, unit in units.items() for i in sides}
        return found | {"contention": ColumnSpec("lower", "share", (-1.0, None))}

    def _faster(self, name: str, of: str, side: int) -> Statistic:
        """Return the ratio of median times over rounds that both sides finished: above 1 the candidate is faster."""
        mine, theirs = self._read(of, 0), self._read(of, side)
        slow, fast = (quantile(only(a, at_least(b, 0.0)), 0.5) for a, b in ((theirs, mine), (mine, theirs)))
        return _timed(name, ratio(slow, fast), "higher", "×")

    def _read(self, of: str, side: int) -> Node:
        return column(self._named(of, side), self.rounds)

    def _named(self, of: str, side: int) -> str:
        return (of, f"reference_{of}")[side] if side < 2 else f"{of}[{self.names[side]}]"


def _timed(name: str, of: Node, direction: Direction, unit: str) -> Statistic:
    return Statistic(name, of, direction, unit, POSITIVE, paired=False)


def retention() -> list[Statistic]:
    """Return accuracy on both sides, its change, flips, and the agreement of logits; samples of two runs are pairs."""
    mine, theirs, same, cosine, kl = (
        column(name, ANSWERS.id) for name in ("right", "reference_right", "same", "cosine", "kl_nats")
    )
    return [
        Statistic("accuracy", mean(mine)),
        Statistic("reference_accuracy", mean(theirs)),
        Statistic("accuracy_change", mean(minus(mine, theirs)), bounds=SIGNED),
        Statistic("agreement", mean(same)),
        Statistic("answer_flip_rate", mean(equals(same, 0.0)), "lower"),
        Statistic("logit_cosine", mean(cosine), bounds=SIGNED),
        Statistic("logit_kl", mean(kl), "lower", "nats", POSITIVE),
    ]


def footprint() -> list[Statistic]:
    """Return what each model takes: values without an interval."""
    return [
        Statistic(prefix + name, stored(), "lower", unit, ANY, untestable=_FEW if unit == "s" else _SIZE)
        for name, unit in FOOTPRINT_FIGURES.values()
        for prefix in ("", "reference_")
    ]


def answer_columns(metric: SampleMetric) -> dict[str, ColumnSpec]:
    """Return what the columns of answers are; a call that failed is left out, whatever the metric says of failures."""
    right = replace(column_specs({"right": metric})["right"], worth=None)
    return {
        "right": right,
        "reference_right": right,
        "same": ColumnSpec(binary=True),
        "cosine": ColumnSpec(bounds=SIGNED),
        "kl_nats": ColumnSpec("lower", "nats", POSITIVE),
    }
