"""Forms against reference libraries and the metrics that they replace."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from harness.estimate import (
    Statistic,
    area,
    aupr,
    auroc,
    calibration,
    column,
    constant,
    count,
    detection_error,
    difference,
    differs,
    f_beta,
    fpr_at,
    grouped,
    linear,
    maximum,
    mean,
    minimum,
    minus,
    only,
    product,
    quantile,
    ratio,
    retained,
    scaled,
    slope,
    total,
)
from harness.estimate.draws import Draws
from harness.estimate.forms import FORMS, read
from harness.estimate.statistic import Node
from harness.metrics.calibration import Ece
from tests.estimate.helpers import cell, table

X, Y = column("x", "clean"), column("y", "clean")


def value(form: Node, **columns: list[float]) -> float:
    return Draws(table(clean=cell(columns)), seed=(0,)).exactly(form)


def test_sums_counts_means_and_arithmetic_on_them() -> None:
    x = [1.0, 2.0, float("nan"), 5.0]
    assert value(total(X), x=x) == 8.0
    assert value(count(X), x=x) == 3.0
    assert value(mean(X), x=x) == pytest.approx(8 / 3)
    assert value(linear([(2.0, mean(X)), (-1.0, total(X))], plus=1.0), x=x) == pytest.approx(16 / 3 - 8 + 1)
    assert value(product(mean(X), constant(3.0)), x=x) == pytest.approx(8.0)
    assert value(minimum(mean(X), mean(Y)), x=x, y=[0.0, 1.0, 1.0, 1.0]) == 0.75
    assert value(maximum(mean(X), mean(Y)), x=x, y=[0.0, 1.0, 1.0, 1.0]) == pytest.approx(8 / 3)


def test_a_ratio_of_nothing_is_undefined_unless_it_is_told_what_it_is() -> None:
    zeros = [0.0, 0.0]
    assert np.isnan(value(ratio(total(X), total(Y)), x=zeros, y=zeros))
    assert value(ratio(total(X), total(Y), empty=0.0), x=zeros, y=zeros) == 0.0
    assert np.isnan(value(ratio(total(X), total(Y), empty=0.0), x=[1.0, 0.0], y=zeros))


def test_means_of_columns_that_are_there_on_other_rows_have_their_own_denominators() -> None:
    nan = float("nan")
    assert value(ratio(mean(X), mean(Y)), x=[1.0, nan, nan, 3.0], y=[nan, 4.0, 4.0, nan]) == 0.5


def test_f_beta_is_that_of_the_counts() -> None:
    assert value(f_beta(X, Y, column("z", "clean")), x=[2.0], y=[4.0], z=[2.0]) == pytest.approx(4 / 6)


def test_an_undefined_part_of_a_minimum_is_passed_over() -> None:
    assert value(minimum(mean(X), mean(Y)), x=[float("nan")], y=[0.5]) == 0.5


def test_row_wise_operations_are_made_sample_by_sample_where_cells_hold_samples_in_another_order() -> None:
    clean, other = cell({"x": [1.0, 2.0, 3.0]}), cell({"x": [30.0, 10.0]})
    shuffled = table(clean=clean, other=other)
    shuffled.cells["other"].sample[:] = [2, 0]
    draws = Draws(shuffled, seed=(0,))
    assert draws.exactly(total(minus(column("x", "other"), X))) == (30 - 3) + (10 - 1)


def test_a_crash_is_a_changed_answer_and_a_missing_original_tells_nothing() -> None:
    nan = float("nan")
    form = mean(differs(column("answer", "worse"), column("answer", "clean")))
    rows = table(clean=cell({"answer": [1, 1, nan]}), worse=cell({"answer": [1, nan, 2]}))
    assert Draws(rows, seed=(0,)).exactly(form) == 0.5


def test_curves_are_weights_alone() -> None:
    axis, heights = [0.0, 1.0, 3.0], [1.0, 0.5, 0.2]
    curve = [constant(height) for height in heights]
    assert value(area([curve], [axis]), x=[0.0]) == pytest.approx(np.trapezoid(heights, axis) / 3)
    assert value(slope([curve], [axis]), x=[0.0]) == pytest.approx(np.polyfit(axis, heights, 1)[0])
    assert value(retained(curve[0], curve[1:]), x=[0.0]) == pytest.approx(0.35)
    assert value(difference(curve[0], curve[2]), x=[0.0]) == pytest.approx(0.8)


def test_rows_of_one_unit_or_group_become_one_row() -> None:
    nan = float("nan")
    rows = table(clean=cell({"x": [1.0, 0.0, 1.0, 1.0, nan], "g": [5, 5, 6, 6, 6]}, units=[0, 0, 1, 1, 1]))
    draws = Draws(rows, seed=(0,))
    assert draws.exactly(mean(grouped(X, "min"))) == 0.5
    assert draws.exactly(total(grouped(X, "sum", column("g", "clean")))) == 3.0
    assert draws.exactly(count(grouped(X, "mean"))) == 2.0


def test_agreement_is_the_share_of_pairs_with_one_value() -> None:
    rows = table(clean=cell({"x": [7.0, 7.0, 8.0, 1.0]}, units=[0, 0, 0, 1]))
    assert Draws(rows, seed=(0,)).exactly(mean(grouped(X, "agree"))) == pytest.approx(1 / 3)


def test_a_negative_value_agrees_with_nothing_and_a_small_group_does_not_count() -> None:
    rows = table(clean=cell({"x": [7.0, 7.0, -1.0, -1.0, 1.0]}, units=[0, 0, 0, 0, 1]))
    draws = Draws(rows, seed=(0,))
    assert draws.exactly(mean(grouped(X, "agree"))) == pytest.approx(2 / 12)
    assert draws.exactly(mean(grouped(X, "min", least=2))) == -1.0
    assert rows.read(grouped(X, "min", least=2)).statuses() == {"ok": 1, "undefined": 1}


scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_rank_forms_agree_with_scikit_learn_ties_included(positive: list[float], negative: list[float]) -> None:
    rows = table(p=cell({"s": positive}), n=cell({"s": negative}, first=100))
    draws = Draws(rows, seed=(0,))
    sides = column("s", "p"), column("s", "n")
    truth = [1] * len(positive) + [0] * len(negative)
    assert draws.exactly(auroc(*sides)) == pytest.approx(roc_auc_score(truth, positive + negative))
    assert draws.exactly(aupr(*sides)) == pytest.approx(average_precision_score(truth, positive + negative))
    limit = sorted(positive)[::-1][max(0, int(np.ceil(0.95 * len(positive))) - 1)]
    assert draws.exactly(fpr_at(*sides)) == pytest.approx(np.mean(np.asarray(negative) >= limit))
    errors = [
        (np.mean(np.asarray(positive) < t) + np.mean(np.asarray(negative) >= t)) / 2 for t in [*positive, *negative, 9]
    ]
    assert draws.exactly(detection_error(*sides)) == pytest.approx(min(errors))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=60, deadline=None)
def test_a_quantile_is_numpys(values: list[float], q: float) -> None:
    assert value(quantile(X, q), x=values) == pytest.approx(float(np.quantile(values, q)), abs=1e-12)


def test_a_quantile_from_too_few_rows_is_undefined() -> None:
    assert np.isnan(value(quantile(X, 0.9, least=4), x=[1.0, 2.0, 3.0]))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=40, deadline=None)
def test_calibration_error_is_that_of_the_metric(pairs: list[tuple[float, bool]]) -> None:
    confidence, correct = [c for c, _ in pairs], [float(right) for _, right in pairs]
    edges = list(np.arange(16) / 15)
    found = value(calibration(X, Y, edges, worst=False), x=confidence, y=correct)
    assert found == pytest.approx(Ece().compute(np.array(confidence), np.array(correct)).value, abs=1e-12)


def test_every_form_goes_to_json_and_back_and_an_unknown_one_says_so() -> None:
    one = Statistic("r", ratio(mean(only(X, Y)), total(scaled(X, 2.0))), "lower", where={"style": "a"}, paired=False)
    assert Statistic.from_plain(json.loads(json.dumps(one.plain()))) == one
    plain = {"name": "n", "of": {"form": "novel", "of": []}, "bounds": [0, 1], "direction": "higher"}
    found = read(plain)
    assert "'novel' is not known here" in found.untestable
    with pytest.raises(ValueError, match="not a statistic"):
        Statistic.from_plain({"name": "n"})
    assert "mean" in FORMS


def plugged(columns: list[np.ndarray], weights: list[np.ndarray], power: float) -> np.ndarray:
    """A plug-in's form: a weighted power mean."""
    there = ~np.isnan(columns[0])
    return (weights[0][:, there] @ columns[0][there] ** power) / weights[0][:, there].sum(axis=1)


