"""The verdict and its exit code, rule by rule."""

import pytest
from pydantic import ValidationError

from harness.comparison.compare import Options, compare
from harness.comparison.decide import decide, margins
from harness.errors import ExitCode, UsageError
from harness.report.compare_json import decision_json
from harness.report.github import comment
from harness.report.junit import junit
from harness.spec.models import GateSpec

DROP = GateSpec(metric="qa/exact_match", max_drop=0.02)


def verdict(one, other, *gates: GateSpec, **options):
    compared = compare(one, other, Options(margins=margins(gates)))
    return decide(gates, other.record, compared, **options)


def test_a_clear_drop_fails_with_exit_code_1(make_run) -> None:
    decision = verdict(make_run("a", [1.0] * 300), make_run("b", [1.0] * 270 + [0.0] * 30), DROP)
    assert (decision.verdict, decision.exit_code) == ("fail", ExitCode.REGRESSION)
    assert decision.gates[0].gate.reason.startswith(
        "1.000 → 0.900, n = 300: lower by 0.100, margin 0.02, adjusted p = "
    )


def test_an_unchanged_run_passes_with_exit_code_0(make_run) -> None:
    decision = verdict(make_run("a", [1.0, 0.0] * 150), make_run("b", [1.0, 0.0] * 150), DROP)
    assert (decision.verdict, decision.exit_code) == ("pass", ExitCode.OK)


def test_too_few_samples_are_inconclusive_with_exit_code_3_and_the_n_that_would_decide(make_run) -> None:
    decision = verdict(make_run("a", [1.0] * 20), make_run("b", [1.0] * 20), DROP)
    assert (decision.verdict, decision.exit_code) == ("inconclusive", ExitCode.INCONCLUSIVE)
    (judged,) = decision.gates
    assert f"n = {judged.statistics.n_needed:,} would decide" in judged.gate.reason
    assert judged.statistics.n_needed > 20


def test_a_significant_drop_below_the_margin_does_not_fail(make_run) -> None:
    wide = GateSpec(metric="qa/exact_match", max_drop=0.2)
    decision = verdict(make_run("a", [1.0] * 300), make_run("b", [1.0] * 285 + [0.0] * 15), wide)
    assert decision.verdict == "pass"


@pytest.mark.parametrize("by_gate", [True, False])
def test_strict_turns_inconclusive_into_a_failure(make_run, by_gate: bool) -> None:
    gate = GateSpec(metric="qa/exact_match", max_drop=0.02, strict=by_gate)
    decision = verdict(make_run("a", [1.0] * 20), make_run("b", [1.0] * 20), gate, strict=not by_gate)
    assert (decision.verdict, decision.exit_code) == ("fail", ExitCode.REGRESSION)
    assert decision.gates[0].gate.verdict == "inconclusive"


def test_a_tier_that_warns_keeps_its_verdict_and_exits_0(make_run) -> None:
    decision = verdict(make_run("a", [1.0] * 300), make_run("b", [0.0] * 300), DROP, blocking=False)
    assert (decision.verdict, decision.exit_code) == ("fail", ExitCode.OK)


def test_a_run_that_failed_is_exit_code_4_even_where_the_tier_only_warns(make_run) -> None:
    broken = make_run("b", [1.0] * 300, status="failed", reason="no sample was answered")
    assert decide([DROP], broken.record, None, blocking=False).exit_code == ExitCode.RUN_FAILED


def test_a_run_that_failed_has_passed_nothing_wherever_it_is_told(make_run) -> None:
    gates = [DROP, GateSpec(metric="qa/exact_match", min=0.5)]
    broken = make_run("b", [1.0] * 300, status="failed", reason="the machine caught fire")
    decision = decide(gates, broken.record, None)
    assert decision.verdict == "error"
    assert {one.gate.verdict for one in decision.gates} == {"inconclusive"}
    assert "## ❌ ERROR" in comment(decision)
    assert comment(decision).count("the machine caught fire") >= 3
    assert 'failures="0" skipped="0" errors="2"' in junit(decision)
    assert decision_json(decision)["verdict"] == "error"


EXCLUDE = {"metrics": [{"metric": "exact_match", "failures": "exclude"}]}


def test_what_only_the_candidate_failed_is_not_decided_by_the_rest(make_run) -> None:
    one = make_run("a", [1.0] * 400, config=EXCLUDE)
    other = make_run("b", [1.0] * 370 + [None] * 30, config=EXCLUDE)
    decision = verdict(one, other, DROP)
    assert decision.verdict == "inconclusive"
    assert "30 scores only the baseline has, 0 only the candidate" in decision.gates[0].gate.reason
    assert "30 scores only the baseline has" in comment(decision)
    assert verdict(other, one, DROP).verdict == "pass"


def test_as_many_lost_as_gained_are_told_and_the_rest_decides(make_run) -> None:
    one = make_run("a", [None] * 4 + [1.0] * 396, config=EXCLUDE)
    other = make_run("b", [1.0] * 396 + [None] * 4, config=EXCLUDE)
    decision = verdict(one, other, DROP)
    assert decision.verdict == "pass"
    assert "4 scores only the baseline has, 4 only the candidate" in decision.gates[0].gate.reason


