"""The verdict on a candidate: every gate of the suite, Holm over those that compare, one exit code."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import ValidationError

from harness.comparison.absolute import Ruled, adjusted, relative_rule, rules
from harness.comparison.compare import Compared, Delta, Options
from harness.comparison.ratios import judge_ratios, limits
from harness.comparison.sequential import Looked
from harness.comparison.sets import Unpaired
from harness.errors import ExitCode, UsageError
from harness.record.schema import GateRecord, RunRecord, TriesRecord
from harness.record.schema import Verdict as Word
from harness.shown import Shown
from harness.spec.models import GateSpec
from harness.stats.verdict import Outcome, Verdict, judge, judge_family, least_units, units_told

Overall = Literal["pass", "fail", "inconclusive", "error"]
"""``error``: the run itself failed, so that nothing was decided."""

_SHOWN: Final = 120
"""Characters of a failure's message that a reason quotes."""
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
    looked: Looked | None = None
    """How far a gate went that looks several times."""
    tries: TriesRecord | None = None
    """How often this model was tried against the baseline."""

    @property
    def verdict(self) -> Overall:
        """One word for all rules."""
        if self.candidate.status != "complete":
            return "error"
        if any(judged.failed for judged in self.gates):
            return "fail"
        if self.candidate.doubtful:
            return "inconclusive"
        return "pass" if all(judged.gate.verdict == "pass" for judged in self.gates) else "inconclusive"

    @property
    def exit_code(self) -> ExitCode:
        """What the process says. A tier that only warns never stops anything but a run that failed or is in doubt."""
        if self.candidate.status != "complete":
            return ExitCode.RUN_FAILED
        if self.candidate.doubtful and self.verdict == "inconclusive":
            return ExitCode.INCONCLUSIVE
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


def gates_of(record: RunRecord) -> tuple[GateSpec, ...]:
    """Return the gates of a run's own suite; none where they are not ours to read."""
    found = record.suite.content.get("gates")
    try:
        return tuple(GateSpec.model_validate(gate) for gate in found or ())
    except (ValidationError, TypeError):
        return ()


def watching(record: RunRecord, options: Options) -> Options:
    """Return options with what the gates of a run's own suite need to be judged."""
    gates = gates_of(record)
    try:
        return replace(options, margins=margins(gates), ratios=limits(gates))
    except UsageError:
        return options


def as_gated(compared: Compared) -> Decision | None:
    """Return what the candidate's own gates say of a comparison that was made with :func:`watching`.

    None where it has none, or must not be compared. Earlier tries and looks are for ``harness gate`` to count.
    """
    gates = gates_of(compared.candidate)
    if not gates or compared.forced:
        return None
    try:
        return decide(gates, compared.candidate, compared)
    except UsageError:
        return None


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
    ruled: Sequence[Ruled] | None = None,
    people: Sequence[Ruled] = (),
) -> Decision:
    """Judge every gate.

    Args:
        gates: of the suite.
        candidate: the run that is judged.
        compared: with the baseline, made with :func:`margins` of the same gates; None where no gate needs it.
        strict: whether every gate that compares must show that there is no drop.
        blocking: whether the verdict stops the change.
        looked: the outcomes of a gate with several looks; they replace those of a single one.
        ruled: the rules that the run decides by itself, at another level than its record's.
        people: the rules that labels of the candidate's own answers decide.

    Raises:
        UsageError: if a gate asks of a metric what it cannot (``max_increase`` where higher is better), or
            there is no gate at all.
    """
    if not gates:
        raise UsageError(f"suite {candidate.suite.name!r} has no gates, so there is nothing to decide")
    check_directions(gates, candidate)
    if candidate.status != "complete":
        return Decision(candidate, None, tuple(_undecided(gates, candidate)), blocking)
    values = {
        f"{name}/{metric}": value for name, task in candidate.tasks.items() for metric, value in task.metrics.items()
    }
    alone = [rule for rule in rules(gates, values) if rule.gate.verdict != "no baseline"] if ruled is None else ruled
    alone = [_at_look(rule, looked) for rule in alone] if looked else alone
    tested = _tested(gates, compared)
    one_sided = [delta.comparison.p_less for _, _, delta in tested if delta.comparison is not None]
    relative = _relative(gates, compared, strict, looked, alone) | _ratios(gates, compared, strict)
    judged = [Judged(rule.gate, rule.position) for rule in (alone if looked else adjusted(alone, one_sided))]
    judged = sorted([*judged, *relative.values()], key=lambda one: one.position)
    # Looks spend their level on metrics alone: labels of a part of the samples wait for the last of them.
    own = () if looked else tuple(Judged(one.gate, one.position, strict) for one in people)
    both = _by_people(compared, len(gates) + len(own), strict, told=bool(own)) if compared and not looked else ()
    return Decision(candidate, compared, (*_jointly(gates, judged), *own, *both), blocking, looked)


def _by_people(compared: Compared, after: int, strict: bool, *, told: bool) -> Iterator[Judged]:
    """Yield a rule for each task that has labels: what people say stands beside what metrics say, and counts as much.

    Its place is behind the suite's own gates. Where labels were asked for and none fits, and none of single answers
    has ``told`` anything, nothing is decided.
    """
    for place, one in enumerate(compared.labelled, after):
        rule = f"drop ≤ {one.comparison.margin:g} by labels"
        reason = "; ".join([one.said, one.counts, *one.notes])
        record = GateRecord(metric=one.name, rule=rule, verdict=one.word, reason=reason)
        yield Judged(record, place, strict, None, one.verdict)
    if compared.labels_file and not compared.labelled and not told:
        reason = f"no label of {compared.labels_file} is of an answer of these runs"
        record = GateRecord(metric="labels", rule="by labels", verdict="inconclusive", reason=reason)
        yield Judged(record, after, strict)


