"""Every written form of the table is read as a careful person reads it, but for the misses that are on record."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.reading.forms.present import value
from tests.reading.forms.share import got
from tests.reading.forms.table import KINDS, LANGUAGES, rows

MISSES = Path(__file__).parent / "forms" / "misses.jsonl"


def misses(kind: str) -> Mapping[str, str]:
    """The texts of a kind that are known to be misread, with why."""
    lines = map(json.loads, MISSES.read_text(encoding="utf-8").splitlines())
    return {line["text"]: line["why"] for line in lines if line["kind"] == kind}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_read(kind: str, language: str) -> None:
    known, wrong, mended = misses(kind), [], []
    for row in rows(kind):
        if row.language != language:
            continue
        read = got(value, row)
        met = not isinstance(read, Exception) and row.met_by(read)
        if not met and row.text not in known:
            wrong.append(f"{row}, got {read!r}")
        elif met and row.text in known:
            mended.append(str(row))
    assert not wrong, "\n".join(["misread:", *wrong])
    assert not mended, "\n".join(["read right now, strike them off misses.jsonl:", *mended])


def test_every_miss_on_record_is_a_row_and_says_why() -> None:
    for kind in KINDS:
        texts = {row.text for row in rows(kind)}
        assert set(misses(kind)) <= texts
        assert all(misses(kind).values())
