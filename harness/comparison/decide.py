"""The verdict on a candidate: every gate of the suite, Holm over those that compare, one exit code."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from harness.comparison.absolute import judge as judge_absolute
from harness.comparison.absolute import relative_rule
from harness.comparison.compare import Compared, Delta
from harness.comparison.ratios import judge_ratios
from harness.comparison.sequential import Looked
from harness.errors import ExitCode, UsageError
from harness.record.schema import GateRecord, RunRecord
from harness.record.schema import Verdict as Word
from harness.shown import Shown
from harness.spec.models import GateSpec
from harness.stats.verdict import Outcome, Verdict, judge_family

Overall = Literal["pass", "fail", "inconclusive", "error"]
"""``error``: the run itself failed, so that nothing was decided."""

_WORDS: Final[Mapping[Outcome, Word]] = {
    Outcome.FAIL: "fail",
    Outcome.NON_INFERIOR: "pass",
    Outcome.INCONCLUSIVE: "inconclusive",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule of the suite and what became of it."""

    gate: GateRecord
    position: int
    """Of its entry under ``gates:``, from 0."""
    strict: bool = False
    """Whether being inconclusive is failing."""
    delta: Delta | None = None
    statistics: Verdict | None = None
    """Of rules that compare: adjusted p, minimum detectable effect, the n that would decide."""

    @property
    def failed(self) -> bool:
        """Whether the rule stops the change."""
        return self.gate.verdict == "fail" or (self.strict and self.gate.verdict != "pass")


@dataclass(frozen=True, slots=True, repr=False)
class Decision(Shown):
    """All rules of a suite."""

    candidate: RunRecord
    compared: Compared | None
    gates: tuple[Judged, ...]
    blocking: bool
    """Whether the suite's tier blocks, or was told to."""

    @property
    def verdict(self) -> Overall:
        """One word for all rules."""
        if self.candidate.status != "complete":
            return "error"
        if any(judged.failed for judged in self.gates):
            return "fail"
        return "pass" if all(judged.gate.verdict == "pass" for judged in self.gates) else "inconclusive"

    @property
    def exit_code(self) -> ExitCode:
        """What the process says. A tier that only warns never stops anything but a run that failed."""
        if self.candidate.status != "complete":
            return ExitCode.RUN_FAILED
        if not self.blocking or self.verdict == "pass":
            return ExitCode.OK
        return ExitCode.REGRESSION if self.verdict == "fail" else ExitCode.INCONCLUSIVE


def blocks(tier: str, asked: bool) -> bool:
    """Return whether a suite's verdict stops a change: ``core`` does, others when they are asked to."""
    return asked or tier == "core"


def margins(gates: Sequence[GateSpec]) -> dict[str, float]:
    """Return the margin of every gate that compares, by metric.

    Raises:
        UsageError: if two gates compare one metric, or a gate contradicts itself.
    """
    found: dict[str, float] = {}
    for gate in gates:
        if gate.max_drop is not None and gate.max_increase is not None:
            raise UsageError(f"gate on {gate.metric}: max_drop and max_increase mean the same here; keep one of them")
        if gate.margin is None:
            if gate.strict and gate.max_ratio is None:
                raise UsageError(f"gate on {gate.metric}: strict needs max_drop, max_increase or max_ratio")
            continue
        if gate.max_ratio is not None:
            raise UsageError(
                f"gate on {gate.metric}: give max_ratio a gate of its own, beside max_drop or max_increase"
            )
        if gate.metric in found:
            raise UsageError(f"two gates compare {gate.metric} with the baseline; keep the smaller margin")
        found[gate.metric] = gate.margin
    return found


def check_directions(gates: Sequence[GateSpec], record: RunRecord) -> None:
    """See that no gate limits the increase of what is better when higher, as a run of the suite knows it.

    Raises:
        UsageError: naming the gate.
    """
    for gate in gates:
        task, _, metric = gate.metric.partition("/")
        known = record.tasks[task].metrics.get(metric) if task in record.tasks else None
        if gate.max_increase is not None and known is not None and known.direction == "higher":
            said = "max_increase is for metrics that are better when lower; use max_drop"
            raise UsageError(f"gate on {gate.metric}: {said}")


def decide(
    gates: Sequence[GateSpec],
    candidate: RunRecord,
    compared: Compared | None,
    *,
    strict: bool = False,
    blocking: bool = True,
    looked: Looked | None = None,
) -> Decision:
    """Judge every gate.

    Args:
        gates: of the suite.
        candidate: the run that is judged.
        compared: with the baseline, made with :func:`margins` of the same gates; None where no gate needs it.
        strict: whether every gate that compares must show that there is no drop.
        blocking: whether the verdict stops the change.
        looked: the outcomes of a gate with several looks; they replace those of a single one.

    Raises:
        UsageError: if a gate asks of a metric what it cannot (``max_increase`` where higher is better), or
            there is no gate at all.
    """
    if not gates:
        raise UsageError(f"suite {candidate.suite.name!r} has no gates, so there is nothing to decide")
    check_directions(gates, candidate)
    if candidate.status != "complete":
        return Decision(candidate, None, tuple(_undecided(gates, candidate)), blocking)
    relative = _relative(gates, compared, strict, looked) | _ratios(gates, compared, strict)
    values = {
        f"{name}/{metric}": value for name, task in candidate.tasks.items() for metric, value in task.metrics.items()
    }
    judged: list[Judged] = []
    for position, gate in enumerate(gates):
        records = judge_absolute([gate], values)
        judged += [Judged(record, position) for record in records if record.verdict != "no baseline"]
        if position in relative:
            judged.append(relative[position])
    return Decision(candidate, compared, tuple(_jointly(gates, judged)), blocking)


