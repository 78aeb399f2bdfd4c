"""Gates on ratios, on metrics of rows that were made, and on two metrics jointly."""

from collections.abc import Callable

import numpy as np
import pytest

from harness.comparison.compare import Options, compare
from harness.comparison.decide import Decision, decide, margins
from harness.comparison.ratios import limits
from harness.errors import SpecError, UsageError
from harness.estimate import Statistic, auroc, column, mean, quantile, stored
from harness.gates import baseline as stored_baselines
from harness.record import Run
from harness.record.folder import write_run
from harness.record.rows import ROWS_FILE, MadeRows, read_rows, write_rows
from harness.record.schema import ColumnRecord, MetricRecord
from harness.spec.models import GateSpec
from harness.stats.quantiles import between_launches, ratio_of_draws
from harness.stats.verdict import judge_ratio

SAMPLES = np.random.default_rng(0).lognormal(3.0, 0.2, 400)


def measured(
    make_run: Callable[..., Run],
    name: str,
    values: dict[str, np.ndarray],
    unit: str = "ms",
    direction: str = "lower",
    bounds: tuple[float | None, float | None] = (0.0, None),
    paired: bool = True,
    first: int = 0,
) -> Run:
    """Write a run whose metrics are medians of rows that it made; of sizes it keeps the value alone."""
    run = make_run(name, [1.0] * 40)
    task = run.record.tasks["qa"]
    template = task.metrics["exact_match"]
    metrics, statistics = dict(task.metrics), [Statistic("exact_match", mean(column("exact_match", "clean")))]
    for metric, sample in values.items():
        told = {"value": float(np.median(sample)), "n": len(sample), "direction": direction, "unit": unit}
        metrics[metric] = MetricRecord(**template.model_dump() | told)
        form = stored() if unit == "MiB" else quantile(column(metric, "rounds"), 0.5)
        why = "it is a size" if unit == "MiB" else ""
        statistics.append(Statistic(metric, form, direction, unit, bounds, paired=paired, untestable=why))
    columns = {"exact_match": ColumnRecord(direction="higher", unit="share", bounds=(0.0, 1.0), worth=0.0, binary=True)}
    plain = [one.plain() for one in statistics]
    task = task.model_copy(update={"metrics": metrics, "columns": columns, "statistics": plain})
    write_run(run.folder, run.record.model_copy(update={"tasks": {"qa": task}}))
    n = len(next(iter(values.values())))
    write_rows(run.folder, [MadeRows("qa", "rounds", [f"{first + i:06d}" for i in range(n)], values)])
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


def test_a_time_whose_rows_are_gone_cannot_be_judged(make_run) -> None:
    one, other = (measured(make_run, str(i), {"latency": f * SAMPLES}) for i, f in enumerate((1.0, 2.0)))
    (other.folder / ROWS_FILE).unlink()
    (judged,) = verdict(one, other, RATIO).gates
    assert judged.gate.verdict == "inconclusive"
    assert "a ratio needs values" in judged.gate.reason


@pytest.mark.parametrize(("factor", "expected"), [(1.2, "fail"), (0.9, "pass")])
def test_calls_of_two_launches_are_drawn_apart(make_run, factor: float, expected: str) -> None:
    one = measured(make_run, "a", {"latency": SAMPLES}, paired=False)
    other = measured(make_run, "b", {"latency": factor * SAMPLES}, paired=False)
    (judged,) = verdict(one, other, RATIO).gates
    assert judged.gate.verdict == expected
    low, high = (compare(one, other, Options(ratios=limits([RATIO]))).ratios["qa/latency"].__getattribute__(end)
                 for end in ("low", "high"))  # fmt: skip
    assert low < factor < high  # as pairs the ratio would have no spread at all
    assert "no pairs" in compare(one, other).delta("qa/latency").note


@pytest.mark.parametrize(
    ("factor", "spread", "expected"),
    [
        (1.1, None, "inconclusive"),
        (1.0, None, "inconclusive"),
        (1.1, 0.01, "fail"),
        (0.96, 0.01, "pass"),
        (1.1, 0.0, "fail"),
    ],
)
def test_one_launch_a_side_shows_only_what_launches_do_not_differ_by(
    make_run, factor: float, spread: float | None, expected: str
) -> None:
    calls = np.random.default_rng(5).lognormal(3.0, 0.05, 400)
    one, other = (measured(make_run, str(f), {"latency": f * calls}, paired=False) for f in (1.0000001, factor))
    (judged,) = verdict(one, other, RATIO.model_copy(update={"launch_spread": spread})).gates
    assert judged.gate.verdict == expected
    assert ("advisory" in judged.gate.reason) == (expected == "inconclusive")
    assert "n = " not in judged.gate.reason


def test_a_ratio_to_a_reference_that_was_interleaved_is_free_of_what_launches_differ_by(make_run) -> None:
    speeds = np.random.default_rng(6).lognormal(0.5, 0.02, 400)
    one, other = (
        measured(make_run, str(f), {"speed": f * speeds}, unit="×", direction="higher", paired=False)
        for f in (1.0, 0.9)
    )
    (judged,) = verdict(one, other, GateSpec(metric="qa/speed", max_ratio=1.05)).gates
    assert judged.gate.verdict == "fail"


