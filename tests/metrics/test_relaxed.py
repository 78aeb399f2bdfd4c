"""Relaxed accuracy: the edges that published tools get wrong, and their own answers where they are asked for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import Status, sample_metric
from harness.metrics.relaxed import RelaxedAccuracy


def value(
    prediction: str, *references: str, variant: str = "default", year: str | None = None, **params: object
) -> float:
    tags = {} if year is None else {"year": year}
    return sample_metric("relaxed_accuracy", variant, **params).score(prediction, references, tags=tags).value


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("1.05", "1"),
        ("0.95", "1"),
        ("-1.05", "-1"),
        ("0.105", "0.1"),
        ("1,000", "1000"),
        ("$62", "62"),
        ("-$5", "$-5"),
        ("62%", "62"),
        ("62", "62%"),
        ("62%", "0.62"),
        ("0.62", "62%"),
        ("62 %", "62%"),
        ("14.", "14"),
        ('"14"', "14"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("0.0", "0"),
        ("-0", "0"),
        ("−5", "-5"),
        ("Yes.", "yes"),
        ("  Light   Blue", "light blue"),
        ("STRASSE", "straße"),
        ("Cafe\u0301", "café"),
        ("2010", "2008"),
        ("１０００", "1000"),
        ("١٤", "14"),
        ("14 kg", "14"),
        ("14 KG", "14 kg"),
        ("5€", "5"),
        ("US$5", "5"),
        ("1 000", "1000"),
        ("1.240,50", "1240.50"),
        ("1.234", "1.234,5"),
        ("(1,234)", "-1234"),
        ("–5", "-5"),
        ("3.5M", "3500000"),
        ("3,5 Mio.", "3.5 million"),
        ("12 percent", "12%"),
        ("about 1000", "1000"),
        ("5m", "5M"),
    ],
)
def test_an_answer_that_a_reader_would_accept_is_right(prediction: str, reference: str) -> None:
    assert value(prediction, reference) == 1.0


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("1.0500001", "1"),
        ("1.051", "1"),
        ("0.001", "0"),
        ("0", "0.001"),
        ("5", "-5"),
        ("nan", "1"),
        ("inf", "1"),
        ("1_000", "1000"),
        ("1０００", "1000"),
        ("12,34", "1234"),
        ("1,0000", "10000"),
        ("1e400", "1e308"),
        ("312", "12"),
        ("The answer is 14", "14"),
        ("14 kg", "14 g"),
        ("--5", "5"),
        ("-$-5", "5"),
        ("6.2%", "0.62"),
        ("Blue", "red"),
    ],
)
def test_an_answer_that_only_looks_right_is_wrong(prediction: str, reference: str) -> None:
    assert value(prediction, reference) == 0.0


def test_text_that_reads_like_a_number_to_python_still_equals_itself() -> None:
    assert value("NaN", "nan") == value("1_000", "1_000") == value("inf", "Inf") == 1.0


@given(st.integers(-(10**6), 10**6).filter(bool), st.integers(0, 4))
def test_the_edge_of_five_percent_is_inside_for_every_target(whole: int, places: int) -> None:
    from decimal import Decimal

    target = Decimal(whole).scaleb(-places)
    assert value(str(target * Decimal("1.05")), str(target)) == 1.0
    assert value(str(target * Decimal("1.0500001")), str(target)) == 0.0


def test_years_are_exact_where_the_sample_says_so() -> None:
    assert value("2010", "2008", year="YES") == 0.0
    assert value("2008.0", "2008", year="yes") == 1.0
    assert value("2010", "2008", year="no") == 1.0
    assert value("2010", "2008", year="yes", years="tolerant") == 1.0


def test_years_are_exact_everywhere_where_the_suite_says_so() -> None:
    assert value("2010", "2008", years="exact") == 0.0
    assert value("2010", "2,008", years="exact") == 1.0
    assert value("1400", "1390", years="exact") == 1.0
    assert value("2010.", '"2010"', years="exact") == 1.0


@pytest.mark.parametrize("variant", ["default", "pix2struct", "lmms-eval", "vlmevalkit", "chartqapro"])
def test_an_empty_answer_is_unparsed_in_every_variant(variant: str) -> None:
    score = sample_metric("relaxed_accuracy", variant).score(" \n", ["14"])
    assert score.status is Status.UNPARSED
    assert math.isnan(score.value)


def test_the_best_reference_counts() -> None:
    assert value("14", "red", "14") == 1.0


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("1.05", "1", 0.0),  # 0.050000000000000044 > 0.05 in doubles
        ("62%", "62", 0.0),
        ("62%", "0.62", 1.0),
        ("1,000", "1000", 0.0),
        ("1_000", "1000", 1.0),
        ("１０００", "1000", 1.0),
        ("0.0", "0", 0.0),
        ("nan", "1", 0.0),
        ("inf", "1", 0.0),
        ("Yes.", "Yes", 0.0),
        ("YES", "yes", 1.0),
        (" yes", "yes", 0.0),
        ("2010", "2008", 1.0),
    ],
)
@pytest.mark.parametrize("variant", ["pix2struct", "lmms-eval"])
def test_pix2struct_answers_as_published(prediction: str, reference: str, expected: float, variant: str) -> None:
    assert value(prediction, reference, variant=variant) == expected


def test_vlmevalkit_trims_the_answer_but_not_the_reference() -> None:
    assert value(" yes ", "yes", variant="vlmevalkit") == 1.0
    assert value("yes", " yes ", variant="vlmevalkit") == 0.0


@pytest.mark.parametrize(
    ("prediction", "reference", "year", "expected"),
    [
        ("0.0", "0", None, 1.0),
        ("62%", "62", None, 1.0),
        ("[1, 2]", "[1, 2, 3]", None, 2 / 3),
        ("['red', 'blue']", "[red, blue]", None, 1.0),
        ("[2010, 5]", "[2010, 5]", "YES,NO", 1.0),
        ("[2011, 5.2]", "[2010, 5]", "YES,NO", 0.5),
        ("kitten", "sitting", None, 4 / 7),
        ("abcd", "abxy", None, 0.0),
        ("abc", "xyz", None, 0.0),
        ("2010", "2008", "YES", 0.0),
        ("red.", "red", None, 1.0),
    ],
)
def test_chartqapro_answers_as_published(prediction: str, reference: str, year: str | None, expected: float) -> None:
    assert value(prediction, reference, variant="chartqapro", year=year) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["[" * 5000, "[9" + "9" * 10_000 + "]", "[\ud800]", "['\\d']", "x" * 100_000, "[1is]"])
def test_hostile_text_is_scored_and_never_raises(text: str) -> None:
    for variant in RelaxedAccuracy.variants:
        assert 0.0 <= value(text, "14", variant=variant) <= 1.0


def test_a_share_within_zero_and_one_gets_a_wilson_interval_only_where_scores_are_binary() -> None:
    assert sample_metric("relaxed_accuracy").binary
    assert not sample_metric("relaxed_accuracy", "chartqapro").binary


def test_impossible_parameters_are_named() -> None:
    with pytest.raises(UsageError, match="tolerance must be"):
        sample_metric("relaxed_accuracy", tolerance=float("nan"))
    with pytest.raises(UsageError, match="did you mean 'exact'"):
        sample_metric("relaxed_accuracy", years="exct")
    with pytest.raises(UsageError, match="did you mean 'pix2struct'"):
        sample_metric("relaxed_accuracy", "pix2strct")
    with pytest.raises(UsageError, match="unknown parameter 'tolerence'; did you mean 'tolerance'"):
        sample_metric("relaxed_accuracy", tolerence=0.1)
    with pytest.raises(UsageError, match="unknown parameter 'z'; known: failures"):
        sample_metric("exact_match", z=1)
