"""What drift detectors are worth: delays, false alarms, run lengths, labels and retraining, each as a statistic."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.estimate import (
    POSITIVE,
    Bounds,
    ColumnSpec,
    Node,
    Number,
    Statistic,
    above,
    column,
    constant,
    count,
    difference,
    glossary_of,
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
NUMBERS: Final = glossary_of(
    Number(
        "detection_delay",
        "Batches from the change to the alarm, mean over streams without an alarm before it; a stream that never "
        "alarms counts as the horizon.",
        "lower",
        "batches",
        POSITIVE,
    ),
    *(
        Number(
            f"detection_delay_{name}",
            f"The {name} over streams of the batches from the change to the alarm; undefined where it lies among the "
            "streams that never alarm.",
            "lower",
            "batches",
            POSITIVE,
        )
        for name in _QUANTILES
    ),
    Number(
        "detection_delay_samples", "`detection_delay`, in samples instead of batches.", "lower", "samples", POSITIVE
    ),
    Number("missed_detection_rate", "Share of changed streams that never alarm before the horizon.", "lower"),
    Number("false_alarm_rate", "Share of streams with an alarm before the change.", "lower"),
    Number(
        "arl1",
        "Batches to the first alarm where the stream is changed from its first batch (zero-state), the alarming batch "
        "counted. It says nothing of a detector that compares with its own past.",
        "lower",
        "batches",
        _LENGTHS,
    ),
    Number(
        "arl1_steady",
        "Batches from the change to the alarm, the alarming one counted (steady state): `detection_delay` + 1.",
        "lower",
        "batches",
        _LENGTHS,
    ),
    Number(
        "mtd", "Mean time to detection: as `arl1_steady`, over detected streams only.", "lower", "batches", _LENGTHS
    ),
    Number(
        "mtr",
        "Mean time ratio: `mtfa` / `mtd` · (1 − `missed_detection_rate`).",
        "higher",
        "ratio",
        POSITIVE,
        "Bifet et al., CD-MOA: Change Detection Framework for Massive Online Analysis, IDA 2013.",
    ),
    Number(
        "label_yield",
        "Share of truly shifted samples among the `top_k` most novel ones of flagged batches: what labels there buy.",
    ),
    Number("label_yield_random", "The same of samples drawn at random from the flagged batches."),
    Number("retrain_triggers", "Alarms a stream that are followed by a cooldown.", "lower", "triggers", POSITIVE),
    Number("false_retrains", "Those of `retrain_triggers` before the change.", "lower", "triggers", POSITIVE),
    Number(
        "arl0",
        "Average run length without a change: batches that were watched for each first alarm. The limits are set so "
        "that it is `target_arl0`.",
        "higher",
        "batches",
        _LENGTHS,
    ),
    Number(
        "mtfa",
        "Mean time between false alarms: as `arl0`, with the detector re-armed after each alarm.",
        "higher",
        "batches",
        _LENGTHS,
    ),
)
"""The numbers of a detector."""
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

    def told(name: str, of: Node, **known: Any) -> Statistic:
        return NUMBERS[name].over(of, f"[{label}]", **known)

    delay, batch, reach = read("delay"), config.batch, float(config.horizon - config.onset)
    yield told("detection_delay", mean(delay), bounds=(0.0, reach))
    for name, q in _QUANTILES.items():
        # Undefined where it lies among the streams that were censored.
        known = only(delay, above(read("detected"), q))
        yield told(f"detection_delay_{name}", quantile(known, q, minimum_n(q)), bounds=(0.0, reach))
    yield told("detection_delay_samples", mean(scaled(delay, batch)), bounds=(0.0, batch * reach))
    yield told("missed_detection_rate", mean(read("missed")))
    yield told("false_alarm_rate", mean(read("false_alarm")))
    yield told("arl1", mean_run_length(label, FROM_START))
    yield told("arl1_steady", mean(scaled(delay, 1.0, 1.0)), bounds=(1.0, 1.0 + reach))
    yield told("mtd", mean(read("run_length")), bounds=(1.0, reach))
    # MTR = MTFA / MTD · (1 − MDR) (Bifet 2013); false alarms and delays are of different streams.
    tested = product(
        ratio(_between_alarms(label, config), mean(read("run_length"))),
        difference(constant(1.0), mean(read("missed"))),
    )
    yield told("mtr", tested)
    for name in ("label_yield", "label_yield_random", "retrain_triggers", "false_retrains"):
        yield told(name, mean(read(name)))


def _run_lengths(label: str, config: DriftConfig) -> Iterator[Statistic]:
    arl0 = mean_run_length(label, QUIET)
    yield NUMBERS["arl0"].over(arl0, f"[{label}]")
    yield NUMBERS["mtfa"].over(_between_alarms(label, config), f"[{label}]")


def _between_alarms(label: str, config: DriftConfig) -> Node:
    """The mean time between false alarms, the detector re-armed after each."""
    alarms = column(f"false_alarms[{label}]", QUIET)
    watched = math.ceil(LONG * config.target_arl0)
    return ratio(product(constant(watched), count(alarms)), total(alarms))
