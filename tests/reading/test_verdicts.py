"""What judges write: verdicts in letters, words, brackets and JSON, and texts that hold none."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.reading.verdicts import read_grade, read_passed, read_preference

FORMS = ["{}", "{}.", "[[{}]]", "Answer {}", "**{}**", "({})", "The better answer is {}.", "Final verdict: {}",
         "Answer {} is better.", '{{"winner": "{}"}}', "<think>A? B? tie!</think>{}"]  # fmt: skip
LETTERS = {"A": "first", "B": "second"}


@given(st.sampled_from([*LETTERS]), st.sampled_from(FORMS))
def test_a_letter_is_read_in_any_form(letter: str, form: str) -> None:
    assert read_preference(form.format(letter)).value == LETTERS[letter]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tie", "tie"),
        ("[[C]]", "tie"),
        ("It's a tie.", "tie"),
        ("Both are equally good", "tie"),
        ("Neither is right", "tie"),
        ("Assistant B", "second"),
        ("Answer 1", "first"),
        ("Answer B is worse than Answer A", "first"),
        ("A is wrong, so B", "second"),
        ("I prefer the first answer", "first"),
        ("Both answers are good, but Answer A is better because", "first"),
        ("```json\n{'better': 'tie'}\n```", "tie"),
        ('{"why": "A says more", "winner": "B"}', "second"),
        ("A or B", None),
        ("[[A]] [[B]]", None),
        ("Not a tie: B", None),
        ("2", None),
        ("41", None),
        ("bar", None),
        ("Answer A: 41", None),
        ("", None),
        ("I cannot decide that for you", None),
        ("<think>A is better", None),
    ],
)
def test_a_preference_is_read_as_it_is_meant_or_not_at_all(text: str, value: str | None) -> None:
    assert read_preference(text).value == value


@given(st.integers(1, 10), st.sampled_from(["{}", "Score: {}", "{}/10", "[[{}]]", "{} out of 10", '{{"score": {}}}']))
def test_a_grade_on_the_scale_is_read_in_any_form(grade: int, form: str) -> None:
    assert read_grade(form.format(grade), 1, 10).value == grade


@given(st.floats(-1e6, 1e6).filter(lambda x: not 1 <= x <= 5))
@example(-1.0)
@example(1e-05)
def test_a_grade_off_the_scale_is_none(grade: float) -> None:
    for text in (f"{grade}", f"Score: {grade}", json.dumps({"score": grade})):
        assert read_grade(text, 1, 5).value is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("On a scale from 1 to 5, I give 3", 3.0),
        ("Rating: 3 because 2 of 5 things", 3.0),
        ("4.5", 4.5),
        ("3 or 4", None),
        ("1-5", None),
        ("Score: 7/10", None),
        ('{"score": true}', None),
        ('{"score": "4"}', 4.0),
        ("good", None),
    ],
)
def test_a_grade_is_the_one_that_is_given_not_one_that_is_mentioned(text: str, value: float | None) -> None:
    assert read_grade(text, 1, 5).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("No, the answer is correct", False),
        ("CORRECT", True),
        ("Incorrect.", False),
        ("not quite correct", False),
        ("The answer is wrong", False),
        ("Verdict: PASS", True),
        ('{"correct": true}', True),
        ('{"verdict": "no", "why": "yes, but"}', False),
        ('{"verdict": 1}', True),
        ("correct in form, wrong in fact", None),
        ("1", None),
        ("", None),
        ("41", None),
    ],
)
def test_whether_an_answer_passes_is_read_or_not(text: str, value: bool | None) -> None:
    assert read_passed(text).value is value


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader(text: str) -> None:
    assert read_preference(text).value in ("first", "second", "tie", None)
    assert read_passed(text).value in (True, False, None)
    grade = read_grade(text, 0, 1).value
    assert grade is None or 0 <= grade <= 1
