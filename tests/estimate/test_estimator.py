"""Values, intervals, slices, differences, ratios and forecasts of one definition."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from harness.estimate import (
    Comparer,
    Estimator,
    Rows,
    Statistic,
    auroc,
    column,
    mean,
    minus,
    quantile,
    ratio,
    ratio_of_sums,
    sight,
    stored,
    total,
)
from harness.estimate.draws import LIMIT, Draws, Pool
from harness.metrics import sample_metric
from harness.stats.results import Comparison
from harness.types import Score
from tests.estimate.helpers import cell, table

ACCURACY = Statistic("accuracy", mean(column("right", "clean")))
RATE = ratio(total(column("edits", "clean")), total(column("words", "clean")))
WER = Statistic("wer", RATE, "lower", "share", (0, None))


def always(name: str) -> bool:
    return True


def binary(n: int, share: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < share).astype(np.float64)


def test_a_mean_has_the_interval_that_its_metric_gives_it() -> None:
    values = binary(80, 0.7)
    found = Estimator(table(clean=cell({"right": values})), binary=always).value(ACCURACY)
    expected = sample_metric("exact_match").aggregate([Score(value) for value in values])
    assert (found.value, found.low, found.high, found.method) == (
        expected.value, expected.low, expected.high, expected.method,
    )  # fmt: skip


def test_binary_is_declared_and_never_seen_from_the_values() -> None:
    rows = table(clean=cell({"right": binary(40, 0.5)}))
    assert Estimator(rows, binary=always).value(ACCURACY).method == "wilson"
    assert Estimator(rows).value(ACCURACY).method == "Gaffke"
    before, after = table(clean=cell({"right": binary(40, 0.5)})), table(clean=cell({"right": binary(40, 0.5, 1)}))

    def method(**options: object) -> str:
        found = Comparer(before, after, **options).difference(ACCURACY).comparison  # type: ignore[arg-type]
        assert found is not None
        return found.method

    assert method(binary=always).startswith("McNemar")
    assert method() == "paired t"


def test_a_slice_is_a_table_of_its_own() -> None:
    values = np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    rows = table(clean=cell({"right": values}, tags={"style": ["a", "a", "b", "b", None]}))
    part = Estimator(rows).value(replace(ACCURACY, where={"style": "b"}))
    assert (part.value, part.n, part.total) == (0.0, 2, 2)


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    edits, words = rng.integers(0, 5, 50).astype(float), rng.integers(5, 9, 50).astype(float)
    order = rng.permutation(50)
    one = Estimator(table(clean=cell({"edits": edits, "words": words}))).value(WER)
    shuffled = cell({"edits": edits[order], "words": words[order]}, units=order)
    assert Estimator(table(clean=shuffled)).value(WER) == one


def test_rows_that_share_a_unit_are_drawn_together() -> None:
    values = np.repeat(binary(30, 0.5), 10)
    alone = Estimator(table(clean=cell({"edits": values, "words": np.ones(300)}))).value(WER)
    clustered = cell({"edits": values, "words": np.ones(300)}, units=np.repeat(np.arange(30), 10))
    together = Estimator(table(clean=clustered)).value(WER)
    assert together.value == alone.value
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_no_interval_is_of_width_zero_where_all_units_agree() -> None:
    rows = table(clean=cell({"edits": [1.0] * 9, "words": [2.0] * 9}))
    found = Estimator(rows).value(WER)
    assert found.low < found.value == 0.5 < found.high


def test_what_no_row_defines_has_no_n_and_no_value() -> None:
    found = Estimator(table(clean=cell({"edits": [0.0], "words": [0.0]}))).value(WER)
    assert np.isnan(found.value)
    assert (found.n, found.total, found.direction) == (0, 1, "lower")
    assert Estimator(Rows({})).value(ACCURACY).n == 0


def test_a_form_that_is_defined_for_nothing_has_no_value_where_no_row_counts() -> None:
    empty = replace(WER, of=ratio(total(column("edits", "clean")), total(column("words", "clean")), empty=0.0))
    rows = table(clean=cell({"edits": [np.nan], "words": [np.nan]}))
    assert np.isnan(Estimator(rows).value(empty).value)


def test_an_infinite_mean_has_no_interval() -> None:
    found = Estimator(table(clean=cell({"right": [1.0, np.inf]}))).value(ACCURACY)
    assert (found.value, found.n, found.method) == (np.inf, 2, "none")


def difference(statistic: Statistic, before: Rows, after: Rows, margin: float = 0.0) -> Comparison:
    found = Comparer(before, after).difference(statistic, margin).comparison
    assert found is not None
    return found


def test_a_difference_of_ratios_is_paired_so_that_what_both_share_cancels() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(5, 30, 200).astype(float)
    edits = np.floor(words * rng.random(200))
    before = table(clean=cell({"edits": edits, "words": words}))
    after = table(clean=cell({"edits": edits + (np.arange(200) % 4 == 0), "words": words}))
    found = difference(WER, before, after)
    assert found.estimate == pytest.approx(-50 / words.sum())
    assert found.high < 0
    alone = Estimator(before).value(WER)
    assert found.high - found.low < (alone.high - alone.low) / 5


def test_rows_that_only_one_side_has_are_counted_and_left_out() -> None:
    nan = float("nan")
    before, after = table(clean=cell({"right": [1, 1, 0, nan]})), table(clean=cell({"right": [1, nan, 0, 1]}))
    found = Comparer(before, after).difference(ACCURACY)
    assert (found.before, found.after, found.lost, found.gained) == (0.5, 0.5, 1, 1)


def test_what_is_declared_untestable_or_unpaired_says_why() -> None:
    rows = table(clean=cell({"right": [1.0, 0.0]}))
    one = Statistic("first", stored(), untestable="it is a step")
    assert Comparer(rows, rows).difference(one).why_not == "it is a step"
    timed = Statistic("p50", quantile(column("ms", "clean"), 0.5), "lower", "ms", (0, None), paired=False)
    slow = table(clean=cell({"ms": np.linspace(10, 12, 60)}))
    slower = table(clean=cell({"ms": np.linspace(11, 13.2, 80)}))
    comparer = Comparer(slow, slower)
    assert "no pairs" in comparer.difference(timed).why_not
    ratio_ = comparer.ratio(timed)
    assert ratio_.estimate == pytest.approx(1.1, abs=0.01)
    assert ratio_.lower_bound > 1.05


def test_a_plug_in_that_is_not_installed_leaves_the_values_and_says_so() -> None:
    from harness.estimate import call

    rows = table(clean=cell({"right": [1.0, 0.0]}))
    missing = Statistic("p", call("no_such_module:form", column("right", "clean")))
    assert "cannot be imported here" in Comparer(rows, rows).difference(missing).why_not


def test_strata_keep_their_sizes_under_draws() -> None:
    rows = table(
        inside=cell({"s": np.arange(40.0)}, stratum="inside"),
        outside=cell({"s": np.arange(20.0) + 15}, stratum="outside", first=100),
    )
    draws = Draws(rows, seed=(0,))
    assert set(draws.weights[:, :40].sum(axis=1)) == {40.0}
    found = Estimator(rows).value(Statistic("auroc", auroc(column("s", "outside"), column("s", "inside"))))
    assert found.n == 60
    assert 0 <= found.low < found.value < found.high <= 1


def test_many_units_are_drawn_in_groups_with_the_same_spread() -> None:
    rng = np.random.default_rng(5)
    words = rng.integers(5, 30, 3 * LIMIT).astype(float)
    edits = np.floor(words * rng.random(3 * LIMIT))
    rows = table(clean=cell({"edits": edits, "words": words}))
    found = Estimator(rows).value(WER)
    residual = edits - found.value * words
    expected = 1.96 * np.sqrt(np.square(residual).sum()) / words.sum()
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)


def test_a_gap_counts_only_rows_that_have_both_sides() -> None:
    nan = float("nan")
    rows = table(clean=cell({"m": [1, 1, 1, 0]}), blank=cell({"m": [0, nan, 1, 0]}))
    gap = Statistic("gap", mean(minus(column("m", "clean"), column("m", "blank"))), bounds=(-1.0, 1.0))
    found = Estimator(rows).value(gap)
    assert (found.value, found.n) == (pytest.approx(1 / 3), 3)


@pytest.mark.parametrize("known", [True, False])
def test_a_forecast_is_one_number_whatever_tells_it(known: bool) -> None:
    rows = table(clean=cell({"right": binary(400, 0.8)})) if known else None
    seen = sight(ACCURACY, 400, rows, binary=always)
    assert not seen.why_not
    assert 0.02 < seen.minimum_effect < 0.06


def test_a_forecast_refuses_what_no_run_can_test() -> None:
    assert sight(replace(ACCURACY, direction="none"), 100).why_not
    assert sight(replace(ACCURACY, untestable="a step"), 100).why_not == "a step"
    assert np.isnan(sight(ACCURACY, 0).minimum_effect)


def test_a_forecast_of_a_ratio_shrinks_with_the_root_of_n() -> None:
    rng = np.random.default_rng(2)
    words = rng.integers(5, 30, 100).astype(float)
    rows = table(clean=cell({"edits": np.floor(words * rng.random(100)), "words": words}))
    few, many = (sight(WER, n, rows).minimum_effect for n in (100, 400))
    assert many == pytest.approx(few / 2, rel=0.05)


@pytest.mark.parametrize("seconds", [7.0, 6.8333])
@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_events_that_vary_nowhere_are_no_surer_than_a_count_of_them(seconds: float, wrong: float) -> None:
    rows = table(clips=cell({"wrong": [wrong] * 6, "seconds": [seconds] * 6}))
    rate = ratio_of_sums([(60, column("wrong", "clips"))], [(1, column("seconds", "clips"))])
    found = Estimator(rows).value(Statistic("alarms", rate, "lower", "per minute", (0.0, None)))
    count, minutes = 6 * wrong, 6 * seconds / 60
    exact = scipy.stats.chi2.ppf(0.975, 2 * (count + 1)) / 2 / minutes
    assert found.value == pytest.approx(count / minutes)
    assert 0.6 * exact < found.high < 1.5 * exact
    assert found.low < found.value or not wrong


def test_cells_that_a_statistic_does_not_read_take_no_draws_from_it() -> None:
    rng = np.random.default_rng(8)
    few = cell({"edits": rng.poisson(3, 100), "words": rng.integers(5, 30, 100)})
    many = cell({"edits": np.zeros(50 * LIMIT), "words": np.ones(50 * LIMIT)}, first=1000, stratum="other")
    alone, beside = Estimator(table(clean=few)).value(WER), Estimator(table(clean=few, other=many)).value(WER)
    assert (alone.low, alone.high) == (beside.low, beside.high)
    changed = cell({"edits": rng.poisson(3, 100), "words": few.columns["words"].worths})
    both = difference(WER, table(clean=few, other=many), table(clean=changed, other=many))
    assert both == difference(WER, table(clean=few), table(clean=changed))


def test_statistics_over_the_same_samples_share_their_draws() -> None:
    rows = table(clean=cell({"x": [1.0, 2.0]}), noisy=cell({"x": [1.0, 2.0]}), other=cell({"x": [1.0]}, first=9))
    pool = Pool(rows, seed=(0,), count=10)
    clean, noisy, other = (pool.of(total(column("x", name))) for name in ("clean", "noisy", "other"))
    assert clean is noisy
    assert other is not clean


def test_a_difference_without_spread_is_allowed_no_more_than_its_bounds() -> None:
    share = Statistic("share", ratio(total(column("hits", "c")), total(column("claims", "c"))))
    rows = table(c=cell({"hits": np.full(50, 0.4), "claims": np.full(50, 0.5)}))
    found = difference(share, rows, rows)
    unseen = 1 - 0.025 ** (1 / 50)
    assert found.low == pytest.approx(-unseen)
    assert found.high == pytest.approx(unseen)
