"""A value that is written in a form of the kind is read again, whatever stands around it; two of them are not read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reading import strategies as written
from tests.reading.forms.present import value
from tests.reading.forms.table import Row

ONE = {
    "choice": written.choices(),
    "number": written.numbers(),
    "box": written.boxes(),
    "span": written.spans(),
    "yes_no": written.yes_nos(),
    "json": written.jsons(),
}
SEVERAL = {
    "choice": written.open_choices(),
    "number": written.open_numbers(),
    "yes_no": written.open_yes_nos(),
}


@pytest.mark.parametrize("kind", ONE)
@given(data=st.data())
def test_what_is_written_is_read(kind: str, data: Any) -> None:
    row: Row = data.draw(ONE[kind])
    got = value(row)
    assert row.met_by(got), f"{row}, got {got!r}"


@pytest.mark.parametrize("kind", SEVERAL)
@given(data=st.data())
def test_what_is_left_open_is_not_read(kind: str, data: Any) -> None:
    row: Row = data.draw(SEVERAL[kind])
    got = value(row)
    assert row.met_by(got), f"{row}, got {got!r}"
