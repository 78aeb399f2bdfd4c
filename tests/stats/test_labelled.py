"""A difference by few labels: unbiased by any proxy, exact where all is labelled, careful where little is."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.intervals import wilson
from harness.stats.labelled import METHOD, PLAIN, ByLabels, by_labels, lure_weights
from harness.stats.paired import paired_t


def world(rng: np.random.Generator, n: int, drop: float, accuracy: float, forgiving: float = 0.0, size: int = 1):  # type: ignore[no-untyped-def]
    """Return what people would say, what differs, a judge's difference and clusters; losses come by whole clusters."""
    groups = n // size
    u = np.repeat(rng.random(groups), size)
    stays = rng.random(groups * size) < (0.6 if size > 1 else 1.0)
    d = np.where(u < (0.12 + drop) / 2, -1.0, np.where(u > 1 - (0.12 - drop) / 2, 1.0, 0.0)) * stays
    apart = (d != 0) | (rng.random(d.size) < 0.1)
    before = np.where(d == 0, rng.random(d.size) < 0.8, d < 0)
    after = np.where(d == 0, before, ~before)
    judged = []
    for right, extra in ((before, 0.0), (after, forgiving)):
        wrong = rng.random(d.size) < np.where(right, 1 - accuracy, 1 - accuracy + extra)
        judged.append((right ^ wrong).astype(float))
    return d, apart, np.where(apart, judged[1] - judged[0], 0.0), np.repeat(np.arange(groups), size)


def asked(d, apart, rows, **more) -> ByLabels:  # type: ignore[no-untyped-def]
    drawn = np.zeros(d.size, bool)
    drawn[rows] = True
    return by_labels(np.where(apart & ~drawn, np.nan, d), drawn, differ=apart, **more)


def test_where_all_that_differs_is_labelled_it_is_the_paired_test_over_all_rows() -> None:
    d, apart, judge, clusters = world(np.random.default_rng(1), 300, 0.03, 0.8, size=3)
    found = asked(d, apart, np.flatnonzero(apart), proxy=judge, clusters=clusters, margin=0.05).comparison
    plain = paired_t(d, clusters, margin=0.05, span=1.0)
    told = ("estimate", "low", "high", "lower_bound", "p_less", "p_noninferior", "clusters")
    assert [getattr(found, name) for name in told] == [getattr(plain, name) for name in told]


def test_two_runs_that_answer_alike_differ_by_nothing_and_need_no_label() -> None:
    nobody = np.zeros(200, bool)
    found = by_labels(np.zeros(200), nobody, differ=nobody, margin=0.05)
    assert (found.comparison.estimate, found.labelled, found.differing) == (0.0, 0, 0)
    assert found.comparison.lower_bound > -0.05
    assert found.comparison.low < 0 < found.comparison.high


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-1, 1))
def test_the_unit_of_a_proxy_does_not_matter_nor_a_worthless_one(seed: int, scale: float, value: float) -> None:
    rng = np.random.default_rng(seed)
    d, apart, judge, _ = world(rng, 400, 0.02, 0.9)
    rows = rng.permutation(np.flatnonzero(apart))[:40]
    one, other = asked(d, apart, rows, proxy=judge), asked(d, apart, rows, proxy=scale * judge)
    assert other.comparison.estimate == pytest.approx(one.comparison.estimate)
    assert other.comparison.low == pytest.approx(one.comparison.low)
    plain = asked(d, apart, rows)
    against, constant = asked(d, apart, rows, proxy=-judge), asked(d, apart, rows, proxy=np.full(d.size, value))
    assert (plain.strata, plain.worth, plain.comparison.method) == (1, 1.0, PLAIN)
    assert constant.comparison == plain.comparison
    assert (one.strata, one.comparison.method) == (against.strata, METHOD if one.strata > 1 else PLAIN)
    assert against.comparison.low == pytest.approx(one.comparison.low)  # which way a proxy points is told by the labels


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 3, 12, 40, 130]), st.sampled_from(["judge", "fine", "none"]))
def test_rows_in_any_order_say_the_same_within_bounds(seed: int, count: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    d, apart, judge, clusters = world(rng, 600, 0.02, 0.9, size=2)
    proxy = {"judge": judge, "fine": judge + rng.normal(size=d.size), "none": None}[kind]
    rows = rng.permutation(np.flatnonzero(apart))[:count]
    weights, drawn = 4 ** rng.random(d.size), np.isin(np.arange(d.size), rows)
    truth, turn = np.where(apart & ~drawn, np.nan, d), rng.permutation(d.size)
    found, shuffled = (
        by_labels(
            truth[at], drawn[at], differ=apart[at], weights=weights[at], clusters=clusters[at], margin=0.05,
            proxy=None if proxy is None else proxy[at],
        ).comparison for at in (np.arange(d.size), turn)
    )  # fmt: skip
    told = ("estimate", "low", "high", "lower_bound", "upper_bound", "p_less", "p_greater", "p_noninferior")
    assert [getattr(shuffled, name) for name in told] == pytest.approx(
        [getattr(found, name) for name in told], nan_ok=True
    )
    if found.clusters > 1:
        assert -1 <= found.low <= found.lower_bound <= found.estimate <= found.upper_bound <= found.high <= 1
        assert (found.lower_bound > -0.05) == (found.p_noninferior < 0.05)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([5, 20, 60]))
