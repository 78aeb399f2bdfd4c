"""What the readers of today make of a row."""

from typing import Any

from harness.metrics.extract import clean
from harness.reading.kinds import read_as
from harness.reading.numbers import Number
from tests.reading.forms.table import Row


def value(row: Row) -> Any:
    """Return what is read of a row behind the step that every task begins with; None for unparsed."""
    text = clean(row.text)
    if text is None:
        return None
    kind = "answer" if row.kind == "thinking" else row.kind
    read = read_as(kind, text, options=row.options, order=row.order, locale=row.language).value
    if isinstance(read, Number):
        return read.value, read.percent
    return [place.box for place in read] if kind == "box" and read is not None else read
