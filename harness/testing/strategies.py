"""Hypothesis strategies for what models write and what metrics get: answers, numbers, tables, boxes, tied scores."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

HOSTILE: Final = (
    "",
    " ",
    "\n\t",
    "nan",
    "NaN%",
    "inf",
    "-Infinity",
    "1e400",
    "-1e-400",
    "0",
    "-0.0",
    "0%",
    "1_000",
    "１２",
    "٣",
    "1,2,3",
    "2020-2021",
    "1.2.3",
    "\ud800",
    "\x00",
    "a\u0301",
    "\u202e42",
    "İ",
    "ß",
    "[" * 300,
    "{" * 300,
    '{"a": 1, "a": 2}',
    "[NaN]",
    "[1, 2",
    "<think>",
    "()",
    "%",
    "$",
    "-",
    "|" * 20,
    "title |",
    " | ",
    "[5, 5, 1, 1]",
    "[1e9, 1, 2, 3]",
    "9" * 500,
    "x" * 5000,
    "A",
    "yes",
    "No.",
    "yes no",
)
"""Texts that break naive metrics."""

WORDS: Final = ("red", "Blue", "bar", "the", "a", "not", "yes", "no", "A", "dogs", "isn't", "two", "café")


_FORMS: Final[tuple[Callable[[Decimal], str], ...]] = (
    lambda value: f"{value:f}",
    lambda value: f"{value:,f}",
    lambda value: f"{value:f}%",
    lambda value: f"${abs(value):,f}",
    lambda value: f"{value:f}.",
    lambda value: f" {value:f} ",
)


def numbers_as_written() -> st.SearchStrategy[str]:
    """Numbers as people write them: signs, thousands commas, currency, percent signs, full stops."""
    return st.builds(
        lambda digits, places, form: form(Decimal(digits).scaleb(-places)),
        st.integers(-(10**7), 10**7),
        st.integers(0, 3),
        st.sampled_from(_FORMS),
    )


def hostile_text() -> st.SearchStrategy[str]:
    """Texts that break naive metrics, and arbitrary Unicode with lone surrogates."""
    return st.one_of(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE), st.text(st.characters(), max_size=6))


def phrases() -> st.SearchStrategy[str]:
    """Short answers in words and numbers, with uneven case and white space."""
    parts = st.lists(st.sampled_from([*WORDS, "7", "41", "83"]), min_size=1, max_size=6)
    return st.builds(lambda gap, words: gap.join(words), st.sampled_from([" ", "  ", ", ", "\n"]), parts)


def answers() -> st.SearchStrategy[str]:
    """What a model may write: phrases, numbers, tables, boxes, JSON and hostile text."""
    return st.one_of(phrases(), numbers_as_written(), tables(), box_texts(), json_texts(), hostile_text())


def tables() -> st.SearchStrategy[str]:
    """Tables with " | " between cells, some with a title, a repeated header or a short row."""
    cell = st.one_of(st.sampled_from(["A", "B", "2001", "2002", "0", ""]), st.integers(0, 20).map(str))
    rows = st.lists(st.lists(cell, min_size=1, max_size=3).map(" | ".join), min_size=1, max_size=4)
    return st.tuples(st.sampled_from(["", "title | sales\n"]), rows).map(lambda pair: pair[0] + "\n".join(pair[1]))


def boxes(limit: int = 100) -> st.SearchStrategy[tuple[float, float, float, float]]:
    """Boxes x1, y1, x2, y2 with an area, in quarter pixels, so that their areas are exact."""
    side = st.lists(st.integers(0, 4 * limit), min_size=2, max_size=2, unique=True).map(sorted)
    return st.tuples(side, side).map(lambda s: (s[0][0] / 4, s[1][0] / 4, s[0][1] / 4, s[1][1] / 4))


def box_texts() -> st.SearchStrategy[str]:
    """Boxes in the brackets that models use."""
    form = st.sampled_from(["[{}, {}, {}, {}]", "({},{}),({},{})", "<box>({},{}),({},{})</box>", "{} {} {} {}"])
    return st.tuples(form, boxes()).map(lambda pair: pair[0].format(*pair[1]))


def windows() -> st.SearchStrategy[list[tuple[float, float]]]:
    """One to three windows in quarter seconds, with a length each, so that their overlaps are exact."""
    window = st.lists(st.integers(0, 120), min_size=2, max_size=2, unique=True).map(sorted)
    return st.lists(window.map(lambda ends: (ends[0] / 4, ends[1] / 4)), min_size=1, max_size=3)


def window_texts() -> st.SearchStrategy[str]:
    """Windows in the forms that models use."""
    import json

    listed = windows().map(json.dumps)
    prose = windows().map(lambda spans: ", then ".join(f"from {start} s to {end} s" for start, end in spans))
    structured = st.builds(
        lambda spans, answer, times: json.dumps({"answer": answer, "spans": spans, "frame_references": times}),
        windows(),
        st.sampled_from([None, "A", "red"]),
        st.lists(st.integers(0, 120).map(lambda tick: tick / 4), max_size=3),
    )
    return st.one_of(listed, prose, structured)


def json_values() -> st.SearchStrategy[Any]:
    """Small JSON values."""
    leaf = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.sampled_from(["", "Ann", "12.50", "kitten"]))
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6
    )


def json_texts() -> st.SearchStrategy[str]:
    """Small JSON texts."""
    import json

    return json_values().map(json.dumps)


def scores_with_ties(min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[list[float]]:
    """Vectors of scores with many ties, infinities among them."""
    value = st.one_of(st.integers(-3, 3).map(float), st.floats(-1, 1), st.sampled_from([float("inf"), float("-inf")]))
    return st.lists(value, min_size=min_size, max_size=max_size)
