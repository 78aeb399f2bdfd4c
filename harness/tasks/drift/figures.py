"""What drift detectors are worth: delays, false alarms, run lengths, labels and retraining, each as a statistic."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from harness.estimate import (
    POSITIVE,
    Bounds,
    ColumnSpec,
    Node,
    Statistic,
    above,
    column,
    constant,
    count,
    difference,
    mean,
    only,
    product,
    quantile,
    ratio,
    scaled,
    total,
)
from harness.stats.quantiles import minimum_n
from harness.tasks.drift.config import DriftConfig
from harness.tasks.drift.protocol import LONG
from harness.tasks.drift.rows import CHANGE, FROM_START, QUIET

_QUANTILES: Final = {"median": 0.5, "p90": 0.9, "p95": 0.95}
_LENGTHS: Final[Bounds] = (1.0, None)
"""Of run lengths: the alarming batch counts."""
_COLUMNS: Final[Mapping[str, ColumnSpec]] = {
    "false_alarm": ColumnSpec("lower", binary=True),
    "delay": ColumnSpec("lower", "batches", POSITIVE),
    "missed": ColumnSpec("lower", binary=True),
    "run_length": ColumnSpec("lower", "batches", _LENGTHS),
    "detected": ColumnSpec(),
    "label_yield": ColumnSpec(),
    "label_yield_random": ColumnSpec(),
    "retrain_triggers": ColumnSpec("lower", "triggers", POSITIVE),
    "false_retrains": ColumnSpec("lower", "triggers", POSITIVE),
    "steps": ColumnSpec("none", "batches", _LENGTHS),
    "alarmed": ColumnSpec("none", binary=True),
    "false_alarms": ColumnSpec("lower", "alarms", POSITIVE),
}


def columns(labels: Iterable[str]) -> dict[str, ColumnSpec]:
    """Return what the columns of some detectors are."""
    return {f"{name}[{label}]": spec for label in labels for name, spec in _COLUMNS.items()}


def statistics(config: DriftConfig, labels: Iterable[str]) -> list[Statistic]:
    """Return every number of some detectors, each number of all of them in turn."""
    told = [[*_delays(label, config), *_run_lengths(label, config)] for label in labels]
    return [one for same in zip(*told, strict=True) for one in same]


def mean_run_length(label: str, cell: str) -> Node:
    """Batches that were watched for each alarm: the maximum likelihood estimate where some streams are censored."""
    return ratio(total(column(f"steps[{label}]", cell)), total(column(f"alarmed[{label}]", cell)))


def _delays(label: str, config: DriftConfig) -> Iterator[Statistic]:
    """Yield what is said only where something changes."""
    if config.shape == "none":
        return

    def read(name: str) -> Node:
        return column(f"{name}[{label}]", CHANGE)

    def told(name: str, of: Node, unit: str, bounds: Bounds = POSITIVE) -> Statistic:
        return Statistic(f"{name}[{label}]", of, "lower", unit, bounds)

    delay, batch, reach = read("delay"), config.batch, float(config.horizon - config.onset)
    yield told("detection_delay", mean(delay), "batches", (0.0, reach))
    for name, q in _QUANTILES.items():
        # Undefined where it lies among the streams that were censored.
        known = only(delay, above(read("detected"), q))
        yield told(f"detection_delay_{name}", quantile(known, q, minimum_n(q)), "batches", (0.0, reach))
    yield told("detection_delay_samples", mean(scaled(delay, batch)), "samples", (0.0, batch * reach))
    yield told("missed_detection_rate", mean(read("missed")), "share", (0.0, 1.0))
    yield told("false_alarm_rate", mean(read("false_alarm")), "share", (0.0, 1.0))
    yield told("arl1", mean_run_length(label, FROM_START), "batches", _LENGTHS)
    yield told("arl1_steady", mean(scaled(delay, 1.0, 1.0)), "batches", (1.0, 1.0 + reach))
    yield told("mtd", mean(read("run_length")), "batches", (1.0, reach))
    # MTR = MTFA / MTD · (1 − MDR) (Bifet 2013); false alarms and delays are of different streams.
    tested = product(
        ratio(_between_alarms(label, config), mean(read("run_length"))),
        difference(constant(1.0), mean(read("missed"))),
    )
    yield Statistic(f"mtr[{label}]", tested, "higher", "ratio", POSITIVE)
    for name in ("label_yield", "label_yield_random"):
        yield Statistic(f"{name}[{label}]", mean(read(name)))
    for name in ("retrain_triggers", "false_retrains"):
        yield told(name, mean(read(name)), "triggers")


def _run_lengths(label: str, config: DriftConfig) -> Iterator[Statistic]:
    arl0 = mean_run_length(label, QUIET)
    yield Statistic(f"arl0[{label}]", arl0, "higher", "batches", _LENGTHS)
    yield Statistic(f"mtfa[{label}]", _between_alarms(label, config), "higher", "batches", _LENGTHS)


def _between_alarms(label: str, config: DriftConfig) -> Node:
    """The mean time between false alarms, the detector re-armed after each."""
    alarms = column(f"false_alarms[{label}]", QUIET)
    watched = math.ceil(LONG * config.target_arl0)
    return ratio(product(constant(watched), count(alarms)), total(alarms))
