"""Many answers at once: the same scores as one by one, to the bit, and the same refusals."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import AnswerMetric, SampleMetric, Score, ScoreColumns, Status, sample_metric
from harness.metrics._near import exact_tolerance, near, near_columns
from harness.metrics.exact_match import ExactMatch
from harness.metrics.relaxed import RelaxedAccuracy
from harness.reading.numbers import Number, number_alone
from harness.seeds import generator
from harness.testing import strategies
from harness.testing.metrics import Case, cases, check_metric

FAST = [
    ("relaxed_accuracy", "default", {"years": "exact"}),
    ("relaxed_accuracy", "default", {"tolerance": 0.0}),
    ("relaxed_accuracy", "pix2struct", {}),
    ("relaxed_accuracy", "vlmevalkit", {}),
    *(("anls", variant, {}) for variant in ("default", "pix2struct", "vlmevalkit")),
    *((kind, variant, {}) for kind in ("wer", "cer") for variant in ("default", "jiwer", "torchmetrics")),
    *(("vqa_accuracy", variant, {}) for variant in ("default", "official", "lmms-eval", "vlmevalkit")),
    *(("exact_match", variant, {}) for variant in ("default", "strict", "squad")),
]


def charted() -> st.SearchStrategy[Case]:
    """Numbers near each other, years, percentages and words, with a tag for years."""
    number = st.integers(1900, 2100).map(str)
    close = st.builds(
        lambda whole, tail: f"{whole}{tail}", st.integers(95, 105), st.sampled_from(["", ".0", "%", ".5%"])
    )
    text = st.one_of(number, close, close, strategies.numbers_as_written(), strategies.phrases(), st.just("1.05"))
    tags = st.sampled_from([{}, {"year": "yes"}, {"year": "NO"}, None])
    return st.builds(Case, text, st.lists(text, min_size=1, max_size=3).map(tuple), st.builds(dict, tags=tags))


@pytest.mark.parametrize(("name", "variant", "params"), FAST)
def test_a_fast_batch_equals_scoring_one_by_one(name: str, variant: str, params: dict[str, Any]) -> None:
    metric = sample_metric(name, variant, **params)
    assert type(metric).judge_batch is not AnswerMetric.judge_batch
    check_metric(metric, laws=["batch"], cases=st.one_of(charted(), cases()), examples=60)


@given(strategies.numbers_as_written(), strategies.numbers_as_written(), st.sampled_from([0.0, 0.02, 0.05, 1.0]))
@settings(deadline=None)
def test_doubles_decide_only_what_exact_arithmetic_would(value: str, target: str, tolerance: float) -> None:
    first, second = number_alone(value).value, number_alone(target).value
    assert first is not None
    assert second is not None
    sure, open_ = near_columns(np.array([first.approx]), np.array([second.approx]), np.array([tolerance]))
    if not open_[0]:
        assert sure[0] == near(first, second, exact_tolerance(tolerance))


def test_doubles_leave_the_edge_to_exact_arithmetic() -> None:
    values, targets = np.array([1.05, 1.051, math.nan, 1e308]), np.array([1.0, 1.0, 1.0, -1e308])
    sure, open_ = near_columns(values, targets, np.full(4, 0.05))
    assert sure.tolist() == [False, False, False, False]
    assert open_.tolist() == [True, False, False, True]
    assert near(Number("1.05"), Number("1"), exact_tolerance(0.05))


def test_a_large_batch_with_every_kind_of_row_equals_scoring_one_by_one() -> None:
    rng = generator("batch")
    pool = ["12", "12.6", "12%", "0.12", "red", "Red ", "", " ", None, "1,200", "1260", "nan", "2008", "2010"]
    answers = [pool[i] for i in rng.integers(0, len(pool), 3000)]
    words = [text for text in pool if text is not None]
    references = [[words[i] for i in rng.integers(0, len(words), 4)] for _ in answers]
    tags = [{"year": "yes"} if i else {} for i in rng.integers(0, 2, len(answers)).tolist()]
    for name in ("relaxed_accuracy", "anls", "wer", "cer", "vqa_accuracy", "exact_match", "rms_f1"):
        metric = sample_metric(name)
        single = [metric.score(*row[:2], tags=row[2]) for row in zip(answers, references, tags, strict=True)]
        columns = metric.score_batch(answers, references, tags=tags)
        assert repr(columns.values.tolist()) == repr([score.value for score in single])
        assert columns.decoded() == [score.status for score in single]
        clusters = [str(row % 7) if row % 5 else "" for row in range(len(answers))]
        assert repr(metric.aggregate_columns(columns, clusters)) == repr(metric.aggregate(single, clusters))


def test_no_rows_give_no_scores() -> None:
    for name in ("relaxed_accuracy", "anls", "wer", "vqa_accuracy", "exact_match", "iou"):
        metric = sample_metric(name)
        value = metric.aggregate_columns(metric.score_batch([], []))
        assert (value.n, value.total, math.isnan(value.value)) == (0, 0, True)


def test_a_column_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match="predictions has 2, references has 1"):
        sample_metric("anls").score_batch(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="tags has 1"):
        sample_metric("anls").score_batch(["a", "b"], [["a"], ["b"]], tags=[{}])


@pytest.mark.parametrize(
    ("predictions", "references", "argument"),
    [(["a", b"b"], [["a"], ["b"]], "prediction"), (["a"], [[]], "references"), (["a"], ["a"], "references")],
)
def test_a_row_that_score_refuses_is_refused_in_a_batch(predictions: Any, references: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=argument):
        sample_metric("relaxed_accuracy").score_batch(predictions, references)


def test_a_metric_may_ask_for_a_column_of_its_own() -> None:
    metric = sample_metric("iou", coordinates="unit")
    columns = metric.score_batch(["[0, 0, 1, 1]"] * 2, [["0, 0, 10, 10"]] * 2, size=[(10, 10), (20, 10)])
    assert columns.values.tolist() == [1.0, 0.5]


def test_a_judge_of_ones_own_is_never_passed_over_for_an_inherited_batch() -> None:
    class Generous(RelaxedAccuracy):
        name = "generous"

        def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
            return Score(1.0)

    assert Generous().score_batch(["1"], [["2"]]).values.tolist() == [1.0]


def test_the_batch_law_catches_a_batch_that_differs() -> None:
    class Careless(ExactMatch):
        name = "careless"

        def judge_batch(self, rows: Any) -> ScoreColumns:
            return ScoreColumns.ok(np.ones(len(rows)))

    with pytest.raises(AssertionError, match="breaks the law 'batch'"):
        check_metric(Careless(), laws=["batch"])


def test_the_batch_law_catches_a_batch_that_takes_what_score_refuses() -> None:
    class Deaf(ExactMatch):
        name = "deaf"

        def score(self, prediction: str | None, references: Any, **context: Any) -> Score:
            if prediction is None:
                raise ValueError("prediction must not be None")
            return super().score(prediction, references, **context)

        def score_batch(self, predictions: Any, references: Any, **context: Any) -> ScoreColumns:
            return ExactMatch().score_batch(predictions, references, **context)

    with pytest.raises(AssertionError, match="takes a row that score refuses"):
        check_metric(Deaf(), laws=["batch"])


def test_columns_count_and_weigh_every_status() -> None:
    scores = [Score(1.0), Score(math.nan, Status.UNPARSED), Score(math.nan, Status.UNDEFINED), Score(0.5)]
    columns = ScoreColumns.of(scores)
    assert columns.counts() == {"ok": 2, "unparsed": 1, "undefined": 1}
    value = sample_metric("anls").aggregate_columns(columns)
    assert (value.value, value.n, value.total) == (0.5, 3, 3)


def test_clusters_of_another_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 rows, 1 clusters"):
        sample_metric("anls").aggregate([Score(1.0), Score(0.0)], clusters=["a"])


def test_clusters_differ_by_every_character() -> None:
    metric: SampleMetric = sample_metric("anls")
    scores = [Score(float(i % 3 == 0)) for i in range(12)]
    apart = metric.aggregate(scores, ["a", "a\0"] * 6)
    assert repr(apart) == repr(metric.aggregate(scores, ["a", "b"] * 6))


@pytest.mark.parametrize("name", ["rms_f1", "rms_precision", "rms_recall"])
def test_references_of_equal_f1_count_in_any_order(name: str) -> None:
    # Half of both tables is right; or all of the answer, which is a third of the reference.
    answer = "y | A\n1 | 5\n2 | 6"
    small, large = "y | A\n1 | 5\n3333333 | 900", "y | A\n" + "\n".join(f"{i} | {i + 4}" for i in range(1, 7))
    metric = sample_metric(name)
    values = {metric.score(answer, order).value for order in itertools.permutations([small, large])}
    assert len(values) == 1
