"""The corrected share as a statistic: its value, its n, what a poor judge gives, and differences between two runs."""

import math

import numpy as np
import pytest

from harness.estimate import Comparer, Estimator, Rows, Statistic, column, equals, only, rogan_gladen, scaled
from tests.estimate.helpers import cell, table

PASSED, TRUTH = column("passed", "known"), column("truth", "known")
SHARE = Statistic(
    "corrected",
    rogan_gladen(
        column("passed", "judged"), column("came", "judged"),
        only(PASSED, equals(TRUTH, 1.0)), only(PASSED, equals(TRUTH, 0.0)),
    ),
)  # fmt: skip


def rows(passed: int, right: int, wrong: int, n: int = 100, known: int = 100, came: int | None = None) -> Rows:
    """A judge that passes so many of n answers, and of so many right and wrong ones of known truth."""
    place = np.arange(n)
    judged = cell({"passed": place < passed, "came": place < (n if came is None else came)})
    told = np.concatenate([np.arange(known) < right, np.arange(known) < wrong])
    truth = np.repeat([1.0, 0.0], known)
    return table(judged=judged, known=cell({"passed": told, "truth": truth}, first=n))


def test_the_value_is_rogan_and_gladens_and_n_counts_what_was_judged() -> None:
    found = Estimator(rows(62, 90, 20)).value(SHARE)
    assert found.value == pytest.approx((0.62 - 0.2) / 0.7)
    assert (found.n, found.method) == (100, "Fieller, with the judge's own error")
    assert found.low < found.value < found.high


def test_a_share_is_never_outside_0_and_1() -> None:
    below, above = (Estimator(rows(passed, 90, 20)).value(SHARE) for passed in (17, 93))
    assert (below.value, below.low, above.value, above.high) == (0.0, 0.0, 1.0, 1.0)
    assert below.low < below.high < 0.5 < above.low


def test_what_no_share_explains_has_no_interval_and_says_that_the_known_answers_are_unlike() -> None:
    found = Estimator(rows(99, 80, 20)).value(SHARE)
    assert math.isnan(found.low)
    assert "the known answers are unlike" in found.method


def test_a_judge_that_cannot_tell_leaves_everything_possible_and_says_what_would_help() -> None:
    poor = Estimator(rows(55, 12, 10, known=20)).value(SHARE)
    assert (poor.low, poor.high) == (0.0, 1.0)
    assert poor.method.startswith("too poor a judge to say; ")
    assert "known answers may tell" in poor.method
    turned = Estimator(rows(55, 5, 10, known=20)).value(SHARE)
    assert math.isnan(turned.value)
    assert turned.n == 0


def test_a_difference_is_that_of_what_passes_divided_by_how_well_the_judge_tells_even_at_a_bound() -> None:
    before, after = rows(97, 90, 20), rows(95, 90, 20)
    found = Comparer(before, after).difference(SHARE)
    assert found.comparison is not None
    assert found.comparison.estimate == pytest.approx(-0.02 / 0.7)
    assert (found.before, found.after) == (1.0, 1.0)


def test_two_runs_cannot_be_compared_by_a_judge_that_may_be_worse_than_a_coin() -> None:
    found = Comparer(rows(60, 11, 10, known=20), rows(50, 11, 10, known=20)).difference(SHARE)
    assert found.comparison is not None
    assert math.isnan(found.comparison.p_less)


def test_pairs_are_one_column_and_its_complement() -> None:
    won = column("passed", "known")
    pairs = Statistic(
        "rate", rogan_gladen(column("passed", "judged"), column("came", "judged"), won, scaled(won, -1.0, 1.0))
    )
    found = Estimator(rows(60, 90, 70)).value(pairs)  # 160 of 200 known pairs
    assert found.value == pytest.approx((0.6 - 0.2) / 0.6)
