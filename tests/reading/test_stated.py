"""What an answer states, in the languages that models answer in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reading.stated import final_answer, read_stated

MARKERS = [
    "The answer is", "The answer is:", "The final answer is:", "So the answer is:\n", "answer =", "Answer:",
    "**Answer:**", "**Answer**:", "### Final Answer\n\n", "The correct answer is", "The answer to the question is",
    "Therefore, the answer is therefore", "Die Antwort ist", "Die richtige Antwort lautet:", "Endgültige Antwort:",
    "La réponse est", "La réponse est :", "Réponse finale :", "La respuesta es", "Respuesta final:", "A resposta é",
    "Resposta:", "La risposta è", "Risposta finale:", "答案是", "正确答案是", "最终答案：", "答案：",
    "答えは", "正解：", "最終的な答えは",
]  # fmt: skip
DRESSES = [
    "{}",
    "{}.",
    "**{}**",
    "**{}**.",
    '"{}"',
    "$\\boxed{{{}}}$",
    "<answer>{}</answer>",
    "{}\n\nExplanation: red.",
]
values = st.one_of(st.integers(0, 10**6).map(str), st.sampled_from(["B", "red", "two dogs", "3.5", "J. K. Rowling"]))


@given(st.sampled_from(MARKERS), st.sampled_from(DRESSES), values, st.sampled_from(["", "41 is too low. "]))
def test_what_is_written_after_a_marker_is_read_back(marker: str, dress: str, value: str, before: str) -> None:
    start = "\n" if marker.startswith("#") else ""
    assert final_answer(f"{before}{start}{marker} {dress.format(value)}") == value


@given(st.text())
def test_an_answer_never_begins_with_a_mark_or_keeps_an_outer_emphasis(text: str) -> None:
    for written in (text, f"The answer is: {text}", f"**{text}**"):
        read = final_answer(written)
        assert read is None or "```" in read or not read.startswith((":", "=", "**"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("first answer: 1, then Answer: 2", "2"),
        ("Final answer: 6. That answer: easy.", "6"),
        ("Final answer: 6. Wait, the answer is 7.", "7"),
        ("The answer is 5. No, wait. The answer is 6.", "6"),
        ("\\boxed{5} The answer is 6", "5"),
        ("\\boxed{\\text{B}}", "B"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("<answer>41</answer> <answer>42</answer>", "42"),
        ("<answer>The answer is 42.</answer>", "42"),
        ("<answer>42", "42"),
        ("<CONCLUSION> 42 </CONCLUSION>", "42"),
        ("It is <|begin_of_box|>42<|end_of_box|>.", "42"),
        ("6 + 1\n#### 7", "7"),
        ("#### Why\nIt is red", "#### Why\nIt is red"),
        ("The answer is U.S.A.", "U.S.A."),
        ("The answer is St. Louis. It is a city.", "St. Louis"),
        ("The answer is 42 because I added.", "42"),
        ("La respuesta es no.", "no"),
        ("The answer is $5", "$5"),
        ('Answer: {"a": 1,\n"b": 2}', '{"a": 1,\n"b": 2}'),
        ("Answer: y | A\n1 | 2", "y | A\n1 | 2"),
        ("unanswered", "unanswered"),
        ("[ANSWER]red[/ANSWER]", "red"),
        ("<final>42</final>", "42"),
        ("It was 41. Final: 42", "42"),
        ("Q: What colour?\nA: red", "red"),
        ("A: red", "A: red"),
        ("The answer seems to be 5.", "5"),
        ("The answer is not visible in the image.", "The answer is not visible in the image."),
        ("The answer is in the chart.", "The answer is in the chart."),
        ("Reasons.\n\n**42**", "42"),
        ("2**3", "2**3"),
        ("", ""),
        ("The answer is:", None),
        ("The answer is 5 or the answer is 6", None),
        ("The answer is 5 or the answer is 5", "5"),
    ],
)
def test_the_statement_that_counts(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_competing_statements_are_shown_as_evidence() -> None:
    read = read_stated("The answer is 5 or the answer is 6")
    assert read.competing
    assert [one.value for one in read.found] == ["5", "6"]


SIZE = 150_000
HOSTILE = {
    "markers": "the final answer " * (SIZE // 17),
    "statements": "the answer is " * (SIZE // 14),
    "sentences": "answer: " + "a. B" * (SIZE // 4),
    "boxes": "\\boxed{" * (SIZE // 7),
    "tags": "<answer>" * (SIZE // 8),
    "headings": "#### a\n" * (SIZE // 7),
    "hashes": "####" + " " * SIZE + "x",
    "spaces": "answer" + " " * SIZE,
    "questions": "Q: a\n" * (SIZE // 5),
    "stars": "*" * SIZE,
    "corrections": "answer: a wait " * (SIZE // 15),
    "Chinese": "答案" * (SIZE // 2),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_read_in_linear_time(kind: str) -> None:
    start = time.process_time()
    final_answer(HOSTILE[kind])
    assert time.process_time() - start < 10
