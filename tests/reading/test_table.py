"""The table of written forms: large, in eight languages, and without copies."""

from collections import Counter

import pytest

from tests.reading.forms.table import KINDS, LANGUAGES, rows

LEAST = {"choice": 120, "number": 120, "box": 70, "point": 40, "span": 70, "yes_no": 50, "json": 40, "answer": 50}
"""Rows of a kind that there must be."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_is_one_form_with_one_right_reading(kind: str) -> None:
    table = list(rows(kind))
    assert len(table) >= LEAST.get(kind, 20)
    copies = Counter((row.text, row.options, row.order) for row in table)
    assert copies.most_common(1)[0][1] == 1
    assert {row.language for row in table} == set(LANGUAGES)
    assert all(row.source and (row.unparsed or row.right is not None) for row in table)
    assert sum(row.unparsed for row in table) >= 3


def test_letters_are_among_the_options_where_there_are_any() -> None:
    for row in rows("choice"):
        letters = "ABCDEFGHIJ"[: len(row.options)] if row.options else "ABCDEFGHIJ"
        said = row.right if row.unparsed else [row.right]
        assert set(said) <= set(letters), row
