"""How texts and tokens differ, in words."""

from hypothesis import given
from hypothesis import strategies as st

from harness.equivalence import words


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_differs_and_what_is_common_make_up_both_texts(a: str, b: str) -> None:
    start, one, other = words.middle(a, b)
    assert a[:start] + str(one) + a[start + len(one) :] == a
    assert b[:start] == a[:start]
    assert a[start + len(one) :] == b[start + len(other) :]
    assert (not one and not other) == (a == b)
    assert bool(words.texts(a, b)) == (a != b)


def test_a_lacking_newline_is_shown_as_what_it_is() -> None:
    assert words.texts("<|im_end|>\nassistant\n", "<|im_end|>\nassistant") == "B lacks '\\n' after '_end|>\\nassistant'"
    assert words.texts("assistant", "\nassistant") == "A lacks '\\n' at the beginning"


def test_a_second_beginning_is_told_apart_from_another_token() -> None:
    assert words.tokens(["<s>", "a"], ["<s>", "<s>", "a"], ([1, 5], [1, 1, 5])).startswith("B begins twice")
    assert words.tokens(["a"], ["<s>", "a"], ([5], [1, 5])) == "B has 1 more token at the beginning: '<s>'"
    assert words.tokens(["a", "b"], ["a", "c"], ([5, 6], [5, 7])) == (
        "other tokens from place 1 on, 1 token(s): A 'b', B 'c'"
    )
    more = words.tokens(["i"] * 4, ["i"] * 2, ([9] * 4, [9] * 2))
    assert more == "A has 2 more of 'i' from place 2 on"
    assert words.tokens(["a"], ["a"], ([5], [5])) == ""
