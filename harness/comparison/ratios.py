"""Gates on how many times slower or larger a metric may get: latency, throughput, memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from harness.comparison.absolute import relative_rule
from harness.comparison.compare import Compared
from harness.record.schema import GateRecord, MachineRecord, MetricRecord, RunRecord
from harness.record.schema import Verdict as Word
from harness.spec.models import GateSpec
from harness.stats.quantiles import between_launches
from harness.stats.results import Comparison
from harness.stats.verdict import Outcome, Verdict, judge_ratio

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "bytes", "KB", "MB", "GB")
"""Units of what hardly varies between repetitions: its ratio is judged without an interval."""
_INTERLEAVED: Final = "×"
"""The unit of how many times faster than a reference something is whose calls were interleaved with it."""
_LAUNCHES: Final = 0.05
"""By how much launches of one program differ on a machine that others use: a standard deviation, as a share."""

_WORDS: Final[dict[Outcome, Word]] = {
    Outcome.FAIL: "fail",
    Outcome.NON_INFERIOR: "pass",
    Outcome.INCONCLUSIVE: "inconclusive",
}


def limits(gates: Sequence[GateSpec]) -> dict[str, float]:
    """Return the largest ratio that each metric may have, by ``task/metric``."""
    return {gate.metric: gate.max_ratio for gate in gates if gate.max_ratio is not None}


def judge_ratios(gates: Sequence[GateSpec], compared: Compared) -> Iterator[tuple[int, GateRecord, Verdict | None]]:
    """Judge the gates with ``max_ratio``, each by itself, with its position.

    FAIL iff the one-sided lower bound of the ratio exceeds ``max_ratio``; pass iff the upper bound lies below, or the
    growth does not exceed ``floor``. Times of calls have the error of one launch a side in their bounds. Sizes are
    judged by their value. A baseline from another machine decides nothing.
    """
    for position, gate in enumerate(gates):
        if gate.max_ratio is not None:
            word, reason, verdict = _judge(gate, gate.max_ratio, compared)
            record = GateRecord(metric=gate.metric, rule=relative_rule(gate), verdict=word, reason=reason)
            yield position, record, verdict


def _judge(gate: GateSpec, limit: float, compared: Compared) -> tuple[Word, str, Verdict | None]:
    before, after = (_metric(record, gate.metric) for record in (compared.baseline, compared.candidate))
    comparison = compared.ratios.get(gate.metric)
    if before is None or after is None or comparison is None:
        return "inconclusive", "the baseline does not have this metric", None
    if before.value is None or after.value is None or not comparison.n:
        return "inconclusive", "a ratio needs values above 0 on both sides", None
    said = f"{before.value:.4g} → {after.value:.4g} {after.unit}"
    elsewhere = _elsewhere(compared.baseline.machine, compared.candidate.machine)
    if elsewhere:
        return "inconclusive", f"{said}: advisory only, the baseline is from another machine ({elsewhere})", None
    grown = (after.value - before.value) * (1 if after.direction == "lower" else -1)
    if gate.floor and grown <= gate.floor:
        ratio = f"{comparison.estimate:.3f} times"
        return "pass", f"{said}, {ratio}; the growth is below the floor of {gate.floor:g} {after.unit}", None
    if math.isnan(comparison.lower_bound):
        return *_by_value(comparison, limit, after, said), None
    return _by_bounds(gate, comparison, compared, said)


def _by_bounds(
    gate: GateSpec, comparison: Comparison, compared: Compared, said: str
) -> tuple[Word, str, Verdict | None]:
    """Judge by the bounds of the ratio: those of launches, or of calls with what launches differ by."""
    launches = _by_launches(gate, compared.candidate)
    spread = 0.0 if launches else _launch_spread(gate, compared.candidate)
    verdict = judge_ratio(between_launches(comparison, spread))
    found, word = verdict.comparison, _WORDS[verdict.outcome]
    bounds = f"at least {found.lower_bound:.3f}, at most {found.upper_bound:.3f}"
    said += f", {found.estimate:.3f} times, {bounds}"
    if spread:
        said += f" (one launch a side, which differ by {spread:.0%} by themselves)"
        verdict = replace(verdict, n_needed=None, n_if_unchanged=None)  # more calls of one launch show no more
    if launches:
        said += f" ({found.n} launches a side)"
    if word == "inconclusive":
        if spread:
            said += (
                "; advisory: interleave both in a `latency` task, give it `launches: 5` and gate `launch_cpu`, or say "
                "what launches differ by here: `launch_spread`"
            )
        elif launches:
            said += f"; {verdict.n_needed} launches would decide" if verdict.n_needed else ""
        elif verdict.n_needed:
            said += f"; n = {verdict.n_needed:,} would decide"
    return word, said, verdict


def _by_launches(gate: GateSpec, record: RunRecord) -> bool:
    """Return whether the rows of a metric are launches."""
    task, _, metric = gate.metric.partition("/")
    statistic = record.tasks[task].defined().get(metric)
    return statistic is not None and statistic.launches


def _launch_spread(gate: GateSpec, record: RunRecord) -> float:
    """Return by how much two launches are taken to differ in a metric."""
    if gate.launch_spread is not None:
        return gate.launch_spread
    task, _, metric = gate.metric.partition("/")
    statistic = record.tasks[task].defined().get(metric)
    same = statistic is not None and (statistic.paired or statistic.unit == _INTERLEAVED)
    return 0.0 if same else _LAUNCHES


def _by_value(comparison: Comparison, limit: float, after: MetricRecord, said: str) -> tuple[Word, str]:
    if after.unit not in _SIZES:
        return "inconclusive", f"{said}: {'; '.join(comparison.warnings)}"
    told = f"{said}, {comparison.estimate:.3f} times (a size; no interval)"
    return ("fail" if comparison.estimate > limit else "pass"), told


def _metric(record: RunRecord, name: str) -> MetricRecord | None:
    task, _, metric = name.partition("/")
    return record.tasks[task].metrics.get(metric) if task in record.tasks else None


def _elsewhere(one: MachineRecord, other: MachineRecord) -> str:
    """Return how two machines differ; nothing where they look the same."""
    keys = ("processor", "cores", "platform")
    differing = [
        f"{key}: {getattr(one, key)} / {getattr(other, key)}"
        for key in keys
        if getattr(one, key) != getattr(other, key)
    ]
    return "; ".join(differing)
