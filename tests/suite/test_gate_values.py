"""Numbers of gates that no value of the metric, or every value, satisfies, are refused where they stand."""

import pytest

from harness.estimate import Statistic, column, mean
from harness.spec.models import GateSpec
from harness.suite.gates import limits_nothing, turned_round

SHARE = Statistic("accuracy", mean(column("accuracy", "qa")))
ERRORS = Statistic("wer", mean(column("wer", "qa")), direction="lower", bounds=(0.0, None))


def gate(**keys: object) -> GateSpec:
    return GateSpec.model_validate({"metric": "qa/accuracy", **keys})


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ({"max_drop": 2}, "max_drop", "did you mean 0.02?"),
        ({"max_drop": 1}, "max_drop", "drop the key"),
        ({"min": 90}, "min", "did you mean 0.9?"),
        ({"min": 0}, "min", "drop the key"),
        ({"max": 1, "control": True}, "max", "drop the key"),
        ({"max": -0.1, "control": True}, "max", "drop the key"),
    ],
)
def test_a_number_that_limits_nothing_is_named_with_what_was_meant(
    keys: dict[str, object], key: str, hint: str
) -> None:
    (found,) = limits_nothing(gate(**keys), SHARE)
    assert found[0] == key
    assert found[2].startswith(hint)


@pytest.mark.parametrize("keys", [{"max_drop": 0.02}, {"min": 0.9}, {"min": 1.0}, {"max": 0.0, "control": True}])
def test_a_number_within_the_bounds_is_fine(keys: dict[str, object]) -> None:
    assert not [*limits_nothing(gate(**keys), SHARE), *turned_round(gate(**keys), SHARE)]


def test_a_metric_without_an_upper_bound_may_be_limited_anywhere() -> None:
    assert not list(limits_nothing(gate(max=250, max_increase=3), ERRORS))


def test_the_better_side_is_limited_for_controls_alone() -> None:
    (found,) = turned_round(gate(max=0.1), SHARE)
    assert found[0] == "max"
    assert "control: true" in found[2]
    assert not list(turned_round(gate(max=0.1, control=True), SHARE))
    (found,) = turned_round(gate(min=0.1), ERRORS)
    assert found[0] == "min"