def test_a_drop_that_is_failures_alone_is_said_to_be_and_blames_no_model(make_run) -> None:
    one, other = make_run("a", [1.0] * 300), make_run("b", [1.0] * 270 + [None] * 30)
    decision = verdict(one, other, DROP)
    assert (decision.verdict, decision.exit_code) == ("inconclusive", ExitCode.INCONCLUSIVE)
    reason = decision.gates[0].gate.reason
    assert "30 of 300 samples failed" in reason
    assert "the drop is failures: without them it is 0.000" in reason


def test_a_drop_beside_failures_still_fails(make_run) -> None:
    one, other = make_run("a", [1.0] * 300), make_run("b", [1.0] * 210 + [0.0] * 60 + [None] * 30)
    decision = verdict(one, other, DROP)
    assert decision.verdict == "fail"
    assert "30 of 300 samples failed" in decision.gates[0].gate.reason


def test_more_failures_than_a_gate_allows_do_not_pass(make_run) -> None:
    one, other = make_run("a", [1.0] * 400), make_run("b", [1.0] * 395 + [None] * 5)
    wide = GateSpec(metric="qa/exact_match", max_drop=0.2)
    assert verdict(one, other, wide).verdict == "inconclusive"
    assert verdict(one, other, wide.model_copy(update={"max_failures": 0.02})).verdict == "pass"


def test_where_nothing_differs_at_all_the_n_that_would_decide_is_told(make_run) -> None:
    levels = [0.25, 0.5, 0.75] * 40
    decision = verdict(make_run("a", levels), make_run("b", levels), DROP)
    (judged,) = decision.gates
    assert judged.gate.verdict == "inconclusive"
    needed = judged.statistics.n_needed
    assert 120 < needed < 200
    enough = [0.25, 0.5, 0.75] * (needed // 3 + 1)
    assert verdict(make_run("a", enough), make_run("b", enough), DROP).verdict == "pass"


def test_absolute_and_relative_rules_of_one_gate_are_judged_side_by_side(make_run) -> None:
    gate = GateSpec(metric="qa/exact_match", min=0.5, max_drop=0.02)
    decision = verdict(make_run("a", [1.0] * 300), make_run("b", [1.0] * 240 + [0.0] * 60), gate)
    assert [(one.gate.rule, one.gate.verdict) for one in decision.gates] == [("≥ 0.5", "pass"), ("drop ≤ 0.02", "fail")]


def test_without_a_comparison_a_relative_rule_has_no_baseline_and_does_not_pass(make_run) -> None:
    decision = decide([DROP], make_run("b", [1.0] * 300).record, None)
    assert decision.gates[0].gate.verdict == "no baseline"
    assert decision.exit_code == ExitCode.INCONCLUSIVE


def test_max_increase_is_for_metrics_that_are_better_when_lower(make_run, sweep_runs) -> None:
    wrong = GateSpec(metric="qa/exact_match", max_increase=0.02)
    with pytest.raises(UsageError, match="max_increase is for metrics that are better when lower; use max_drop"):
        verdict(make_run("a", [1.0] * 30), make_run("b", [1.0] * 30), wrong)
    right = GateSpec(metric="sweep/mean_corruption_error", max_increase=0.02)
    (judged,) = verdict(*sweep_runs, right).gates
    assert judged.gate.verdict == "fail"
    assert ": higher by 0." in judged.gate.reason
    assert verdict(sweep_runs[1], sweep_runs[0], right).gates[0].gate.verdict == "pass"


def test_a_metric_without_a_paired_test_is_inconclusive_and_says_so(sweep_runs) -> None:
    gate = GateSpec(metric="sweep/breaking_severity[rotation]", max_drop=1.0)
    (judged,) = verdict(*sweep_runs, gate).gates
    assert (judged.gate.verdict, judged.gate.reason) == (
        "inconclusive",
        (
            "not tested: it steps from one severity to the next, and an interval of its difference would lie; "
            "gate `retained_accuracy`"
        ),
    )


def test_rules_are_adjusted_as_one_family(make_run, sweep_runs) -> None:
    names = ("retained_accuracy", "severity_auc", "severity_slope")
    gates = [GateSpec(metric=f"sweep/{name}", max_drop=0.0) for name in names]
    decision = verdict(*sweep_runs, *gates)
    alone = [judged.delta.comparison.p_less for judged in decision.gates]
    adjusted = [judged.statistics.adjusted_p for judged in decision.gates]
    assert max(adjusted) >= max(alone)
    assert min(adjusted) == pytest.approx(min(1.0, 3 * min(alone)))


def test_a_suite_without_gates_or_with_two_that_compare_one_metric_is_a_mistake(make_run) -> None:
    with pytest.raises(UsageError, match="has no gates"):
        decide([], make_run("b", [1.0]).record, None)
    with pytest.raises(UsageError, match="two gates compare qa/exact_match"):
        margins([DROP, GateSpec(metric="qa/exact_match", max_drop=0.05)])


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (GateSpec(metric="qa/m", max_drop=0.1, max_increase=0.1), "mean the same here; keep one of them"),
        (GateSpec(metric="qa/m", min=0.1, strict=True), "strict needs max_drop, max_increase or max_ratio"),
    ],
)
def test_a_gate_that_contradicts_itself_is_a_mistake(gate: GateSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        margins([gate])


def test_a_margin_below_zero_is_refused() -> None:
    with pytest.raises(ValidationError):
        GateSpec(metric="qa/exact_match", max_increase=-0.1)