@pytest.mark.parametrize("units", [40, 2_100])  # each drawn by itself, and in groups
def test_rows_that_are_alike_are_one_to_a_form_that_counts_them(units: int) -> None:
    from harness.estimate import Comparer, Estimator, call
    from harness.metrics import _confusion

    rng = np.random.default_rng(units)
    sides = []
    for _ in range(2):
        said, wanted = rng.choice([-1.0, 3.0, 5.0, 1e18], (2, 2 * units), p=[0.1, 0.6, 0.2, 0.1])
        wanted[rng.random(2 * units) < 0.1] = np.nan  # rows that do not count
        columns = {"said": said.tolist(), "wanted": wanted.tolist()}
        sides.append(table(clean=cell(columns, units=[place // 2 for place in range(2 * units)])))
    found = []
    for marked in (True, False):
        _confusion.agreement_of_classes.__dict__["by_count"] = marked
        try:
            for rule in _confusion.RULES:
                at = [{"column": name, "at": ["clean"]} for name in ("said", "wanted")]
                form = call("harness.metrics._confusion:agreement_of_classes", *at, rule=rule)
                kind = Statistic(rule, form, bounds=(-1.0, 1.0))
                found.append(
                    (
                        marked,
                        Estimator(sides[0], resamples=60).value(kind),
                        Comparer(*sides, resamples=60).difference(kind),
                    )
                )
        finally:
            _confusion.agreement_of_classes.__dict__["by_count"] = True
    half = len(found) // 2
    assert [repr(one[1:]) for one in found[:half]] == [repr(one[1:]) for one in found[half:]]


def test_a_plug_ins_form_is_called_with_rows_and_weights() -> None:
    from harness.estimate import Estimator, call

    form = call("tests.estimate.test_forms:plugged", X, power=2.0)
    rows = table(clean=cell({"x": [1.0, 2.0, float("nan"), 3.0, 2.0]}))
    found = Estimator(rows).value(Statistic("p", form, bounds=(0.0, 10.0)))
    assert found.value == pytest.approx((1 + 4 + 9 + 4) / 4)
    assert found.n == 4
    assert found.low < found.value < found.high
