"""What nobody sees is gone, thinking and the marks of templates too, and nothing else."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reading.clean import composed, narrow, strip_marks, strip_thinking, visible

SECONDS = 5
SIZE = 200_000


def test_every_character_is_cleaned_to_something_that_cleaning_leaves_alone() -> None:
    for code in range(sys.maxunicode + 1):
        once = visible(chr(code))
        assert visible(once) == once
        assert len(narrow(chr(code))) == 1


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_the_same_object(text: str) -> None:
    assert visible(text) is text


@given(st.text("abc 12é家"), st.sampled_from("\ufeff\u200b\u200e\u202a\u2060\u00ad\ufe0f"), st.integers(0, 20))
def test_an_invisible_character_changes_nothing_wherever_it_stands(text: str, unseen: str, place: int) -> None:
    assert visible(text[:place] + unseen + text[place:]) == visible(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\ufeff42", "42"),
        ("1\u00a0000", "1 000"),
        ("1\u202f000", "1 000"),
        ("a\u3000b", "a b"),
        ("a\u2028b", "a\nb"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("\uff14\uff12", "\uff14\uff12"),
        ("\u06dd", "\u06dd"),
    ],
)
def test_what_can_be_seen_stays(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_tower_of_marks_takes_linear_time_and_others_are_composed() -> None:
    start = time.process_time()
    tower = "a" + "\u0300\u0316" * (SIZE // 2)
    assert visible(visible(tower)) == visible(tower)
    assert time.process_time() - start < SECONDS
    assert composed("e\u0301" * 5000) == "é" * 5000


@pytest.mark.parametrize("width", [chr(code) for code in range(0xFF01, 0xFF5F)])
def test_full_width_forms_are_the_ascii_that_unicode_says(width: str) -> None:
    assert narrow(width) == unicodedata.normalize("NFKC", width)


BLOCKS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<reason>", "</reason>"),
    ("<analysis>", "</analysis>"),
    ("<思考>", "</思考>"),
    ("<|thinking|>", "<|/thinking|>"),
    ("<unused94>thought", "<unused95>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought", "<channel|>"),
]
ENDS = [
    "",
    "<|im_end|>",
    "<|endoftext|>",
    "</s>",
    "<|eot_id|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "<|im_end|>\n",
]
plain = st.text("abc 12.,\n家é()", min_size=1).map(str.strip).filter(bool)


@given(st.sampled_from(BLOCKS), plain, plain, st.sampled_from(ENDS), st.booleans())
def test_the_answer_of_a_composed_text_comes_back(
    block: tuple[str, str], thought: str, answer: str, end: str, opened: bool
) -> None:
    text = f"{block[0] if opened else ''}\n{thought}\n{block[1]}\n{answer}{end}"
    assert strip_thinking(text) == answer


@given(st.sampled_from(BLOCKS), plain)
def test_a_block_that_never_ends_has_no_answer(block: tuple[str, str], thought: str) -> None:
    assert strip_thinking(f"{block[0]} {thought}") is None


@given(plain, plain)
def test_the_last_final_message_is_the_answer(thought: str, answer: str) -> None:
    analysis = f"<|channel|>analysis<|message|>{thought}<|end|>"
    final = f"<|start|>assistant<|channel|>final<|message|>{answer}<|return|>"
    assert strip_thinking(analysis + final) == answer
    assert strip_thinking(analysis) is None


@given(plain)
def test_text_without_marks_is_only_trimmed(text: str) -> None:
    assert strip_thinking(text) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", ""),
        ("<think>x</think>", ""),
        ("<think>a</think> X <think>b</think> Y", "X  Y"),
        ("<think><think>a</think>42", "42"),
        ("<think>a <think>b</think> c</think>42", "42"),
        ("<think>it may use [THINK] here</think>42", "42"),
        ("<think>a</think>42</think>", "42"),
        ('<think>It says "41"</think>"42"', '"42"'),
        ("<think>```\n1\n```</think>```\n2\n```", "```\n2\n```"),
        ("analysisWe count 41.assistantfinal42", "42"),
        ("analysisWe count", None),
        ("<|channel|>commentary<|message|>hm", None),
        ("An analysis of 42", "An analysis of 42"),
        ("It begins with `<think>`.", "It begins with `<think>`."),
        ("The <think> tag is shown", "The <think> tag is shown"),
        ('The page says "</think>" and "<|im_end|>".', 'The page says "</think>" and "<|im_end|>".'),
        ("[think] twice", "[think] twice"),
        ("I think, therefore", "I think, therefore"),
        ("42<|im_end|>\n<|im_start|>user\nAnd now?", "42"),
        ("<|im_start|>assistant\n42", "42"),
        ("<|im_end|>42", "42"),
        ("<s> 42</s>", "42"),
        ("x < 3 | y > 2", "x < 3 | y > 2"),
        ("<|begin_of_box|>42<|end_of_box|>", "42"),
        ("It is <|begin_of_box|>42<|end_of_box|>", "It is <|begin_of_box|>42<|end_of_box|>"),
    ],
)
def test_thinking_and_marks_go_and_what_speaks_of_them_stays(text: str, answer: str | None) -> None:
    assert strip_thinking(text) == answer


HOSTILE = {
    "opened": "<think>" * (SIZE // 7),
    "closed": "</think>" * (SIZE // 8),
    "pairs": "<think></think>" * (SIZE // 15),
    "more opened": "<think>" + "</think>" * (SIZE // 16) + "<think>" * (SIZE // 14),
    "ends of turns": "<|im_end|>" * (SIZE // 10),
    "quoted": "`<|im_end|>`" * (SIZE // 12),
    "ends": "</s>" * (SIZE // 4) + " " * SIZE,
    "angles": "< " * (SIZE // 2),
    "pipes": "<|" * (SIZE // 2),
    "channels": "<|channel|>final<|message|>" * (SIZE // 27),
    "boxes": "<|begin_of_box|>" * (SIZE // 16),
    "spaces": " " * SIZE,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_cleaned_in_linear_time(kind: str) -> None:
    start = time.process_time()
    strip_thinking(visible(HOSTILE[kind]))
    strip_marks(HOSTILE[kind])
    assert time.process_time() - start < SECONDS