@pytest.mark.parametrize("spread", [0.03, 0.05])
def test_launches_that_differ_as_they_are_said_to_decide_wrongly_in_one_of_twenty(spread: float) -> None:
    rng = np.random.default_rng(11)

    def verdicts(truth: float) -> list[str]:
        out = []
        for _ in range(300):
            calls = rng.normal(0, 0.005, 200)
            logs = np.log(truth) + spread * (rng.normal() - rng.normal())
            out.append(
                judge_ratio(between_launches(ratio_of_draws(logs, logs + calls, 200, "", margin=0.1), spread)).outcome
            )
        return out

    assert np.mean([found == "fail" for found in verdicts(1.1)]) <= 0.08
    assert np.mean([found == "non-inferior" for found in verdicts(1.1)]) <= 0.08
    assert np.mean([found == "fail" for found in verdicts(1.5)]) >= 0.95


def test_metrics_of_made_rows_are_compared_on_the_same_draws_and_join_the_family(make_run) -> None:
    one = measured(make_run, "a", {"delay": SAMPLES, "other": SAMPLES}, bounds=(0.0, 50.0))
    worse = SAMPLES * np.random.default_rng(3).lognormal(0.1, 0.05, SAMPLES.size)
    other = measured(make_run, "b", {"delay": worse, "other": SAMPLES}, bounds=(0.0, 50.0))
    rules = [GateSpec(metric=f"qa/{name}", max_increase=0.5) for name in ("delay", "other")]
    decision = verdict(one, other, *rules)
    assert [judged.gate.verdict for judged in decision.gates] == ["fail", "pass"]
    comparison = decision.gates[0].delta.comparison
    assert comparison.low < comparison.estimate < comparison.high < 0  # a longer delay is worse
    assert comparison.estimate == pytest.approx(np.median(SAMPLES) - np.median(worse))


def test_rows_with_other_names_are_no_pairs(make_run) -> None:
    one, other = (measured(make_run, name, {"delay": SAMPLES}, first=start) for name, start in (("a", 0), ("b", 9000)))
    delta = compare(one, other).delta("qa/delay")
    assert delta.comparison.n == 0


def test_a_rule_passes_only_together_with_its_companions(make_run) -> None:
    noise = np.random.default_rng(3).lognormal(0.2, 0.05, SAMPLES.size)
    limits_ = (0.0, 50.0)
    one = measured(make_run, "a", {"delay": SAMPLES, "alarms": SAMPLES}, bounds=limits_)
    other = measured(make_run, "b", {"delay": SAMPLES, "alarms": SAMPLES * noise}, bounds=limits_)
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


def test_a_baseline_keeps_the_made_rows(make_run, tmp_path) -> None:
    run = measured(make_run, "a", {"latency": SAMPLES})
    saved = stored_baselines.save(run.folder, "main", tmp_path / "baselines")
    (kept,), (made,) = read_rows(saved.folder), read_rows(run.folder)
    np.testing.assert_array_equal(kept.columns["latency"], made.columns["latency"])


@pytest.mark.parametrize(("strata", "expected"), [(False, "pass"), (True, "inconclusive")])
def test_where_all_draws_agree_the_smaller_class_says_what_may_be_hidden(make_run, strata: bool, expected: str) -> None:
    """An AUROC of 20 positives among 1,020 samples, the same in both runs."""
    runs = [measured(make_run, name, {"unused": np.ones(3)}) for name in "ab"]
    for run in runs:
        sides = {"out": np.linspace(1, 3, 20), "in": np.linspace(0, 2, 1000)}
        write_rows(run.folder, [
            MadeRows("qa", name, [f"{name}{i:05d}" for i in range(len(scores))], {"s": scores}, (), name * strata)
            for name, scores in sides.items()
        ])  # fmt: skip
        task = run.record.tasks["qa"]
        found = task.metrics["unused"].model_copy(update={"direction": "higher", "unit": "share"})
        separation = Statistic("auroc", auroc(column("s", "out"), column("s", "in"))).plain()
        task = task.model_copy(update={"metrics": {"auroc": found}, "statistics": [separation]})
        write_run(run.folder, run.record.model_copy(update={"tasks": {"qa": task}}))
    (judged,) = verdict(*(Run(run.folder) for run in runs), GateSpec(metric="qa/auroc", max_drop=0.02)).gates
    assert judged.gate.verdict == expected


def test_where_all_draws_agree_and_nobody_knows_the_range_nothing_is_shown(make_run) -> None:
    runs = [measured(make_run, name, {"delay": np.full(400, 3.0)}) for name in "ab"]
    (judged,) = verdict(*runs, GateSpec(metric="qa/delay", max_increase=0.5)).gates
    assert judged.gate.verdict == "inconclusive"
    assert "no interval" in judged.gate.reason


def test_slices_are_those_of_the_tags_that_the_suite_names(make_run) -> None:
    rows = {f"s{i:04d}": {"tags": {"style": "ab"[i % 2], "type": "xy"[i // 2 % 2]}} for i in range(80)}
    worse = [float(i // 2 % 2 == 0) for i in range(80)]
    one, other = (
        make_run(name, scores, rows, suite={"content": {"slice_by": ["type"]}})
        for name, scores in (("a", [1.0] * 80), ("b", worse))
    )
    found = [one.where for one in compare(one, other).slices]
    assert found[0] == "type = y"
    assert not any("style" in where for where in found)


@pytest.mark.parametrize(("direction", "before", "after"), [("lower", 100.0, 120.0), ("higher", 120.0, 100.0)])
@pytest.mark.parametrize(("floor", "expected"), [(19.9, "fail"), (20.0, "pass")])
def test_a_floor_is_what_a_size_may_get_worse_by(make_run, direction, before, after, floor, expected) -> None:
    sizes = enumerate((before, after))
    one, other = (
        measured(make_run, str(i), {"size": np.full(3, n)}, unit="MiB", direction=direction) for i, n in sizes
    )
    (judged,) = verdict(one, other, GateSpec(metric="qa/size", max_ratio=1.1, floor=floor)).gates
    assert judged.gate.verdict == expected
