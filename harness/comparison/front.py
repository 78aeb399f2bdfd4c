"""Which runs are worth their cost: the Pareto front of being right, seconds, and money or tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.record import Run
from harness.record.schema import MetricRecord

KIND: Final = "cost"
RIGHT: Final = "right"
_MONEY: Final = "cost_per_sample"
_TOKENS: Final = "tokens_per_sample"
_TIME: Final = "seconds_per_sample"


@dataclass(frozen=True, slots=True)
class Standing:
    """One run on the front, or behind it."""

    run: str
    adapter: str
    values: Mapping[str, MetricRecord]
    """By number: `right`, and those that are compared."""
    behind: str = ""
    """The run that is at least as good in everything and better in something; empty on the front."""
    sure: bool = False
    """Whether it is so by the intervals, not by the values alone."""
    open: tuple[str, ...] = ()
    """Where it is not sure: the numbers whose intervals overlap."""


@dataclass(frozen=True, slots=True)
class Front:
    """The runs of one cost task."""

    task: str
    axes: tuple[str, ...]
    """What is compared: `right`, where more is better, then what is spent."""
    standings: tuple[Standing, ...]
    notes: tuple[str, ...] = ()


def fronts(runs: Sequence[Run]) -> list[Front]:
    """Return the front of each cost task that all runs have, by name."""
    records = [run.record for run in runs]
    shared = [
        name
        for name, task in records[0].tasks.items()
        if task.kind == KIND and all(name in one.tasks and one.tasks[name].kind == KIND for one in records)
    ]
    return [_front(name, runs) for name in shared]


def _front(task: str, runs: Sequence[Run]) -> Front:
    told = [run.record.tasks[task].metrics for run in runs]

    def known(name: str) -> bool:
        return all(name in one and one[name].n for one in told)

    currencies = {(run.record.adapter.config.get("prices") or {}).get("currency") for run in runs}
    money = known(_MONEY) and len(currencies) == 1
    machines = {(run.record.machine.processor, run.record.machine.cores) for run in runs}
    notes = []
    if not money and any(one[_MONEY].n for one in told if _MONEY in one):
        notes.append("money is left out: some runs have no prices, or others have other currencies")
    if len(machines) > 1:
        notes.append("seconds are left out: the runs are of different machines")
    elif not known(_TIME):
        notes.append("seconds are left out: of some runs none are known, as where answers came from the cache")
    elif len(runs) > 1:
        notes.append("seconds are of runs one after another; `kind: latency` measures them in turns")
    spent = [_MONEY] if money else [_TOKENS] if known(_TOKENS) else []
    axes = (RIGHT, *spent, *([_TIME] if known(_TIME) and len(machines) == 1 else []))
    hashes = {(run.record.tasks[task].config_hash, tuple(sorted(run.record.datasets.items()))) for run in runs}
    if len(hashes) > 1:
        notes.append("the runs did not ask the same: what they spent is of different questions")
    standings = [
        Standing(run.record.run_id, run.record.adapter.name, {name: one[name] for name in axes})
        for run, one in zip(runs, told, strict=True)
    ]
    return Front(task, axes, tuple(_judged(one, standings) for one in standings), tuple(notes))


def _judged(one: Standing, others: Sequence[Standing]) -> Standing:
    """Return a standing with the run that it is behind: one for certain before one by the values alone."""
    behind = [(other, _open(one, other)) for other in others if other is not one and _ahead(other, one)]
    if not behind:
        return one
    other, unsure = min(behind, key=lambda pair: len(pair[1]))
    return Standing(one.run, one.adapter, one.values, other.adapter, not unsure, unsure)


def _ahead(other: Standing, one: Standing) -> bool:
    """Return whether a run is at least as good in every value, and better in one."""
    gains = [_gain(name, other.values[name].value, one.values[name].value) for name in one.values]
    return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)


def _open(one: Standing, other: Standing) -> tuple[str, ...]:
    """Return the numbers in which the intervals leave open whether the other run is really not worse."""

    def still(name: str) -> bool:
        mine, theirs = one.values[name], other.values[name]
        if name != RIGHT and (mine.value, mine.low, mine.high) == (theirs.value, theirs.low, theirs.high):
            return False  # the same tokens for the same questions: nothing is left to chance
        worst, best = (theirs.low, mine.high) if name == RIGHT else (theirs.high, mine.low)
        return not _gain(name, worst, best) >= 0

    return tuple(name for name in one.values if still(name))


def _gain(name: str, better: float | None, than: float | None) -> float:
    """Return how much better a value is than another; nothing is better than what is not known."""
    if better is None or than is None:
        return float("nan")
    return better - than if name == RIGHT else than - better
