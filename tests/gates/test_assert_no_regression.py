"""``assert_no_regression``, as an ordinary test uses it."""

import pytest

from harness.errors import UsageError
from harness.pytest_plugin import assert_no_regression


def test_it_fails_with_the_samples_and_returns_the_decision(make_run) -> None:
    good, bad = make_run("a", [1.0] * 300), make_run("b", [1.0] * 250 + [0.0] * 50)
    assert assert_no_regression(good, good).verdict == "pass"
    assert assert_no_regression(good.folder, str(good.folder), ["qa/exact_match"]).verdict == "pass"
    with pytest.raises(AssertionError, match=r"(?s)qa/exact_match .* FAIL .*qa/clean/s0250: right -> wrong"):
        assert_no_regression(bad, good)


def test_what_is_not_shown_fails_only_where_strict_asks_for_it(make_run) -> None:
    few = make_run("a", [1.0] * 10)
    assert assert_no_regression(few, few).verdict == "inconclusive"
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        assert_no_regression(few, few, strict=True)
    assert assert_no_regression(few, few, {"qa/exact_match": 0.9}, strict=True).verdict == "pass"


def test_an_unknown_metric_is_a_mistake_not_a_pass(make_run) -> None:
    run = make_run("a", [1.0] * 10)
    with pytest.raises(UsageError, match="did you mean 'qa/exact_match'"):
        assert_no_regression(run, run, ["qa/exact_mach"])