def _undecided(gates: Sequence[GateSpec], candidate: RunRecord) -> Iterator[Judged]:
    """Yield every rule as open: what is there of a run that failed decides nothing."""
    reason = f"the run is {candidate.status}" + (f": {candidate.reason}" if candidate.reason else "")
    for position, gate in enumerate(gates):
        for record in judge_absolute([gate], {}):
            open_ = record.model_copy(update={"verdict": "inconclusive", "reason": reason})
            yield Judged(open_, position)


def _ratios(gates: Sequence[GateSpec], compared: Compared | None, strict: bool) -> dict[int, Judged]:
    """Judge the gates on ratios; they are no part of the family, for each stands on its own bound."""
    if compared is None:
        asked = [(position, gate) for position, gate in enumerate(gates) if gate.max_ratio is not None]
        return {i: Judged(_record(gate, "no baseline", "needs a run to compare with"), i) for i, gate in asked}
    return {
        i: Judged(record, i, strict or gates[i].strict, None, verdict)
        for i, record, verdict in judge_ratios(gates, compared)
    }


def _jointly(gates: Sequence[GateSpec], judged: Sequence[Judged]) -> list[Judged]:
    """Return the rules, none passed whose companions did not: a delay that was bought with false alarms is no gain."""
    verdicts: dict[str, list[Word]] = {}
    for one in judged:
        verdicts.setdefault(one.gate.metric, []).append(one.gate.verdict)

    def together(one: Judged) -> Judged:
        companions = gates[one.position].jointly
        still_open = [name for name in companions if any(v != "pass" for v in verdicts.get(name, ["fail"]))]
        if not still_open or one.gate.verdict != "pass":
            return one
        reason = f"{one.gate.reason}; but jointly with {', '.join(still_open)}, which did not pass"
        return replace(one, gate=one.gate.model_copy(update={"verdict": "inconclusive", "reason": reason}))

    return [together(one) for one in judged]


def _relative(
    gates: Sequence[GateSpec], compared: Compared | None, strict: bool, looked: Looked | None
) -> dict[int, Judged]:
    """Judge the gates that compare, as one family."""
    asked = [(position, gate) for position, gate in enumerate(gates) if gate.margin is not None]
    found: dict[int, Judged] = {}
    tested: list[tuple[int, GateSpec, Delta]] = []
    for position, gate in asked:
        delta = compared.delta(gate.metric) if compared else None
        why = _untestable(gate, delta, compared)
        if why or delta is None:
            said: Word = "inconclusive" if compared else "no baseline"
            found[position] = Judged(_record(gate, said, why), position, strict or gate.strict, delta)
        else:
            tested.append((position, gate, delta))
    comparisons = [delta.comparison for _, _, delta in tested if delta.comparison is not None]
    for (position, gate, delta), single in zip(tested, judge_family(comparisons), strict=True):
        verdict = single if looked is None else replace(single, outcome=looked.outcomes[gate.metric])
        record = _record(gate, _WORDS[verdict.outcome], _reason(delta, verdict, looked))
        found[position] = Judged(record, position, strict or gate.strict, delta, verdict)
    return found


def _untestable(gate: GateSpec, delta: Delta | None, compared: Compared | None) -> str:
    """Return why a gate cannot be tested; nothing where it can."""
    if compared is None:
        return "needs a run to compare with"
    if delta is None:
        return "the baseline does not have this metric"
    if delta.comparison is None:
        return delta.note
    if delta.lost > delta.gained:
        return f"{delta.note}, so what remains decides nothing"
    unpaired = [said for said in compared.warnings if said.startswith(f"{delta.task}: ")]
    return "; ".join(unpaired)


def _record(gate: GateSpec, verdict: Word, reason: str) -> GateRecord:
    return GateRecord(metric=gate.metric, rule=relative_rule(gate), verdict=verdict, reason=reason)


def _reason(delta: Delta, verdict: Verdict, looked: Looked | None) -> str:
    comparison = verdict.comparison
    worse = "higher" if delta.direction == "lower" else "lower"
    limit = f"margin {comparison.margin:g}"
    if verdict.outcome is Outcome.FAIL:
        said = f"{worse} by {-comparison.estimate:.3f}, {limit}, adjusted p = {verdict.adjusted_p:.2g}"
    elif verdict.outcome is Outcome.NON_INFERIOR:
        said = f"at worst {worse} by {max(0.0, -comparison.lower_bound):.3f}, {limit}"
        said += "; better" if comparison.p_greater <= 1 - comparison.confidence else ""
    elif math.isnan(comparison.lower_bound):
        said = verdict.reason
    elif looked is not None:
        # The looks have bounds of their own; those of a single one would contradict the verdict.
        said = f"{worse} by {max(0.0, -comparison.estimate):.3f} as seen, {limit}, and the last look leaves it open"
    else:
        said = f"may be {worse} by up to {-comparison.lower_bound:.3f}, {limit}; {_how_many(verdict)}"
    said += f"; {delta.note}" if delta.note else ""
    told = f"{delta.before:.3f} → {delta.after:.3f}, n = {comparison.n:,}: {said}"
    return f"{told} ({looked.note})" if looked else told


def _how_many(verdict: Verdict) -> str:
    """Return how many samples would decide, and on what condition."""
    if verdict.n_needed:
        return f"n = {verdict.n_needed:,} would decide"
    if verdict.n_if_unchanged:
        return f"n = {verdict.n_if_unchanged:,} would decide if nothing has changed"
    return "no number of samples would decide"
