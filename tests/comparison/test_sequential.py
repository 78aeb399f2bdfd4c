"""Looks are declared beforehand, and the error rate holds over all of them together."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.absolute import Ruled
from harness.comparison.compare import Options, compare
from harness.comparison.sequential import Looked, Looks, Watch
from harness.errors import UsageError
from harness.record.schema import GateRecord
from harness.stats.sequential import certain_at, sequential_plan
from harness.stats.verdict import Outcome, compare_scores

METRIC = {"qa/exact_match": 0.02}


def ruled(*verdicts: str) -> list[Ruled]:
    records = [
        GateRecord(metric="qa/exact_match", rule=f"≥ 0.{i}", verdict=v, reason="") for i, v in enumerate(verdicts)
    ]  # type: ignore[arg-type]
    return [Ruled(i, record, 0.5, 0.05) for i, record in enumerate(records)]


@pytest.mark.parametrize("text", ["", "a", "1,2", "100,100", "200,100", "100,,200", "-5", "Auto"])
def test_looks_that_do_not_grow_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="looks must be increasing sample counts"):
        Looks.parse(text, 400)


@given(st.integers(1, 5000))
def test_a_gate_that_chooses_its_looks_takes_ten_or_fewer_and_ends_with_all(samples: int) -> None:
    counts = Looks.parse("auto", samples).counts
    assert counts[-1] == samples
    assert len(counts) == max(1, min(10, samples // 20))
    assert all(b - a >= 19 for a, b in pairwise((0, *counts))) or len(counts) == 1


def test_a_disaster_is_certain_at_the_first_look(make_run) -> None:
    compared = compare(make_run("a", [1.0] * 50), make_run("b", [0.0] * 50), Options(margins=METRIC))
    found = Watch(Looks((50, 400)), METRIC).look(0, compared)
    assert found is not None
    assert found.outcomes == {"qa/exact_match": Outcome.FAIL}


def test_what_is_open_stays_open_until_the_last_look(make_run) -> None:
    compared = compare(make_run("a", [1.0] * 20), make_run("b", [1.0] * 20), Options(margins=METRIC))
    watch = Watch(Looks((20, 400)), METRIC)
    assert watch.look(0, compared) is None
    found = watch.look(1, compared)
    assert found is not None
    assert found.outcomes == {"qa/exact_match": Outcome.INCONCLUSIVE}


def test_one_failure_decides_and_leaves_the_others_open(make_run, sweep_runs) -> None:
    names = {"sweep/retained_accuracy": 0.0, "sweep/breaking_severity[rotation]": 0.0}
    compared = compare(*sweep_runs, Options(margins=names))
    found = Watch(Looks((40,)), names).look(0, compared)
    assert found is not None
    assert found.outcomes == {
        "sweep/retained_accuracy": Outcome.FAIL,
        "sweep/breaking_severity[rotation]": Outcome.INCONCLUSIVE,
    }


def test_what_was_shown_at_a_look_stays_shown_and_the_rest_may_come_later(make_run) -> None:
    same = compare(make_run("a", [1.0] * 900), make_run("b", [1.0] * 900), Options(margins=METRIC))
    few = compare(make_run("c", [1.0] * 20), make_run("d", [1.0] * 20), Options(margins=METRIC))
    watch = Watch(Looks((900, 1200, 1500), "quadratic"), METRIC, rules=2)
    assert watch.look(0, same, lambda level: ruled("pass", "inconclusive")) is None
    found = watch.look(1, few, lambda level: ruled("inconclusive", "pass"))
    assert found is not None
    assert found.outcomes == {"qa/exact_match": Outcome.NON_INFERIOR}
    assert found.rules == {(0, "≥ 0.0"): "pass", (1, "≥ 0.1"): "pass"}


def test_rules_of_one_run_spend_levels_too_and_fail_at_the_familys(make_run) -> None:
    same = compare(make_run("a", [1.0] * 20), make_run("b", [1.0] * 20), Options(margins=METRIC))
    levels: list[float] = []
    watch = Watch(Looks((100, 200)), METRIC, rules=3)
    assert watch.look(0, same, lambda level: (levels.append(level), ruled("inconclusive"))[1]) is None
    assert 0 < levels[1] < levels[0] < 0.025 / 5
    found = watch.look(0, same, lambda level: ruled("fail" if level == levels[1] else "inconclusive"))
    assert found is not None
    assert found.rules == {(0, "≥ 0.0"): "fail"}


def test_the_sentence_tells_which_look_it_was_and_what_was_spared() -> None:
    looked = Looked({}, 1, 2, 140, 400, 0.65)
    assert looked.note == "look 1 of 2, 140 samples a cell"
    assert str(looked) == "decided after 140 of 400 samples a cell (look 1 of 2); 65% of the calls spared"
    assert str(Looked({}, 2, 2, 400, 400)) == "all 400 samples a cell were asked, in 2 looks"


@pytest.mark.slow
def test_looking_five_times_raises_no_more_false_alarms_than_looking_once() -> None:
    looks, rng, alarms, repeats = (100, 200, 300, 400, 500), np.random.default_rng(8), 0, 2000
    plan = sequential_plan(looks, 0.05)
    for _ in range(repeats):
        churn = rng.choice([-1.0, 0.0, 1.0], 500, p=[0.1, 0.8, 0.1])
        before, after = (churn < 0).astype(float), (churn > 0).astype(float)
        for look, n in enumerate(looks):
            outcome = certain_at(plan, look, compare_scores(before[:n], after[:n]))
            if outcome is Outcome.FAIL:
                alarms += 1
                break
    assert alarms / repeats < 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)
