"""Numeric accuracy, grounding and faithfulness: what counts as a number, what as evidence, and what is undefined."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from harness.errors import UsageError
from harness.metrics import Status, sample_metric
from harness.metrics._near import within
from harness.metrics.numeric import count_matches
from harness.reading.numbers import find_numbers, number_alone
from harness.testing import strategies

EVIDENCE = "C red 41; A blue 83"
JUDGED_BY_QUESTION = (
    "cer", "faithfulness", "grounding_score", "mape", "numeric_accuracy", "numeric_precision", "relaxed_accuracy",
    "rms_f1", "rms_precision", "rms_recall", "rnss", "wer",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2020-2021", [2020, 2021]),
        ("2020–2021", [2020, 2021]),
        ("from -5 to +3", [-5, 3]),
        ("(-5) and −6", [-5, -6]),
        ("x=-2", [-2]),
        ("-$5.50, $-6", [Fraction("-5.5"), -6]),
        ("1,234,567.8", [Fraction("1234567.8")]),
        ("1,2,3", [1, 2, 3]),
        ("v1.2.3 of Q1 in 1_000", []),
        ("5kg, 62%, .5", [5, 62, Fraction("0.5")]),
        ("2024-01-05", [2024, 1, 5]),
        ("nan inf 1e400 1２", []),
        ("１２ and 3.5 million", [12, 3_500_000]),
        ("9" * 500, []),
        ("1e3 and 2E-2", [1000, Fraction("0.02")]),
        ("It is 14.", [14]),
    ],
)
def test_numbers_are_found_as_a_reader_would(text: str, numbers: list[object]) -> None:
    assert [found.value.value for found in find_numbers(text)] == numbers


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_is_read_exactly_alone_and_in_a_sentence(number: object) -> None:
    alone = number_alone(str(number)).value
    assert alone is not None
    assert alone.value == Fraction(str(number))
    assert [found.value.value for found in find_numbers(f"It was {number} then")] == [alone.value]


@given(
    st.lists(st.integers(-60, 60).map(Fraction), max_size=7),
    st.lists(st.integers(-60, 60).map(Fraction), max_size=7),
    st.sampled_from([Fraction(0), Fraction("0.02"), Fraction("0.1"), Fraction("0.5")]),
)
def test_matching_is_as_large_as_an_assignment_solver_finds(
    given_: list[Fraction], wanted: list[Fraction], tolerance: Fraction
) -> None:
    edges = np.array([[within(v, t, tolerance) for t in wanted] for v in given_], float).reshape(
        len(given_), len(wanted)
    )
    rows, columns = linear_sum_assignment(edges, maximize=True)
    assert count_matches(given_, wanted, tolerance) == edges[rows, columns].sum()


def test_one_number_cannot_match_two() -> None:
    score = sample_metric("numeric_accuracy").score("41", ["41 and 41"])
    assert score.value == 0.5


def test_a_greedy_choice_cannot_cost_a_match() -> None:
    assert sample_metric("numeric_accuracy").score("102 100", ["101, 104"]).value == 1.0


def test_extra_numbers_cost_precision_and_not_accuracy() -> None:
    score = sample_metric("numeric_accuracy").score("41, 42 or 99", ["41"])
    assert score.value == 1.0
    assert score.detail["precision"] == pytest.approx(1 / 3)
    assert sample_metric("numeric_precision").score("41, 42 or 99", ["41"]).value == pytest.approx(1 / 3)


def test_two_percent_is_inside_and_zero_is_exact() -> None:
    metric = sample_metric("numeric_accuracy")
    assert [metric.score(a, ["50"]).value for a in ("51", "49", "51.001")] == [1.0, 1.0, 0.0]
    assert [metric.score(a, ["0"]).value for a in ("0.0", "0.0001")] == [1.0, 0.0]


@pytest.mark.parametrize("name", ["numeric_accuracy", "numeric_precision"])
def test_a_question_without_numbers_is_undefined_even_where_the_answer_is_empty(name: str) -> None:
    for prediction in ("red 5", "", "yes"):
        score = sample_metric(name).score(prediction, ["red", "crimson"])
        assert score.status is Status.UNDEFINED
        assert math.isnan(score.value)


def test_an_answer_without_numbers_finds_none_and_has_no_precision() -> None:
    assert sample_metric("numeric_accuracy").score("unknown", ["41"]).value == 0.0
    assert sample_metric("numeric_precision").score("unknown", ["41"]).status is Status.UNPARSED
    assert sample_metric("numeric_accuracy").score(" ", ["41"]).status is Status.UNPARSED


def test_grounding_counts_different_words_and_numbers_once() -> None:
    score = sample_metric("grounding_score").score("The red red bar is 41.0", ["41"], evidence=EVIDENCE)
    assert score.value == pytest.approx(2 / 3)
    assert score.detail["ungrounded"] == ["bar"]


def test_a_single_letter_is_a_label_and_not_an_article() -> None:
    metric = sample_metric("grounding_score")
    assert metric.score("A", ["A"], evidence=EVIDENCE).value == 1.0
    assert metric.score("D", ["A"], evidence=EVIDENCE).value == 0.0


def test_a_label_with_a_digit_is_one_word() -> None:
    metric = sample_metric("grounding_score")
    assert metric.score("Q1", ["Q1"], evidence="Q3: 41").value == 0.0
    assert metric.score("Q3", ["Q3"], evidence="q3: 41").value == 1.0
    assert metric.score("41kg", ["41"], evidence="41 kg").value == 1.0


def test_grounding_finds_no_number_inside_another() -> None:
    assert sample_metric("grounding_score").score("12", ["12"], evidence="312 and 1.2").value == 0.0


@pytest.mark.parametrize("evidence", [None, " "])
def test_grounding_without_evidence_is_undefined(evidence: str | None) -> None:
    assert sample_metric("grounding_score").score("41", ["41"], evidence=evidence).status is Status.UNDEFINED


@pytest.mark.parametrize("prediction", ["yes", "No.", "?", " "])
def test_to_say_nothing_is_no_way_to_be_grounded(prediction: str) -> None:
    metric = sample_metric("grounding_score")
    assert metric.score(prediction, ["41"], evidence=EVIDENCE).status is Status.UNPARSED
    assert metric.score(prediction, ["yes"], evidence=EVIDENCE).status is Status.UNDEFINED


@given(strategies.answers(), strategies.answers(), strategies.answers(), st.sampled_from([None, EVIDENCE]))
@pytest.mark.parametrize("name", JUDGED_BY_QUESTION)
def test_no_answer_can_make_a_question_undefined(
    name: str, reference: str, first: str, second: str, evidence: str | None
) -> None:
    metric = sample_metric(name)
    statuses = {metric.score(answer, [reference], evidence=evidence).status for answer in (first, second, "?", "")}
    assert Status.UNDEFINED not in statuses or statuses == {Status.UNDEFINED}


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("41", "41", 1.0),
        ("41%", "41", 1.0),
        ("83", "41", 0.4),
        ("41.5", "41", 0.6),
        ("99", "41", 0.0),
        ("red", "red", 1.0),
        ("green", "red", 0.0),
        ("yes", "41", 0.0),
        ("Purple is 41", "41", 0.6 + 0.4 / 2),
    ],
)
def test_faithfulness_weighs_the_parts_that_apply(prediction: str, reference: str, expected: float) -> None:
    score = sample_metric("faithfulness").score(prediction, [reference], evidence=EVIDENCE)
    assert score.status is Status.OK
    assert score.value == pytest.approx(expected)


def test_faithfulness_is_undefined_only_where_both_parts_are() -> None:
    metric = sample_metric("faithfulness")
    assert metric.score("yes", ["yes"], evidence=EVIDENCE).status is Status.UNDEFINED
    assert metric.score("", ["yes"]).status is Status.UNDEFINED
    assert metric.score("", ["red"], evidence=EVIDENCE).status is Status.UNPARSED
    assert metric.score("?", ["red"], evidence=EVIDENCE).status is Status.UNPARSED
    assert metric.score("41", ["41"]).value == 1.0


def test_a_weight_of_zero_removes_its_part() -> None:
    metric = sample_metric("faithfulness", weights=[1, 0])
    assert metric.score("83", ["41"], evidence=EVIDENCE).value == 0.0
    assert metric.score("red", ["red"], evidence=EVIDENCE).status is Status.UNDEFINED


@pytest.mark.parametrize("weights", [(1,), (0, 0), (-1, 2), (float("nan"), 1), (1, float("inf"))])
def test_impossible_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="weights"):
        sample_metric("faithfulness", weights=weights)


def test_evidence_must_be_text() -> None:
    with pytest.raises(ValueError, match="evidence must be a string"):
        sample_metric("grounding_score").score("41", ["41"], evidence=b"41")
