"""Adjusted p-values against statsmodels and SciPy."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.stats.multiplicity import benjamini_hochberg, holm

families = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(max_examples=6)  # multipletests collects garbage at every call
@given(families)
def test_holm_is_that_of_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@given(families)
def test_benjamini_hochberg_is_scipys(p):
    assert benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p, method="bh"))


@given(families, st.randoms(use_true_random=False))
def test_order_is_kept(p, random):
    order = random.sample(range(len(p)), len(p))
    for adjust in (holm, benjamini_hochberg):
        assert adjust(np.array(p)[order]) == pytest.approx(adjust(p)[order])


@given(families)
def test_holm_is_never_more_lenient_than_bh_or_the_raw_p(p):
    assert (holm(p) >= benjamini_hochberg(p) - 1e-12).all()
    assert (benjamini_hochberg(p) >= np.array(p) - 1e-12).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_an_empty_family_is_empty_and_nan_is_refused(adjust):
    assert adjust([]).size == 0
    with pytest.raises(ValueError, match="p_values: NaN at 1"):
        adjust([0.1, float("nan")])
    with pytest.raises(ValueError, match=r"p_values: values must lie in \[0, 1\]"):
        adjust([1.5])
