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
    Number,
    Statistic,
    at_least,
    column,
    constant,
    equals,
    glossary_of,
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
from harness.tasks._cells import CellResult
from harness.tasks.latency.columns import Floats, by_round
from harness.tasks.latency.config import ANSWERS
from harness.tasks.scoring import column_specs
from harness.timing.energy import Meter
from harness.types import Direction

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
LAUNCHES: Final = "launches"
"""The cell with a row a launch."""
LAUNCH_FIGURES: Final = {
    "cpu_ms": ("launch_cpu", "ms", "CPU time of a call of all threads, mean over launches of their medians"),
    "wall_ms": ("launch_wall", "ms", "Wall-clock time of a call, mean over launches of their medians"),
    "peak_mib": ("launch_memory", "MiB", "Peak memory of a process with the model alone, mean over launches"),
}
"""By column: the name of what launches are asked for, its unit, and what it is."""
FOOTPRINT_FIGURES: Final = {
    "load_s": ("load_time", "s", "Seconds from a fresh process to a model that can answer, median over processes."),
    "peak_mib": ("peak_memory", "MiB", "The most memory that a process with the model alone held."),
    "file_mib": ("model_size", "MiB", "Size of the model's files."),
}
"""By column: the name of what a model takes, its unit, and what it is."""
SIDES: Final = {"": "of the candidate", "reference_": "of the reference"}
"""By what stands before a number's name: whose it is."""
_CLOCKS: Final = {"cpu": "CPU time of all threads of a call", "wall": "Wall-clock time of a call"}
_SIZE: Final = "a size: it is judged by its value; gate it by `max_ratio`"
_FEW: Final = "the median of a few processes has no interval; gate it by `max`"


def _timed(name: str, meaning: str, direction: Direction, unit: str) -> Number:
    return Number(name, meaning, direction, unit, POSITIVE, paired=False)


def _of_sides() -> Iterator[Number]:
    for before, whose in SIDES.items():
        for clock, meaning in _CLOCKS.items():
            for name, q in QUANTILES.items():
                few = f"; none from fewer than {minimum_n(q)} calls" if minimum_n(q) > 1 else ""
                said = f"{meaning}, {name[1:]}th percentile, {whose}{few}."
                yield _timed(f"{before}{clock}_{name}", said, "lower", "ms")
        yield _timed(f"{before}throughput", f"Samples a second of wall-clock time, {whose}.", "higher", "1/s")
        yield _timed(f"{before}energy", f"Energy of a call, mean, {whose}; where a meter can be read.", "lower", "mJ")
        for name, unit, meaning in LAUNCH_FIGURES.values():
            said = f"{meaning}, {whose}; two runs are compared by their launches."
            yield Number(before + name, said, "lower", unit, POSITIVE, paired=False, launches=True)
        for name, unit, meaning in FOOTPRINT_FIGURES.values():
            why = _FEW if unit == "s" else _SIZE
            said = f"{meaning.removesuffix('.')}, {whose}."
            yield Number(f"{before}{name}", said, "lower", unit, ANY, untestable=why)