def test_turning_the_runs_round_turns_the_interval_round(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    d, apart, judge, clusters = world(rng, 600, 0.02, 0.9, size=2)
    rows = rng.permutation(np.flatnonzero(apart))[:count]
    there = asked(d, apart, rows, proxy=judge, clusters=clusters).comparison
    back = asked(-d, apart, rows, proxy=-judge, clusters=clusters).comparison
    assert (back.low, back.high) == (pytest.approx(-there.high), pytest.approx(-there.low))
    assert (back.p_less, back.p_value) == (pytest.approx(there.p_greater), pytest.approx(there.p_value))


def test_chances_of_any_kind_leave_the_mean_unbiased() -> None:
    sizes, values = np.array([1.0, 2.0, 4.0, 0.5]), np.array([1.0, -1.0, 0.5, 0.0])
    for count in (1, 2, 3, 4):
        expected = 0.0
        for order in permutations(range(4), count):
            left, chances = sizes.copy(), []
            for i in order:
                chances.append(left[i] / left.sum())
                left[i] = 0.0
            expected += float(np.prod(chances) * (lure_weights(chances, 4) @ values[list(order)]) / count)
        assert expected == pytest.approx(values.mean())


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("accuracy", "forgiving"), [(0.6, 0.0), (0.95, 0.0), (0.9, 0.1)])
def test_intervals_cover_with_few_labels_whatever_the_judge_is_worth(
    accuracy: float, forgiving: float, size: int
) -> None:
    rng = np.random.default_rng(11)
    inside = passed = judged_right = 0
    for _ in range(80):
        d, apart, judge, clusters = world(rng, 1200, 0.05, accuracy, forgiving, size)
        truth = -0.05 * (1 if size == 1 else 0.6)
        rows = rng.permutation(np.flatnonzero(apart))[:30]
        found = asked(d, apart, rows, proxy=judge, clusters=clusters, margin=-truth).comparison
        inside += found.low <= truth <= found.high
        passed += found.p_noninferior <= 0.05
        alone = paired_t(judge, clusters)
        judged_right += alone.low <= truth <= alone.high
    assert inside >= 73
    assert passed <= 9
    assert judged_right < inside - 6 or accuracy == 0.95


def test_few_labels_that_all_say_tie_do_not_make_two_runs_equal() -> None:
    apart = np.arange(500) < 100
    found = asked(np.zeros(500), apart, np.arange(20)).comparison
    assert found.estimate == 0
    assert found.low < -0.02
    assert asked(np.zeros(500), apart, np.arange(20), margin=0.01).comparison.p_noninferior > 0.15
    one = asked(np.zeros(500), apart, np.arange(1)).comparison
    assert np.isnan(one.low)


def test_how_many_more_labels_are_told_and_they_do_suffice() -> None:
    rng = np.random.default_rng(4)
    d, apart, judge, _ = world(rng, 3000, 0.0, 0.9)
    order = rng.permutation(np.flatnonzero(apart))
    few = asked(d, apart, order[:20], proxy=judge, margin=0.05)
    assert few.more is not None
    assert 10 < few.more < 200
    enough = asked(d, apart, order[: 20 + 2 * few.more], proxy=judge, margin=0.05)
    assert enough.more == 0
    assert enough.comparison.lower_bound > -0.05


def test_where_too_few_rows_were_asked_no_number_of_labels_will_do() -> None:
    d, apart = np.array([1.0, -1.0, 0.0, 0.0] * 5 + [0.0] * 40), np.arange(60) < 20
    assert asked(d, apart, np.arange(8), margin=0.01).more is None
    assert asked(d, apart, np.arange(20), margin=0.01).more is None
    assert asked(d, apart, np.arange(20), margin=0.5).more == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"truth": [0.0, 1.0, 0.0]}, "must have a truth of 0"),
        ({"drawn": [False, False, True]}, "was not labelled"),
        ({"truth": [0.0, 0.0, 2.0]}, r"in \[-1, 1\]"),
        ({"margin": -1.0}, "margin"),
        ({"weights": [1.0]}, "lengths differ"),
    ],
)
def test_arguments_that_contradict_each_other_are_named(change: dict[str, object], said: str) -> None:
    whole: dict[str, object] = {
        "truth": [0.0, 0.0, np.nan], "drawn": [False, False, False], "differ": [False, False, True],
    }  # fmt: skip
    with pytest.raises(ValueError, match=said):
        by_labels(**whole | change)  # type: ignore[arg-type]


def test_the_ends_of_rare_errors_lie_as_askew_as_they_should() -> None:
    """95 % of 200 labels say right: Student's ends are even, Wilson's and ours reach further down."""
    n = 200
    truth = np.where(np.arange(n) < 190, 1.0, 0.0)
    found = by_labels(truth, np.ones(n, bool), differ=np.ones(n, bool), margin=None).comparison
    low, high = (float(end) for end in wilson(190, n))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.006)
    assert found.estimate - found.low > 1.5 * (found.high - found.estimate)
    assert found.low < found.lower_bound < found.upper_bound < found.high
