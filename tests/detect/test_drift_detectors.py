"""Drift detectors: alarms where river's are, statistics and p-values as SciPy's, and what all of them keep to."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift
from scipy.stats import cramervonmises_2samp, ks_2samp

from harness.detect import BatchDetector, ControlChart, DriftDetector, drift_detector
from harness.detect.adwin import Adwin, limit_of
from harness.detect.cvm import CramerVonMises
from harness.detect.ks import KolmogorovSmirnov
from harness.detect.mmd import MaximumMeanDiscrepancy, mmd_test
from harness.detect.page_hinkley import PageHinkley
from harness.errors import UsageError
from harness.registry import registry


def is_drift(name: str) -> bool:
    target = registry("detectors").load(name)
    return isinstance(target, type) and issubclass(target, DriftDetector)


NAMES = [name for name in registry("detectors").names() if is_drift(name)]
RUNS, BASELINE, BATCH, STEPS, ONSET = 60, 80, 12, 60, 40


def stream(seed: int, shift: float = 1.0, scale: float = 1.0) -> tuple[np.ndarray, list[np.ndarray]]:
    """A baseline for each stream, and batches whose mean shifts at ``ONSET``."""
    rng = np.random.default_rng(seed)
    baseline = rng.normal(size=(RUNS, BASELINE))
    batches = [rng.normal(shift * (t >= ONSET), scale, size=(RUNS, BATCH)) for t in range(STEPS)]
    return baseline, batches


def watched(name: str, seed: int = 0, shift: float = 1.0, **params: object) -> np.ndarray:
    """The statistic at each step, [streams, steps]."""
    detector = drift_detector(name, **params)
    baseline, batches = stream(seed, shift)
    if isinstance(detector, MaximumMeanDiscrepancy):
        pool = np.concatenate([baseline.ravel(), *(batch.ravel() for batch in batches[::10])])[::12, None]
        detector.bind(pool.astype(np.float32))
        nearest = np.argsort(pool[:, 0])

        def index(values: np.ndarray) -> np.ndarray:
            return nearest[np.clip(np.searchsorted(pool[nearest, 0], values), 0, len(pool) - 1)]

        baseline, batches = index(baseline), [index(batch) for batch in batches]
    detector.start(baseline, BATCH)
    return np.stack([detector.step(batch) for batch in batches], axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_of_one_standard_deviation_raises_the_statistic(name: str) -> None:
    found = watched(name)
    assert found.shape == (RUNS, STEPS)
    assert np.median(found[:, ONSET + 6]) > np.quantile(found[:, 20:ONSET], 0.95)


@pytest.mark.parametrize("name", NAMES)
def test_the_past_does_not_depend_on_the_future_nor_on_other_streams(name: str) -> None:
    changed, same = watched(name, shift=1.0), watched(name, shift=0.0)
    if name != "mmd":  # its pool holds the future batches
        np.testing.assert_array_equal(changed[:, :ONSET], same[:, :ONSET])
    detector = drift_detector(name)
    if detector.inputs == "scores":
        baseline, batches = stream(0)
        detector.start(baseline[7:8], BATCH)
        alone = np.concatenate([detector.step(batch[7:8]) for batch in batches])
        np.testing.assert_allclose(alone, changed[7], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_every_detector_declares_how_it_behaves(name: str) -> None:
    detector = drift_detector(name)
    assert detector.behaviour in ("persistent", "onset")
    assert detector.multiplicity
    assert detector.rearming
    assert detector.memory != isinstance(detector, BatchDetector) or name == "shewhart"


@pytest.mark.parametrize("name", [name for name in NAMES if drift_detector(name).behaviour == "persistent"])
def test_a_persistent_detector_stays_high_while_the_drift_lasts(name: str) -> None:
    found = watched(name)
    quiet = np.quantile(found[:, 20:ONSET], 0.9)
    assert (found[:, ONSET + 10 :] > quiet).mean() > 0.5


@pytest.mark.parametrize("name", ["ewma", "cusum", "page_hinkley", "adwin"])
def test_an_alarm_rearms_its_own_stream_alone(name: str) -> None:
    detector, fresh = drift_detector(name), drift_detector(name)
    assert isinstance(detector, ControlChart)
    assert isinstance(fresh, ControlChart)
    rng = np.random.default_rng(1)
    detector.begin(2)
    fresh.begin(1)
    if isinstance(detector, Adwin):
        detector.on_alarm = "restart"
    for _ in range(50):
        detector.next(rng.normal(size=2))
    detector.rearm(np.array([True, False]), 1.0)
    other = drift_detector(name)
    assert isinstance(other, ControlChart)
    values = rng.normal(size=(50, 2))
    both = np.stack([detector.next(row) for row in values])
    anew = np.concatenate([fresh.next(row[:1]) for row in values])
    np.testing.assert_allclose(both[:, 0], anew, rtol=1e-9, atol=1e-12)
    assert not np.allclose(both[:, 1], anew)


def alarms(chart: ControlChart, values: np.ndarray, limit: float) -> list[int]:
    chart.begin(1)
    found = []
    for i, value in enumerate(values):
        over = chart.next(np.array([value])) > limit
        if over[0]:
            found.append(i)
            chart.rearm(over, limit)
    return found


def rivers(detector: "drift.ADWIN | drift.PageHinkley", values: np.ndarray) -> Iterator[int]:
    for i, value in enumerate(values):
        detector.update(float(value))
        if detector.drift_detected:
            yield i


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("delta", "clock"), [(0.002, 1), (0.002, 32), (0.2, 1), (0.2, 7)])
def test_adwin_alarms_where_rivers_does(seed: int, delta: float, clock: int) -> None:
    rng = np.random.default_rng(seed)
    steps = np.arange(1200)
    values = np.clip(rng.normal(0.4, 0.1, 1200) + 0.15 * (steps > 400) - 0.3 * (steps > 800), 0, 1)
    chart = Adwin(span=None, clock=clock, on_alarm="restart")
    found = alarms(chart, values, limit_of(delta))
    assert found == list(rivers(drift.ADWIN(delta=delta, clock=clock), values))
    assert len(found) >= 2


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("mode", ["up", "down", "both"])
def test_page_hinkley_alarms_where_rivers_does(seed: int, mode: str) -> None:
    values = np.random.default_rng(seed).normal(size=2000) + np.sign(np.sin(np.arange(2000) / 200))
    theirs = drift.PageHinkley(delta=0.05, threshold=15, mode=mode, min_instances=30)
    chart = PageHinkley(delta=0.05, mode=mode, warm_up=30)  # type: ignore[arg-type]
    found = alarms(chart, values, 15)
    assert found == list(rivers(theirs, values))
    assert found


def shrinking_adwin(values: np.ndarray, delta: float) -> tuple[list[int], int]:  # noqa: C901 - one loop, as in the paper
    """ADWIN as its paper says, on plain lists: alarms and the width at the end."""
    levels: list[list[tuple[float, float]]] = [[]]
    width, total, spread, found = 0, 0.0, 0.0, []
    for t, x in enumerate(values):
        spread += width * (x - total / width) ** 2 / (width + 1) if width else 0.0
        width, total = width + 1, total + x
        levels[0].append((x, 0.0))
        i = 0
        while i < len(levels) and len(levels[i]) > 5:
            (a, va), (b, vb), *levels[i] = levels[i]
            if i + 1 == len(levels):
                levels.append([])
            levels[i + 1].append((a + b, va + vb + 2**i * (a / 2**i - b / 2**i) ** 2 / 2))
            i += 1
        alarmed = False
        while width > 10 or alarmed:
            left, left_sum, cut = 0, 0.0, False
            for i in range(len(levels) - 1, -1, -1):
                for bucket, _ in levels[i]:
                    left, left_sum = left + 2**i, left_sum + bucket
                    right = width - left
                    if min(left, right) >= 5:
                        d = np.log(2 * np.log(width) / delta)
                        m = 1 / (left - 4) + 1 / (right - 4)
                        gap = abs(left_sum / left - (total - left_sum) / right)
                        cut |= bool(gap > np.sqrt(2 * m * spread / width * d) + 2 / 3 * d * m)
            if not cut:
                break
            alarmed = True
            (a, va), *levels[-1] = levels[-1]
            n = 2 ** (len(levels) - 1)
            width, total = width - n, total - a
            spread -= va + n * width * (a / n - total / width) ** 2 / (n + width)
            if not levels[-1]:
                levels.pop()
        if alarmed:
            found.append(t)
    return found, width


def test_adwin_shrinks_its_window_as_the_paper_says_in_all_streams_at_once() -> None:
    rng = np.random.default_rng(9)
    values = np.clip(rng.normal(0.4, 0.1, (6, 500)) + 0.2 * (np.arange(500) > 250), 0, 1)
    chart, limit = Adwin(span=None), limit_of(0.02)
    chart.begin(6)
    found: list[list[int]] = [[] for _ in range(6)]
    for t in range(500):
        over = chart.next(values[:, t]) > limit
        for run in np.flatnonzero(over):
            found[run].append(t)
        if over.any():
            chart.rearm(over, limit)
    expected = [shrinking_adwin(row, 0.02) for row in values]
    assert found == [times for times, _ in expected]
    assert all(found)


SAMPLES = st.integers(0, 10_000).map(np.random.default_rng)


@settings(max_examples=40, deadline=None)
@given(SAMPLES, st.integers(10, 60), st.integers(1, 25), st.sampled_from([0, 1, 8]))
def test_ks_and_cvm_statistics_are_scipys_with_ties_too(
    rng: np.random.Generator, m: int, n: int, decimals: int
) -> None:
    baseline, batch = rng.normal(size=(3, m)).round(decimals), rng.normal(0.3, 1.5, size=(3, n)).round(decimals)
    for made, theirs in ((KolmogorovSmirnov(), ks_2samp), (CramerVonMises(), cramervonmises_2samp)):
        if n < 2 and theirs is cramervonmises_2samp:
            continue
        made.start(baseline, n)
        found = made.step(batch)
        expected = [theirs(a, b).statistic for a, b in zip(baseline, batch, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_p_values_are_scipys_exact_ones_for_small_samples() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=15), rng.normal(0.5, 1, size=9)
    assert KolmogorovSmirnov.p_value(a, b) == pytest.approx(ks_2samp(a, b, method="exact").pvalue)
    assert CramerVonMises.p_value(a, b) == pytest.approx(cramervonmises_2samp(a, b, method="exact").pvalue)


def test_psi_is_the_divergence_of_two_histograms_and_stays_finite_with_empty_bins() -> None:
    rng = np.random.default_rng(6)
    baseline, batch = rng.normal(size=(2, 100)), np.stack([rng.normal(size=20), np.full(20, 50.0)])
    detector = drift_detector("psi", bins=5, smoothing=0.5)
    detector.start(baseline, 20)
    found = detector.step(batch)
    for row in range(2):
        ranked = np.sort(baseline[row])
        edges = [-np.inf, *((ranked[i - 1] + ranked[i]) / 2 for i in (20, 40, 60, 80)), np.inf]
        p, q = ((np.histogram(x, edges)[0] + 0.5) / (len(x) + 2.5) for x in (batch[row], baseline[row]))
        assert found[row] == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert np.isfinite(found).all()


def test_mmd_is_its_definition_and_its_permutation_test_is_honest() -> None:
    rng = np.random.default_rng(8)
    pool = rng.normal(size=(40, 3)).astype(np.float32)
    detector = MaximumMeanDiscrepancy()
    detector.bind(pool)
    baseline, batch = np.array([[0, 1, 2, 3, 4, 5]]), np.array([[10, 11, 12, 13]])
    detector.start(baseline, 4)
    squared = np.square(pool[:, None].astype(float) - pool[None]).sum(axis=2)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(40, 1)])))
    x, y = kernel[np.ix_(baseline[0], baseline[0])], kernel[np.ix_(batch[0], batch[0])]
    expected = (x.sum() - 6) / 30 + (y.sum() - 4) / 12 - 2 * kernel[np.ix_(baseline[0], batch[0])].mean()
    assert detector.step(batch)[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    ps = [mmd_test(rng.normal(size=(12, 2)), rng.normal(size=(9, 2)), rng, 99)[1] for _ in range(200)]
    assert np.mean(np.array(ps) <= 0.1) == pytest.approx(0.1, abs=0.07)
    assert mmd_test(rng.normal(size=(12, 2)), rng.normal(3, 1, size=(9, 2)), rng, 99)[1] == 0.01


def test_a_chart_without_spread_in_its_baseline_alarms_on_any_other_value_and_on_no_other() -> None:
    chart = drift_detector("shewhart")
    chart.start(np.full((2, 10), 3.0), 4)
    found = chart.step(np.array([[3.0] * 4, [3.0, 3.0, 3.0, 3.1]]))
    assert found[0] == 0
    assert found[1] > 1e9


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("ewm", {}, "did you mean 'ewma'"),
        ("knn", {}, "is no detector of drift"),
        ("ewma", {"weight": 0}, "weight lies above 0"),
        ("ewma", {"limits": "wide"}, "'fixed' or 'time_varying'"),
        ("cusum", {"sides": 3}, "sides is 1 or 2"),
        ("cusum", {"allowance": 0}, "above 0"),
        ("page_hinkley", {"mode": "sideways"}, "mode is up, down, both"),
        ("page_hinkley", {"delta": -1}, "0 or more"),
        ("page_hinkley", {"forgetting": 2}, "up to 1"),
        ("adwin", {"clock": 0}, "1 or more"),
        ("adwin", {"on_alarm": "panic"}, "'shrink' or 'restart'"),
        ("psi", {"bins": 1}, "2 or more"),
        ("mmd", {"bandwidth": 0}, "above 0"),
    ],
)
def test_a_wrong_name_or_parameter_says_what_is_wrong(name: str, params: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        drift_detector(name, **params)


@pytest.mark.parametrize("name", ["shewhart", "psi", "mmd"])
def test_a_baseline_that_is_too_small_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="baseline"):
        drift_detector(name).start(np.zeros((2, 1), np.int64), 4)