def _at_look(rule: Ruled, looked: Looked) -> Ruled:
    """Return a rule as the looks together decided it: its interval is that of a single one."""
    word = looked.rules.get((rule.position, rule.gate.rule))
    if word is None:
        return rule
    reason = f"{rule.gate.reason} ({looked.note})"
    return replace(rule, gate=rule.gate.model_copy(update={"verdict": word, "reason": reason}))


def _undecided(gates: Sequence[GateSpec], candidate: RunRecord) -> Iterator[Judged]:
    """Yield every rule as open: what is there of a run that failed decides nothing."""
    reason = f"the run is {candidate.status}" + (f": {candidate.reason}" if candidate.reason else "")
    for rule in rules(gates, {}):
        open_ = rule.gate.model_copy(update={"verdict": "inconclusive", "reason": reason})
        yield Judged(open_, rule.position)


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


def _tested(gates: Sequence[GateSpec], compared: Compared | None) -> list[tuple[int, GateSpec, Delta]]:
    """Return the gates that compare and can be tested, with their places."""
    asked = [
        (position, gate, compared.delta(gate.metric) if compared else None)
        for position, gate in enumerate(gates)
        if gate.margin is not None
    ]
    return [(i, gate, delta) for i, gate, delta in asked if delta and not _untestable(gate, delta, compared)]


def _relative(
    gates: Sequence[GateSpec],
    compared: Compared | None,
    strict: bool,
    looked: Looked | None,
    beside: Sequence[Ruled],
) -> dict[int, Judged]:
    """Judge the gates that compare, as one family with those that one run decides."""
    tested = _tested(gates, compared)
    found: dict[int, Judged] = {}
    for position, gate in enumerate(gates):
        if gate.margin is not None and position not in {place for place, _, _ in tested}:
            delta = compared.delta(gate.metric) if compared else None
            said: Word = "inconclusive" if compared else "no baseline"
            why = _untestable(gate, delta, compared)
            found[position] = Judged(_record(gate, said, why), position, strict or gate.strict, delta)
    comparisons = [delta.comparison for _, _, delta in tested if delta.comparison is not None]
    verdicts = judge_family(comparisons, beside=[rule.p for rule in beside])
    for (position, gate, delta), single in zip(tested, verdicts, strict=True):
        verdict = single if looked is None else replace(single, outcome=looked.outcomes[gate.metric])
        word, why = _with_failures(gate, delta, verdict)
        reason = _reason(delta, verdict, looked) + why + _without_partner(delta, compared)
        found[position] = Judged(_record(gate, word, reason), position, strict or gate.strict, delta, verdict)
    return found


def _with_failures(gate: GateSpec, delta: Delta, verdict: Verdict) -> tuple[Word, str]:
    """Return the word of a verdict that answers which never came may have made, and what is to be said of them."""
    before, after = delta.failed
    if not after:
        return _WORDS[verdict.outcome], ""
    said = f"; {after:,} of {delta.rows:,} samples failed" + (f" ({before:,} in the baseline)" if before else "")
    said += f": {delta.why_failed[:_SHOWN]}" if delta.why_failed else ""
    if verdict.outcome is Outcome.FAIL and delta.answered is not None and judge(delta.answered).outcome != "fail":
        return "inconclusive", f"{said}; the drop is failures: without them it is {0.0 - delta.answered.estimate:.3f}"
    if verdict.outcome is Outcome.NON_INFERIOR and after > gate.max_failures * delta.rows:
        return "inconclusive", f"{said}; no more than {gate.max_failures:.3g} may, to pass"
    return _WORDS[verdict.outcome], said


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
    unpaired = _unpaired(delta, compared)
    if unpaired is None or unpaired.lost <= compared.allow_missing:
        return ""
    lost = replace(unpaired, new=())
    allowed = f"{compared.allow_missing:.3g} may (--allow-missing)" if compared.allow_missing else "none may"
    return f"{'; '.join(lost.sentences())}: {unpaired.lost:.2%} of {unpaired.of:,} have no partner, and {allowed}"


def _unpaired(delta: Delta, compared: Compared | None) -> Unpaired | None:
    found = compared.unpaired if compared else ()
    return next((one for one in found if one.task == delta.task), None)


def _without_partner(delta: Delta, compared: Compared | None) -> str:
    """Return what is to be said of rows without a partner beside a verdict that rests on those with one."""
    one = _unpaired(delta, compared)
    return "".join(f"; {said.removeprefix(f'{one.task}: ')}" for said in one.sentences()) if one else ""


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
    least = least_units(verdict.comparison)
    if least is not None and verdict.comparison.effective_units < least:
        few = f"{units_told(verdict.comparison)}, and no fewer than {least} can show it"
        return f"{few}; {_enough(verdict)}"
    return _enough(verdict)


def _enough(verdict: Verdict) -> str:
    if verdict.n_needed:
        return f"n = {verdict.n_needed:,} would decide"
    if verdict.n_if_unchanged:
        return f"n = {verdict.n_if_unchanged:,} would decide if nothing has changed"
    return "no number of samples would decide"
