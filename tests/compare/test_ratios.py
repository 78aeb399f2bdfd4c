"""Gates on ratios, on metrics with shared draws, and on two metrics jointly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.compare.compare import Options, compare
from harness.compare.decide import Decision, decide, margins
from harness.compare.ratios import limits
from harness.errors import SpecError, UsageError
from harness.gate import baseline as stored
from harness.record import Run
from harness.record.folder import write_run
from harness.record.replicates import Replicates, read_replicates, write_replicates
from harness.record.schema import MetricRecord
from harness.spec.models import GateSpec

SAMPLES = np.random.default_rng(0).lognormal(3.0, 0.2, 400)
WEIGHTS = np.random.default_rng(1).integers(0, 400, (1000, 400))


def measured(
    make_run: Callable[..., Run], name: str, values: dict[str, np.ndarray], reach: float | None = 50.0, **changes: Any
) -> Run:
    """Write a run whose metrics are medians in ms, each with its draws."""
    run = make_run(name, [1.0] * 40)
    template = run.record.tasks["qa"].metrics["exact_match"]
    metrics = {}
    for metric, sample in values.items():
        told = {"value": float(np.median(sample)), "n": len(sample), "direction": "lower", "unit": "ms"}
        metrics[metric] = MetricRecord(**template.model_dump() | told | changes)
    task = run.record.tasks["qa"]
    task = task.model_copy(update={"metrics": task.metrics | metrics})
    write_run(run.folder, run.record.model_copy(update={"tasks": {"qa": task}}))
    if changes.get("unit", "ms") == "ms":
        drawn = {f"qa/{metric}": np.median(sample[WEIGHTS], axis=1) for metric, sample in values.items()}
        write_replicates(run.folder, {name: Replicates(draws, reach=reach) for name, draws in drawn.items()})
    return Run(run.folder)


def verdict(one: Run, other: Run, *gates: GateSpec) -> Decision:
    return decide(gates, other.record, compare(one, other, Options(margins=margins(gates), ratios=limits(gates))))


RATIO = GateSpec(metric="qa/latency", max_ratio=1.03)


@pytest.mark.parametrize(("factor", "expected"), [(1.2, "fail"), (1.0, "pass"), (0.5, "pass"), (1.03, "inconclusive")])
def test_a_ratio_fails_only_where_its_lower_bound_exceeds_the_limit(make_run, factor: float, expected: str) -> None:
    # The draws of one run are noisy copies, so that the ratio has a spread.
    noise = np.random.default_rng(2).lognormal(0.0, 0.02, SAMPLES.size)
    one, other = (measured(make_run, str(i), {"latency": values}) for i, values in
                  enumerate((SAMPLES, factor * SAMPLES * noise)))  # fmt: skip
    (judged,) = verdict(one, other, RATIO).gates
    assert judged.gate.verdict == expected
    assert "times, at least" in judged.gate.reason


def test_strict_from_outside_holds_for_ratios_too(make_run) -> None:
    noise = np.random.default_rng(2).lognormal(0.0, 0.02, SAMPLES.size)
    one, other = (measured(make_run, str(i), {"latency": v}) for i, v in enumerate((SAMPLES, 1.03 * SAMPLES * noise)))
    compared = compare(one, other, Options(margins={}, ratios=limits([RATIO])))
    assert decide([RATIO], other.record, compared).verdict == "inconclusive"
    assert decide([RATIO], other.record, compared, strict=True).verdict == "fail"


@pytest.mark.parametrize("factor", [1.03, 1.2, 1.3])
def test_a_growth_below_the_floor_passes_whatever_the_ratio(make_run, factor: float) -> None:
    noise = np.random.default_rng(2).lognormal(0.0, 0.02, SAMPLES.size)
    one, other = (measured(make_run, str(i), {"latency": v}) for i, v in enumerate((SAMPLES, factor * SAMPLES * noise)))
    floored = RATIO.model_copy(update={"floor": 10.0, "strict": True})
    (judged,) = verdict(one, other, floored).gates
    assert judged.gate.verdict == "pass"
    assert "below the floor of 10 ms" in judged.gate.reason


def test_a_baseline_from_another_machine_is_advisory(make_run) -> None:
    one, other = (measured(make_run, str(i), {"latency": f * SAMPLES}) for i, f in enumerate((1.0, 2.0)))
    machine = other.record.machine.model_copy(update={"processor": "another"})
    write_run(other.folder, other.record.model_copy(update={"machine": machine}))
    (judged,) = verdict(one, Run(other.folder), RATIO).gates
    assert judged.gate.verdict == "inconclusive"
    assert "advisory" in judged.gate.reason
    assert "another" in judged.gate.reason


def test_growth_below_the_floor_never_fails(make_run) -> None:
    noise = np.random.default_rng(2).lognormal(0.0, 0.02, SAMPLES.size)
    one, other = (measured(make_run, str(i), {"latency": f * SAMPLES * noise**i}) for i, f in enumerate((1.0, 1.2)))
    (judged,) = verdict(one, other, RATIO.model_copy(update={"floor": 100.0})).gates
    assert judged.gate.verdict == "pass"
    assert "below the floor of 100 ms" in judged.gate.reason


@pytest.mark.parametrize(("floor", "expected"), [(0.0, "fail"), (50.0, "pass")])
def test_memory_is_judged_by_its_value_against_ratio_and_floor(make_run, floor: float, expected: str) -> None:
    one, other = (
        measured(make_run, str(i), {"rss": np.full(3, size)}, unit="MiB") for i, size in enumerate((100.0, 120.0))
    )
    (judged,) = verdict(one, other, GateSpec(metric="qa/rss", max_ratio=1.1, floor=floor)).gates
    assert judged.gate.verdict == expected


def test_a_time_without_draws_cannot_be_judged(make_run) -> None:
    one, other = (measured(make_run, str(i), {"latency": f * SAMPLES}) for i, f in enumerate((1.0, 2.0)))
    (other.folder / "replicates.parquet").unlink()
    (judged,) = verdict(one, other, RATIO).gates
    assert judged.gate.verdict == "inconclusive"
    assert "no draws were kept" in judged.gate.reason


def test_metrics_with_draws_are_compared_draw_by_draw_and_join_the_family(make_run) -> None:
    one = measured(make_run, "a", {"delay": SAMPLES, "other": SAMPLES})
    worse = SAMPLES * np.random.default_rng(3).lognormal(0.1, 0.05, SAMPLES.size)
    other = measured(make_run, "b", {"delay": worse, "other": SAMPLES})
    rules = [GateSpec(metric=f"qa/{name}", max_increase=0.5) for name in ("delay", "other")]
    decision = verdict(one, other, *rules)
    assert [judged.gate.verdict for judged in decision.gates] == ["fail", "pass"]
    comparison = decision.gates[0].delta.comparison
    assert comparison.low < comparison.estimate < comparison.high < 0  # a longer delay is worse
    assert comparison.estimate == pytest.approx(np.median(SAMPLES) - np.median(worse))


def test_draws_over_other_samples_are_not_paired(make_run) -> None:
    one, other = (measured(make_run, str(i), {"delay": SAMPLES}) for i in range(2))
    fewer = make_run("fewer", [1.0] * 30)
    (fewer.folder / "samples.parquet").replace(other.folder / "samples.parquet")
    delta = compare(one, Run(other.folder)).delta("qa/delay")
    assert delta is not None
    assert delta.comparison is None
    assert "not tested" in delta.note


def test_a_rule_passes_only_together_with_its_companions(make_run) -> None:
    noise = np.random.default_rng(3).lognormal(0.2, 0.05, SAMPLES.size)
    one = measured(make_run, "a", {"delay": SAMPLES, "alarms": SAMPLES})
    other = measured(make_run, "b", {"delay": SAMPLES, "alarms": SAMPLES * noise})
    joint = GateSpec(metric="qa/delay", max_increase=0.5, jointly=("qa/alarms",))
    decision = verdict(one, other, joint, GateSpec(metric="qa/alarms", max_increase=0.5))
    assert [judged.gate.verdict for judged in decision.gates] == ["inconclusive", "fail"]
    assert "jointly with qa/alarms" in decision.gates[0].gate.reason


def test_a_companion_without_a_gate_is_a_mistake_at_its_line(bind) -> None:
    text = (
        "suite: s\nversion: 1\ndatasets: {c: {type: charts, limit: 4}}\n"
        "tasks: {qa: {kind: qa, dataset: c, metrics: [exact_match]}}\n"
        "gates:\n  - {metric: qa/exact_match, max_drop: 0.1, jointly: [qa/exact_mach]}\n"
    )
    with pytest.raises(SpecError, match=r"suite.yaml:6:\d+: no other gate is on 'qa/exact_mach'"):
        bind(text)


def test_a_ratio_and_a_drop_in_one_gate_are_refused() -> None:
    with pytest.raises(UsageError, match="a gate of its own"):
        margins([GateSpec(metric="qa/x", max_ratio=1.1, max_increase=0.1)])


def test_a_baseline_keeps_the_draws(make_run, tmp_path) -> None:
    run = measured(make_run, "a", {"latency": SAMPLES})
    saved = stored.save(run.folder, "main", tmp_path / "baselines")
    kept, made = read_replicates(saved.folder), read_replicates(run.folder)
    np.testing.assert_array_equal(kept["qa/latency"].draws, made["qa/latency"].draws)


@pytest.mark.parametrize(("units", "reach", "expected"), [(None, 1.0, "pass"), (20, 1.0, "inconclusive")])
def test_where_all_draws_agree_the_smaller_class_says_what_may_be_hidden(
    make_run, units: int | None, reach: float, expected: str
) -> None:
    """An AUROC of 20 positives among 1,020 samples, the same in both runs."""
    runs = [measured(make_run, name, {"auroc": np.full(1020, 0.9)}, unit="share", direction="higher") for name in "ab"]
    for run in runs:
        write_replicates(run.folder, {"qa/auroc": Replicates(np.linspace(0.85, 0.95, 200), units, reach)})
    (judged,) = verdict(*runs, GateSpec(metric="qa/auroc", max_drop=0.02)).gates
    assert judged.gate.verdict == expected


def test_where_all_draws_agree_and_nobody_knows_the_range_nothing_is_shown(make_run) -> None:
    runs = [measured(make_run, name, {"delay": np.full(400, 3.0)}, None) for name in "ab"]
    (judged,) = verdict(*runs, GateSpec(metric="qa/delay", max_increase=0.5)).gates
    assert judged.gate.verdict == "inconclusive"
    assert "no interval" in judged.gate.reason


def test_slices_are_those_of_the_tags_that_the_suite_names(make_run) -> None:
    rows = {f"s{i:04d}": {"tags": {"style": "ab"[i % 2], "type": "xy"[i // 2 % 2]}} for i in range(80)}
    one, other = (make_run(name, [1.0] * 80, rows, suite={"content": {"slice_by": ["type"]}}) for name in "ab")
    assert {one.where for one in compare(one, other).slices} == {"type = x", "type = y"}


@pytest.mark.parametrize(("direction", "before", "after"), [("lower", 100.0, 120.0), ("higher", 120.0, 100.0)])
@pytest.mark.parametrize(("floor", "expected"), [(19.9, "fail"), (20.0, "pass")])
def test_a_floor_is_what_a_size_may_get_worse_by(make_run, direction, before, after, floor, expected) -> None:
    sizes = enumerate((before, after))
    one, other = (
        measured(make_run, str(i), {"size": np.full(3, n)}, unit="MiB", direction=direction) for i, n in sizes
    )
    (judged,) = verdict(one, other, GateSpec(metric="qa/size", max_ratio=1.1, floor=floor)).gates
    assert judged.gate.verdict == expected
