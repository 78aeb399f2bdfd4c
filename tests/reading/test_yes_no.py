"""Yes and no in eight languages, and neither where the answer does not say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reading.yes_no import read_yes_no

YES = [
    "yes",
    "Yes",
    "yeah",
    "ja",
    "Ja",
    "oui",
    "Oui",
    "sí",
    "Sí",
    "sim",
    "Sim",
    "sì",
    "Sì",
    "是",
    "是的",
    "有",
    "はい",
    "ええ",
]
NO = ["no", "No", "nope", "nein", "Nein", "non", "Non", "não", "Não", "不是", "没有", "沒有", "否", "いいえ"]
FORMS = ["{}", "{}.", "{}, look.", "**{}**", '"{}"', "The answer is: {}", "<answer>{}</answer>", "答案是{}", "\ufeff{}"]
said = st.one_of(st.sampled_from([(w, "yes") for w in YES]), st.sampled_from([(w, "no") for w in NO]))


@given(said, st.sampled_from(FORMS))
def test_a_word_of_any_language_is_read_back(word: tuple[str, str], form: str) -> None:
    assert read_yes_no(form.format(word[0])).value == word[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes, there is no doubt", "yes"),
        ("There is no dog", "no"),
        ("I see no dog but the answer is: Yes", "yes"),
        ("y", "yes"),
        ("N.", "no"),
        ("有一只狗", "yes"),
        ("はい、います", "yes"),
        ("No hay ningún perro", "no"),
        ("", None),
        ("I am not sure", None),
        ("know", None),
        ("No idea", None),
        ("No problem! A dog.", None),
        ("no. 7 is it", None),
        ("No. 3", None),
        ("No problem.", "no"),
        ("No doubt: yes", "yes"),
        ("Yes\n\nNo", None),
        ("Nein. Ja.", None),
        ("No, no.", "no"),
        ("是或否", None),
        ("いいえかはい", None),
        ("Não sei", None),
        ("Non lo so", None),
        ("不确定", None),
        ("sim card", None),
        ("True", None),
        ("yes or no", None),
        ("Yes/No", None),
        ("it says yes and no", None),
    ],
)
def test_what_an_answer_says(text: str, value: str | None) -> None:
    assert read_yes_no(text).value == value


def test_both_at_once_compete_and_true_counts_where_the_options_say_so() -> None:
    assert [one.value for one in read_yes_no("yes or no").found] == ["yes", "no"]
    assert read_yes_no("The answer is False.", ["True", "False"]).value == "no"
    assert read_yes_no("True", ["red", "blue"]).value is None


@pytest.mark.parametrize("text", ["yes " * 40_000, " " * 150_000, "不" * 150_000, "yes or " * 20_000])
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    start = time.process_time()
    read_yes_no(text)
    assert time.process_time() - start < 10
