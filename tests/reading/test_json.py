"""JSON as models write it: what is read, what is mended, and what stays refused."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reading.json import StrictJSONError, parse_json, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("ab'\"{}[],:\\/\n é", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc '", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc '", min_size=1, max_size=3), VALUES, min_size=1, max_size=3)
WRITTEN: dict[str, Callable[[Any], str]] = {
    "plain": json.dumps,
    "pretty": lambda value: json.dumps(value, indent=4, ensure_ascii=False),
    "fenced": lambda value: f"Here it is:\n```json\n{json.dumps(value)}\n```\nAnything else?",
    "fenced on one line": lambda value: f"```json {json.dumps(value)}```",
    "fence without end": lambda value: f"```\n{json.dumps(value)}",
    "in prose": lambda value: f"The answer {{so it is}} [1]: {json.dumps(value)} is what I see.",
    "Python's": repr,
    "Python's in a fence": lambda value: f"```python\n{value!r}\n```",
    "with a comment": lambda value: f"{json.dumps(value)[:-1]} /* that is all */ }}",
}


@pytest.mark.parametrize("form", WRITTEN)
@settings(max_examples=20)
@given(value=OBJECTS)
def test_what_is_written_is_read(form: str, value: dict[str, Any]) -> None:
    assert read_json(WRITTEN[form](value)).value == value


@pytest.mark.parametrize(
    ("text", "value", "mended"),
    [
        ("{'a': True, 'b': None}", {"a": True, "b": None}, "single quotes, Python's words"),
        ('{"a": 1,}', {"a": 1}, "a comma before a bracket"),
        ("{a: .5, b: +1}", {"a": 0.5, "b": 1}, "keys without quotes, the number .5, the number +1"),
        ('{"a": 1 // one\n}', {"a": 1}, "comments"),
        ("{“a”: “b”}", {"a": "b"}, "curly quotes"),
        ("{'a': (1, 2)}", {"a": [1, 2]}, "single quotes, Python's tuples"),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}, "line breaks inside a text"),
    ],
)
def test_slips_are_mended_and_named(text: str, value: object, mended: str) -> None:
    reading = read_json(text)
    assert (reading.value, reading.why.partition("mended: ")[2]) == (value, mended)
    with pytest.raises(StrictJSONError):
        parse_json(text)


def test_of_several_values_the_stated_one_counts_and_full_width_marks_are_plain_ones_outside_of_texts() -> None:
    first, last = (f"```json\n{json.dumps({'a': number})}\n```" for number in (2, 1))
    assert read_json(f"First draft:\n{first}\nFinal answer:\n{last}").value == {"a": 1}
    assert read_json(f"{first}\n{last}").competing
    assert read_json('｛"a"：［1，2］，"b"："x，y"｝').value == {"a": [1, 2], "b": "x，y"}
    assert read_json("｛a").value is None


@pytest.mark.parametrize(
    "text",
    [
        "", "none", "{is}", '{"a": 1, "a": 2}', "{'a': 1, 'a': 2}", '{"a": NaN}', "{'a': Infinity}", '{"a": 1e400}',
        "{'a': 1e400}", '{"a": "\\ud800"}', '{"a": [1, 2', '{"total": 5, "tax": {"rate": 1}',
        '{"a": tru, "b": {"c": 1}}',
        '{"a": 1 "b": 2}', '{"a": 1} or {"a": 2}', "```json\n[1]\n```\n```json\n[2]\n```", "{'a': undefined}",
    ],
)  # fmt: skip
def test_nothing_is_made_up(text: str) -> None:
    assert read_json(text).value is None


def test_values_that_differ_compete_and_a_footnote_does_not() -> None:
    reading = read_json('{"a": 1} or {"a": 2}')
    assert reading.competing
    assert [found.value for found in reading.found] == [{"a": 1}, {"a": 2}]
    assert read_json('As [1] says: {"a": 1}').value == {"a": 1}
    assert read_json('{"a": 1}, I repeat: {"a": 1}').value == {"a": 1}


@pytest.mark.parametrize(
    "piece", ["[", "{'a':", "[/*", "{a:{a:", "[1, x", "｛", '｛"\\"', "['a", "```{", '{"a": 1} ', "[ 'x' "]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    read_json(piece * (100_000 // len(piece)))
    assert time.process_time() - start < 10
