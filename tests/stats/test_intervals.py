"""Intervals of one run against statsmodels and SciPy."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from harness.stats.intervals import mean_interval, wilson
from harness.stats.paired import paired_t


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_that_of_statsmodels(n, share, confidence):
    k = round(share * n)
    low, high = wilson(k, n, confidence)
    assert (float(low), float(high)) == pytest.approx(proportion_confint(k, n, 1 - confidence, "wilson"), abs=1e-12)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40).filter(lambda x: len(set(x)) > 1))
def test_a_mean_has_students_interval_and_the_paired_test_agrees(values):
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    assert mean_interval(values) == pytest.approx((expected.low, expected.high), abs=1e-9)
    clusters = np.arange(len(values)) // 2
    clustered = paired_t(values, clusters)
    if clustered.standard_error > 0:
        assert mean_interval(values, clusters) == pytest.approx((clustered.low, clustered.high), nan_ok=True, abs=1e-9)


def test_no_data_or_one_cluster_has_no_interval():
    assert all(math.isnan(end) for end in mean_interval([]))
    assert all(math.isnan(end) for end in mean_interval([1.0, 2.0], np.array([0, 0])))
    assert math.isnan(float(wilson(0, 0)[0]))
