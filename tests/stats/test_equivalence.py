"""Two one-sided tests: symmetric, monotone in the margin, and wrong as rarely as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ttest_1samp

from harness.stats.equivalence import Sameness, agreement, tost

scores = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.3, 1.0])), min_size=5, max_size=60
)


@settings(max_examples=15)
@given(scores, st.sampled_from([0.02, 0.1, 0.4]))
def test_it_is_the_same_whichever_side_is_named_first(pairs: list[tuple[float, float]], margin: float) -> None:
    a, b = zip(*pairs, strict=True)
    forth, back = tost(a, b, margin), tost(b, a, margin)
    assert forth.outcome is back.outcome
    assert forth.low == pytest.approx(-back.high)
    assert forth.p_value == pytest.approx(back.p_value)


@settings(max_examples=12)
@given(scores)
def test_what_is_equivalent_is_so_at_every_larger_margin_and_never_different(pairs: list[tuple[float, float]]) -> None:
    a, b = zip(*pairs, strict=True)
    outcomes = [tost(a, b, margin).outcome for margin in (0.01, 0.05, 0.2, 0.5, 0.99)]
    ranks = [[Sameness.DIFFERENT, Sameness.UNDECIDED, Sameness.EQUIVALENT].index(one) for one in outcomes]
    assert ranks == sorted(ranks)


def test_it_is_schuirmanns_test_where_scores_have_no_limit() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=40)
    b = a + rng.normal(0.05, 0.2, 40)
    found = tost(a, b, 0.15, span=None)
    lower = ttest_1samp(b - a, -0.15, alternative="greater").pvalue
    upper = ttest_1samp(b - a, 0.15, alternative="less").pvalue
    assert found.p_value == pytest.approx(max(lower, upper))


@pytest.mark.parametrize(("n", "margin"), [(149, 0.02), (300, 0.02), (59, 0.05), (500, 0.05)])
def test_models_that_differ_by_the_margin_are_called_equivalent_in_one_of_twenty_at_most(n: int, margin: float) -> None:
    """Exact, over all counts of answers that differ: their number alone decides."""
    called = {Sameness.EQUIVALENT: 0.0, Sameness.DIFFERENT: 0.0, Sameness.UNDECIDED: 0.0}
    for count in range(n + 1):
        weight = float(binom.pmf(count, n, margin))
        if weight > 1e-9:
            called[agreement([0.0] * count + [1.0] * (n - count), margin).outcome] += weight
    assert called[Sameness.EQUIVALENT] <= 0.0501
    assert called[Sameness.DIFFERENT] <= 0.0501


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_the_n_that_would_suffice_does_where_nothing_differs(margin: float) -> None:
    for few, again in (
        (tost([1.0] * 20, [1.0] * 20, margin), lambda n: tost([1.0] * n, [1.0] * n, margin)),
        (agreement([1.0] * 20, margin), lambda n: agreement([1.0] * n, margin)),
    ):
        assert few.outcome is Sameness.UNDECIDED
        assert few.n_needed is not None
        assert again(few.n_needed).outcome is Sameness.EQUIVALENT


@pytest.mark.parametrize(("n", "differ"), [(100, 1), (400, 5)])
def test_the_n_that_would_suffice_has_the_power_that_it_says(n: int, differ: int) -> None:
    share, margin = differ / n, 0.02
    needed = agreement([0.0] * differ + [1.0] * (n - differ), margin).n_needed
    assert needed is not None
    counts = range(int(needed * margin) + 1)
    fine = [k for k in counts if agreement([0.0] * k + [1.0] * (needed - k), margin).outcome is Sameness.EQUIVALENT]
    assert 0.79 < float(binom.cdf(max(fine), needed, share)) < 0.93


def test_one_cluster_decides_nothing_and_a_difference_beyond_the_margin_needs_no_n() -> None:
    assert tost([1.0, 1.0], [1.0, 1.0], 0.1, ["a", "a"]).outcome is Sameness.UNDECIDED
    assert agreement([1.0, 1.0], 0.1, ["a", "a"]).outcome is Sameness.UNDECIDED
    lost = agreement([0.0] * 5 + [1.0] * 35, 0.1)
    assert (lost.outcome, lost.n_needed) == (Sameness.UNDECIDED, None)


def test_samples_that_share_an_image_count_as_the_images_that_they_are() -> None:
    alone = agreement([1.0] * 160, 0.02)
    shared = agreement([1.0] * 160, 0.02, [i // 4 for i in range(160)])
    assert alone.outcome is Sameness.EQUIVALENT
    assert (shared.outcome, shared.units) == (Sameness.UNDECIDED, 40)
    assert shared.n_needed is not None
    assert 560 < shared.n_needed < 640
