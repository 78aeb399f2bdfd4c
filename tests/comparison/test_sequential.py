"""Looks are declared beforehand, and the error rate holds over all of them together."""

import numpy as np
import pytest

from harness.comparison.compare import Options, compare
from harness.comparison.sequential import Looks
from harness.errors import UsageError
from harness.stats.sequential import certain_at, sequential_plan
from harness.stats.verdict import Outcome, compare_scores

METRIC = {"qa/exact_match": 0.02}


@pytest.mark.parametrize("text", ["", "a", "1,2", "100,100", "200,100", "100,,200", "-5"])
def test_looks_that_do_not_grow_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="looks must be increasing sample counts"):
        Looks.parse(text)


def test_a_disaster_is_certain_at_the_first_look(make_run) -> None:
    compared = compare(make_run("a", [1.0] * 50), make_run("b", [0.0] * 50), Options(margins=METRIC))
    assert Looks((50, 400)).outcomes(0, compared, METRIC) == {"qa/exact_match": Outcome.FAIL}


def test_what_is_open_stays_open_until_the_last_look(make_run) -> None:
    compared = compare(make_run("a", [1.0] * 20), make_run("b", [1.0] * 20), Options(margins=METRIC))
    looks = Looks((20, 400))
    assert looks.outcomes(0, compared, METRIC) is None
    assert looks.outcomes(1, compared, METRIC) == {"qa/exact_match": Outcome.INCONCLUSIVE}


def test_one_failure_decides_and_leaves_the_others_open(make_run, sweep_runs) -> None:
    names = {"sweep/retained_accuracy": 0.0, "sweep/breaking_severity[rotation]": 0.0}
    compared = compare(*sweep_runs, Options(margins=names))
    found = Looks((40,)).outcomes(0, compared, names)
    assert found == {
        "sweep/retained_accuracy": Outcome.FAIL,
        "sweep/breaking_severity[rotation]": Outcome.INCONCLUSIVE,
    }


def test_the_sentence_tells_which_look_it_was_and_what_was_spared() -> None:
    looks = Looks((100, 400))
    assert looks.said(0, {}).note == "look 1 of 2, 100 samples a cell, 300 spared"
    assert looks.said(1, {}).note == "look 2 of 2, 400 samples a cell"


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
