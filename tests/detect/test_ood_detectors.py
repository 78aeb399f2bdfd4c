"""Detectors of samples out of distribution: what they score, what they refuse, and whom they agree with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from harness.detect import OodDetector, Views, ood_detector
from harness.errors import UsageError
from harness.registry import registry

RNG = np.random.default_rng(3)
HEAD = RNG.normal(size=(6, 4))


def is_ood(name: str) -> bool:
    target = registry("detectors").load(name)
    return isinstance(target, type) and issubclass(target, OodDetector)


NAMES = [name for name in registry("detectors").names() if is_ood(name)]


def views(features: np.ndarray, labels: np.ndarray | None = None) -> Views:
    rows = features.astype(np.float32)
    logits = (features @ HEAD + np.arange(4)).astype(np.float32)
    return Views(rows, logits, features[:, 0].astype(np.float64), labels)


@pytest.fixture(scope="module")
def known() -> Views:
    labels = np.arange(120) % 3
    return views(RNG.normal(size=(120, 6)) + 3 * np.eye(6)[labels], labels)


@pytest.fixture(scope="module")
def asked() -> np.ndarray:
    return np.concatenate([RNG.normal(size=(30, 6)), RNG.normal(size=(30, 6)) * 4 - 9])


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_scored_alike_in_any_order_and_company(name: str, known: Views, asked: np.ndarray) -> None:
    fitted = ood_detector(name).fit(known)
    together = fitted.score(views(asked))
    assert together.shape == (60,)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(fitted.score(views(asked[::-1]))[::-1], together, rtol=1e-4, atol=1e-5)
    alone = np.concatenate([fitted.score(views(asked[i : i + 1])) for i in range(0, 60, 7)])
    np.testing.assert_allclose(alone, together[::7], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_is_refused_by_name(name: str, known: Views, asked: np.ndarray) -> None:
    fitted = ood_detector(name).fit(known)
    broken = asked.copy()
    broken[5, 0] = np.nan
    with pytest.raises(ValueError, match="row 5 holds NaN"):
        fitted.score(views(broken))


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "relative_mahalanobis", "cosine", "vim"])
def test_far_away_scores_higher_than_at_home(name: str, known: Views, asked: np.ndarray) -> None:
    home = RNG.normal(size=(60, 6)) + 3 * np.eye(6)[np.arange(60) % 3]
    fitted = ood_detector(name).fit(known)
    assert np.median(fitted.score(views(asked[30:]))) > np.quantile(fitted.score(views(home)), 0.9)


@pytest.mark.parametrize("metric", ["plain", "normalised"])
def test_knn_is_scikit_learns_distance_to_the_kth_neighbour(metric: str) -> None:
    bank, rows = RNG.normal(size=(300, 20)).astype(np.float32), RNG.normal(size=(2100, 20)).astype(np.float32)
    ours = ood_detector("knn", k=7, normalise=metric == "normalised").fit(Views(bank))
    if metric == "normalised":
        bank, rows = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (bank, rows))
    theirs = NearestNeighbors(n_neighbors=7).fit(bank).kneighbors(rows)[0][:, -1]
    given_rows = Views(rows)
    np.testing.assert_allclose(ours.score(given_rows), theirs, rtol=1e-5, atol=1e-6)


def test_knn_left_out_is_the_score_without_the_sample() -> None:
    bank = RNG.normal(size=(40, 5)).astype(np.float32)
    found = ood_detector("knn", k=3).fit(Views(bank)).score_left_out()
    assert found is not None
    for i in (0, 17, 39):
        without = ood_detector("knn", k=3).fit(Views(np.delete(bank, i, axis=0)))
        assert found[i] == pytest.approx(float(without.score(Views(bank[i : i + 1]))[0]), abs=1e-6)
    assert ood_detector("cosine").fit(Views(bank)).score_left_out() is None


def test_mahalanobis_of_one_class_is_scikit_learns() -> None:
    bank, rows = RNG.normal(size=(200, 5)) @ RNG.normal(size=(5, 5)), RNG.normal(size=(50, 5))
    theirs = EmpiricalCovariance().fit(bank).mahalanobis(rows)
    ours = ood_detector("mahalanobis", shrinkage=0.0).fit(Views(bank.astype(np.float32)))
    np.testing.assert_allclose(ours.score(Views(rows.astype(np.float32))), theirs, rtol=1e-3)


def test_relative_mahalanobis_is_the_difference_of_two_mahalanobis(known: Views, asked: np.ndarray) -> None:
    classes = ood_detector("mahalanobis").fit(known).score(views(asked))
    whole = ood_detector("mahalanobis").fit(Views(known.features)).score(views(asked))
    relative = ood_detector("relative_mahalanobis").fit(known).score(views(asked))
    np.testing.assert_allclose(relative, classes - whole, rtol=1e-6, atol=1e-9)


def test_scores_of_logits_are_what_their_formulas_say(known: Views, asked: np.ndarray) -> None:
    logits = np.asarray(views(asked).logits, np.float64)
    p = softmax(logits, axis=1)
    found = {name: ood_detector(name).fit(known).score(views(asked)) for name in NAMES}
    np.testing.assert_allclose(found["msp"], 1 - p.max(axis=1), atol=1e-12)
    np.testing.assert_allclose(found["max_logit"], -logits.max(axis=1))
    np.testing.assert_allclose(found["energy"], -np.log(np.exp(logits).sum(axis=1)))
    np.testing.assert_allclose(found["entropy"], -(p * np.log(p)).sum(axis=1), atol=1e-9)


def test_a_temperature_divides_the_logits(known: Views, asked: np.ndarray) -> None:
    logits = np.asarray(views(asked).logits, np.float64)
    found = {name: ood_detector(name, temperature=2.5).fit(known).score(views(asked)) for name in ("msp", "energy")}
    np.testing.assert_allclose(found["msp"], 1 - softmax(logits / 2.5, axis=1).max(axis=1), atol=1e-12)
    np.testing.assert_allclose(found["energy"], -2.5 * np.log(np.exp(logits / 2.5).sum(axis=1)))


def test_msp_still_ranks_samples_of_which_the_model_is_sure() -> None:
    logits = np.array([[60.0, 0.0, 0.0], [80.0, 0.0, 0.0]], np.float32)
    first, second = ood_detector("msp").fit(Views(logits=logits)).score(Views(logits=logits))
    assert first > second > 0


def test_vim_finds_the_head_and_refuses_logits_of_another_one(known: Views, asked: np.ndarray) -> None:
    fitted = ood_detector("vim", dimensions=4).fit(known)
    weights, bias = HEAD, np.arange(4.0)
    origin = -np.linalg.pinv(weights.T) @ bias
    centered = np.asarray(known.features, np.float64) - origin
    _, vectors = np.linalg.eigh(centered.T @ centered)
    residual = vectors[:, :2]
    logits = np.asarray(known.logits, np.float64)
    alpha = logits.max(axis=1).mean() / np.linalg.norm(centered @ residual, axis=1).mean()
    rows = asked.astype(np.float32).astype(np.float64)
    energy = np.log(np.exp(np.asarray(views(asked).logits, np.float64)).sum(axis=1))
    expected = alpha * np.linalg.norm((rows - origin) @ residual, axis=1) - energy
    np.testing.assert_allclose(fitted.score(views(asked)), expected, rtol=1e-3, atol=1e-3)
    stranger = RNG.normal(size=(120, 4)).astype(np.float32)
    with pytest.raises(ValueError, match="head is not exposed"):
        ood_detector("vim").fit(Views(known.features, stranger))


def test_a_column_can_be_turned_round(known: Views) -> None:
    scores = Views(column=np.array([1.0, 2.0]))
    assert ood_detector("column").fit(scores).score(scores).tolist() == [1.0, 2.0]
    assert ood_detector("column", higher_is_ood=False).fit(scores).score(scores).tolist() == [-1.0, -2.0]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("knn", Views(np.zeros((5, 2), np.float32)), "k = 10 needs more than 10 samples"),
        ("mahalanobis", Views(np.ones((5, 2), np.float32)), "all samples of the fit are the same"),
        ("mahalanobis", Views(np.ones((1, 2), np.float32)), "needs 2 samples or more"),
        ("energy", Views(np.ones((5, 2), np.float32)), "logits: this detector needs them"),
        ("relative_mahalanobis", Views(np.eye(5, dtype=np.float32)), "needs the classes"),
        (
            "relative_mahalanobis",
            Views(np.eye(5, dtype=np.float32), labels=np.zeros(5, np.int64)),
            "all of a single class",
        ),
    ],
)
def test_a_fit_that_cannot_work_is_refused_by_name(name: str, data: Views, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ood_detector(name).fit(data)


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("knnn", {}, "did you mean 'knn'"),
        ("ewma", {}, "is no detector of samples out of distribution"),
        ("knn", {"kk": 3}, "has no parameter 'kk'; did you mean 'k'"),
        ("knn", {"k": 0}, "k is an integer of 1 or more"),
        ("mahalanobis", {"shrinkage": 2}, "from 0 to 1"),
        ("energy", {"temperature": 0}, "above 0"),
        ("vim", {"dimensions": 0}, "of 1 or more"),
        ("column", {"tag": ""}, "the name of a tag"),
    ],
)
def test_a_wrong_name_or_parameter_says_what_is_wrong(name: str, params: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ood_detector(name, **params)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.floats(0.1, 50), st.integers(0, 1000))
def test_cosine_and_normalised_knn_look_at_directions_alone(k: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank, rows = rng.normal(size=(20, 4)).astype(np.float32), rng.normal(size=(7, 4)).astype(np.float32)
    for detector in (ood_detector("knn", k=k), ood_detector("cosine")):
        fitted = detector.fit(Views(bank))
        np.testing.assert_allclose(
            fitted.score(Views(rows)), fitted.score(Views(np.float32(scale) * rows)), rtol=1e-3, atol=1e-4
        )
