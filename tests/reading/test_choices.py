"""The letter that is stated, never another one, and none where the text leaves it open."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reading.choices import read_choice

FORMS = [
    "{}", "({})", "{}.", "**{}**", "[{}]", "{}) red", "({}) red", "{}. red", "{}: red", "{}\n\nExplanation: it is red.",
    "{}, because it is red", "The answer is {}", "The correct answer is {}. Here's why option Q is wrong.",
    "{} is correct. (See option Q)", "The correct answer is **{}**.", "I think **{}** fits.", "answer is {}",
    "The answer is `{}`.", "ANSWER: ${}$", "The correct option is $\\mathrm{{{}}}$.", "__{}__", "<b>{}</b>",
    '{{"answer": "{}"}}',
    '```json\n{{"choice": "{}", "reason": "Q is small"}}\n```',
    "Q is wrong. Hence {}.", "My choice: {}",
    "Gabarito: {}", "【答案】{}", "À mon avis, c'est {}.", "Creo que es la ({})", "我认为是{}。", "{} ✅",
    "Let's go with {}!",
    "Q: Which bar?\nA: {}", "First I thought Q. On reflection, {}.",
    "I would choose {}", "I'd go with option ({}).", "The answer is ({}) because (Q) is too small", "Answer: {}",
    "<answer>{}</answer>", "<answer> ({}) </answer>", "$\\boxed{{{}}}$", "\\boxed{{\\text{{{}}}}}", "It is option {}",
    "It can't be Q, so it must be {}.", "Not Q. The answer: {}", "Q is wrong. {} is correct.", "Let us see.\n\n{}",
    "The answer is Q. Wait, the answer is {}.", "The answer is not Q but {}.",
    "答案是{}", "正确答案是（{}）", "应选{}。",
    "选{}", "答えは{}です", "{}が正解です", "Die Antwort ist {}.", "{} ist richtig.",
    "Ich wähle {}.", "La réponse est {}.",
    "La réponse {} est correcte", "Je choisis {}.", "La respuesta correcta es la {}", "Elijo {}.",
    "A resposta certa é a letra {}", "Escolho {}.", "La risposta corretta è {}", "Scelgo {}.",
]  # fmt: skip


@given(st.sampled_from(FORMS), st.sampled_from("ABCDE"))
def test_a_letter_is_read_back_from_every_form(form: str, letter: str) -> None:
    assert read_choice(form.format(letter)).value == letter


@given(st.sampled_from(FORMS), st.sampled_from("BCD"))
def test_a_letter_beyond_the_options_is_none(form: str, letter: str) -> None:
    options = ["one", "two", "three", "four"][: ord(letter) - ord("A")]
    assert read_choice(form.format(letter), options).value is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "A and C", "A, B", "(A) or (B)", "either A or B", "The answer is A or B", "A chart shows bars", "A bar"),
        *("The answer is A red bar", "I think so", "not A", "A is wrong", "Vitamin C is good", "U.S.A. is big", "?"),
        *("A) red\nB) blue\nC) green", "The answer is B or maybe C", "B-side", "The B-side is shown", "A ❌"),
        *('{"answer": ["A", "B"]}', "So A bar is red", "B, possibly C", "(A) red (B) blue"),
        *("I'd say B, but it could be C.", "B (or maybe C)"),
    ],
)
def test_a_text_that_leaves_it_open_gives_no_letter(text: str) -> None:
    assert read_choice(text).value is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A: wrong\nB: correct\nC: wrong", "B"),
        ("A ❌\nB ✅\nC ❌", "B"),
        ("A: 10%\nB: 20%\nC: 70%\nHence C.", "C"),
        ("A) red\nB) blue\n\nB", "B"),
        ("ⓑ", "B"),
        ("❌ A\n✅ B\n❌ C", "B"),
        ("~~A~~ B", "B"),
        ("My final choice is B", "B"),
        ("Also ist B richtig.", "B"),
        ("Acho que é a alternativa b.", "B"),
    ],
)
def test_a_verdict_counts_before_the_list_of_options(text: str, letter: str) -> None:
    assert read_choice(text).value == letter


def test_letters_that_compete_are_shown_as_evidence() -> None:
    read = read_choice("(A) or (B)")
    assert read.competing
    assert [one.value for one in read.found][:2] == ["A", "B"]
    assert not read_choice("A chart shows bars").competing


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("red", "A"),
        ("Dark red.", "B"),
        ("It is the dark red one", "B"),
        ("red and blue", None),
        ("not red, blue", "C"),
        ("The answer is blue.", "C"),
        ("The answer is A red bar", "A"),
        ("the bar is **green**", "D"),
        ("purple", None),
        ("(E)", None),
        ("E", None),
        ("B. blue", None),
        ("The answer is B. blue", None),
        ("The second option", "B"),
        ("option 3 of them", "C"),
        ("Option 9", None),
        ("the last option", "D"),
        ("C. blue", "C"),
        ("ＢＬＵＥ", "C"),
    ],
)
def test_an_options_words_are_its_letter(text: str, letter: str | None) -> None:
    assert read_choice(text, ["red", "dark red", "blue", "green"]).value == letter


def test_options_may_bring_their_letters_and_numbers_are_words() -> None:
    assert read_choice("y", ["A. x", "B. y"]).value == "B"
    assert read_choice("4", ["3", "4"]).value == "B"
    assert read_choice("B", ["B", "A"]).competing


SIZE = 150_000
HOSTILE = {
    "letters": "A " * (SIZE // 2),
    "options": "option " * (SIZE // 7),
    "brackets": "(" * SIZE,
    "bracketed": "(A)" * (SIZE // 3),
    "bold": "**A " * (SIZE // 4),
    "spaces": "B" + " " * SIZE + "x",
    "joined": "A or " * (SIZE // 5),
    "I would": "I would " * (SIZE // 8),
    "listed": "A) x\n" * (SIZE // 5),
    "hence": "hence, " * (SIZE // 7),
    "questions": "Q: a\n" * (SIZE // 5),
    "keys": '{"answer":' * (SIZE // 10),
    "tags": "<b>" * (SIZE // 3),
    "places": "first option 1 " * (SIZE // 15),
    "denied": "not A is wrong " * (SIZE // 15),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_read_in_linear_time(kind: str) -> None:
    start = time.process_time()
    read_choice(HOSTILE[kind], ["red", "blue"])
    assert time.process_time() - start < 10