NUMBERS: Final = glossary_of(
    _timed(
        "speedup",
        "Median time of the reference divided by the candidate's, over rounds that both finished, on the clock that "
        "the task judges by (CPU time by default): above 1 the candidate is faster. `[name]`: against another one.",
        "higher",
        "×",
    ),
    _timed("speedup_wall", "As `speedup`, in wall-clock time.", "higher", "×"),
    *_of_sides(),
    Number(
        "contention",
        "Median share by which wall-clock time exceeds CPU time: high where other work took the machine.",
        "lower",
        "share",
        (-1.0, None),
        paired=False,
    ),
    Number("accuracy", "The task's metric of the candidate, on the samples that both sides answered."),
    Number("reference_accuracy", "The task's metric of the reference, on the same samples."),
    Number(
        "accuracy_change",
        "`accuracy` minus `reference_accuracy`, paired by sample: what a faster model costs.",
        bounds=SIGNED,
    ),
    Number("agreement", "Share of samples that both sides answer alike, right or wrong."),
    Number("answer_flip_rate", "Share of samples whose answer differs from the reference's: 1 − `agreement`.", "lower"),
    Number("logit_cosine", "Cosine of the two sides' logits, mean over samples.", bounds=SIGNED),
    Number(
        "logit_kl",
        "Kullback–Leibler divergence from the reference's class probabilities to the candidate's, mean over samples.",
        "lower",
        "nats",
        POSITIVE,
    ),
)
"""The numbers of a timed comparison."""


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
            yield self._faster("speedup", judged, side, f"[{self.names[side]}]")
        for side, prefix in enumerate(SIDES):
            for clock in _CLOCKS:
                times = self._read(f"{clock}_ms", side)
                for name, q in QUANTILES.items():
                    yield NUMBERS[f"{prefix}{clock}_{name}"].over(quantile(times, q, minimum_n(q)))
            rate = ratio(constant(1000 * self.batch), mean(self._read("wall_ms", side)))
            yield NUMBERS[f"{prefix}throughput"].over(rate)
            if Meter().available:
                yield NUMBERS[f"{prefix}energy"].over(mean(self._read("energy_mj", side)))
        above = quantile(column("contention", self.rounds), 0.5, minimum_n(0.5))
        yield NUMBERS["contention"].over(above)

    def columns(self) -> dict[str, ColumnSpec]:
        """Return what the columns of its rounds are."""
        units = {"wall_ms": "ms", "cpu_ms": "ms", "energy_mj": "mJ"}
        sides = range(len(self.names))
        found = {self._named(of, i): ColumnSpec("lower", unit, POSITIVE) for of, unit in units.items() for i in sides}
        return found | {"contention": ColumnSpec("lower", "share", (-1.0, None))}

    def _faster(self, name: str, of: str, side: int, tail: str = "") -> Statistic:
        """Return the ratio of median times over rounds that both sides finished: above 1 the candidate is faster."""
        mine, theirs = self._read(of, 0), self._read(of, side)
        slow, fast = (quantile(only(a, at_least(b, 0.0)), 0.5) for a, b in ((theirs, mine), (mine, theirs)))
        return NUMBERS[name].over(ratio(slow, fast), tail)

    def _read(self, of: str, side: int) -> Node:
        return column(self._named(of, side), self.rounds)

    def _named(self, of: str, side: int) -> str:
        return (of, f"reference_{of}")[side] if side < 2 else f"{of}[{self.names[side]}]"


def retention() -> list[Statistic]:
    """Return accuracy on both sides, its change, flips, and the agreement of logits; samples of two runs are pairs."""
    mine, theirs, same, cosine, kl = (
        column(name, ANSWERS.id) for name in ("right", "reference_right", "same", "cosine", "kl_nats")
    )
    told = {
        "accuracy": mean(mine),
        "reference_accuracy": mean(theirs),
        "accuracy_change": mean(minus(mine, theirs)),
        "agreement": mean(same),
        "answer_flip_rate": mean(equals(same, 0.0)),
        "logit_cosine": mean(cosine),
        "logit_kl": mean(kl),
    }
    return [NUMBERS[name].over(of) for name, of in told.items()]


def footprint() -> list[Statistic]:
    """Return what each model takes: values without an interval."""
    return [NUMBERS[prefix + name].over(stored()) for name, _, _ in FOOTPRINT_FIGURES.values() for prefix in SIDES]


def launched(task: str, result: CellResult, sides: int) -> MadeRows:
    """Return a row a launch from what was measured in each process."""
    own = result.columns["side"].worths
    columns: dict[str, Floats] = {}
    for of in LAUNCH_FIGURES:
        parts = [result.columns[of].worths[own == side] for side in range(sides)]
        length = max((len(part) for part in parts), default=0)
        columns |= {
            _launch_column(of, side): np.append(part, np.full(length - len(part), np.nan))
            for side, part in enumerate(parts[: len(SIDES)])
        }
    count = len(next(iter(columns.values())))
    return MadeRows(task, LAUNCHES, [f"launch {number:03d}" for number in range(count)], columns, stratum=LAUNCHES)


def launch_statistics() -> list[Statistic]:
    """Return what launches are compared by."""
    return [
        NUMBERS[prefix + name].over(mean(column(_launch_column(of, side), LAUNCHES)))
        for of, (name, _, _) in LAUNCH_FIGURES.items()
        for side, prefix in enumerate(SIDES)
    ]


def launch_columns() -> dict[str, ColumnSpec]:
    """Return what the columns of launches are."""
    sides = range(len(SIDES))
    return {
        _launch_column(of, side): ColumnSpec("lower", unit, POSITIVE)
        for of, (_, unit, _) in LAUNCH_FIGURES.items()
        for side in sides
    }


def _launch_column(of: str, side: int) -> str:
    return ("launch ", "reference launch ")[side] + of


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
