"""Transcripts by line: order apart from letters, lines that nobody read, words that nobody wrote."""

import math

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import get, sample_metric
from harness.metrics.lines import read

PAGE = "Call me Ishmael.\nSome years ago\nnever mind how long\nto see the sea"
LINES = st.lists(st.sampled_from(["alpha beta", "gamma delta", "epsilon", "zeta eta theta", "iota"]), unique=True)


def value(name: str, answer: str, reference: str = PAGE) -> float:
    return get(name).compute([answer], [[reference]]).value


@given(LINES.filter(lambda lines: len(lines) > 1).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_lines_costs_order_and_nothing_else(drawn: tuple[list[str], list[str]]) -> None:
    page, said = ("\n".join(lines) for lines in drawn)
    assert [value(name, said, page) for name in ("line_cer", "line_wer", "words_missed", "words_invented")] == [0.0] * 4
    ranks = [drawn[1].index(line) for line in drawn[0]]
    pairs = [(a, b) for i, a in enumerate(ranks) for b in ranks[i + 1 :]]
    assert value("reading_order", said, page) == pytest.approx(sum(a < b for a, b in pairs) / len(pairs))


@given(LINES.filter(bool), st.text("abz ", max_size=40))
def test_of_one_line_the_rates_are_those_of_the_reference_package_as_far_as_a_line_can_cost(lines, said) -> None:
    page = " ".join(lines)
    got = value("line_cer", said, page)
    assert got == (pytest.approx(jiwer.cer(page, " ".join(said.split()))) if read(said, page).found else 1.0)


def test_equal_lines_are_taken_in_order_and_each_once() -> None:
    assert dict(read("Total 3\nTea 1\nTea 1", "Tea 1\nTea 1\nTotal 3").found) == {0: 1, 1: 2, 2: 0}
    assert sample_metric("lines_right").score("Tea 1", ["Tea 1\nTea 1"]).value == 0.5
    assert value("words_missed", "Tea 1", "Tea 1\nTea 1") == 0.5


def test_saying_nothing_misses_everything_and_invents_nothing() -> None:
    names = ("line_cer", "line_wer", "words_missed", "words_invented")
    assert [value(name, "") for name in names] == [1.0, 1.0, 1.0, 0.0]
    assert sample_metric("lines_right").score("", [PAGE]).value == 0.0
    assert math.isnan(value("reading_order", ""))


def test_a_page_of_noise_cannot_cost_more_than_the_page() -> None:
    assert value("line_cer", "x" * 5000 + "\n" + "y z " * 500) == 1.0
    assert value("words_invented", "y z " * 500) == 1.0


def test_what_is_in_one_line_has_no_lines() -> None:
    said = PAGE.replace("\n", " ")
    assert (value("line_cer", said), value("words_missed", said), value("corpus_cer", said)) == (1.0, 0.0, 0.0)
