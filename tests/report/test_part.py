"""A page of very many answers holds a part of them: small enough, drawn, and with what went wrong first."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from harness.record import Run, RunRecord
from harness.report.part import fitting, part_of
from harness.report.samples import browser_data


@pytest.fixture
def record(small_run: Path) -> RunRecord:
    return Run(small_run).record


@pytest.fixture
def table(small_run: Path) -> pa.Table:
    return Run(small_run).table()


def _wrong(table: pa.Table) -> set[str]:
    rows = table.to_pylist()
    return {row["sample_id"] for row in rows if row["score.relaxed_accuracy"] == 0 or row["status"] != "ok"}


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_a_part_has_whole_samples_and_half_of_it_is_for_what_went_wrong(
    record: RunRecord, table: pa.Table, share: float
) -> None:
    most = int(table.num_rows * share)
    part = part_of(record, table, most)
    assert 0 < part.num_rows <= most
    assert part.equals(part_of(record, table, most))
    rows, every = [row["sample_id"] for row in part.to_pylist()], table["sample_id"].to_pylist()
    assert all(rows.count(one) == every.count(one) for one in set(rows))
    assert rows == [one for one in every if one in set(rows)]
    wrong = sum(row in _wrong(table) for row in rows)
    left = sum(row in _wrong(table) for row in every) - wrong
    longest = max(map(every.count, set(every)))
    assert wrong >= min(most // 2 - longest, wrong + left)


def test_what_a_caller_names_goes_before_what_is_right(record: RunRecord, table: pa.Table) -> None:
    wrong = _wrong(table)
    right = table.filter(pa.array([one not in wrong for one in table["sample_id"].to_pylist()]))
    for named in set(right["sample_id"].to_pylist()):
        most = 2 * right["sample_id"].to_pylist().count(named)
        assert named in part_of(record, right, most, [named])["sample_id"].to_pylist()


def test_a_page_is_cut_until_it_is_small_and_says_of_how_many(
    small_run: Path, record: RunRecord, table: pa.Table
) -> None:
    def make(part: pa.Table) -> dict[str, object]:
        return browser_data(small_run, record, part)

    whole = fitting(make, record, table)
    assert "of" not in whole
    size = len(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode())
    cut = fitting(make, record, table, size=size // 3)
    assert len(json.dumps(cut, ensure_ascii=False, separators=(",", ":")).encode()) <= size // 3 + 20
    assert cut["of"] == table.num_rows > len(cut["rows"]["sample"]) > 0
    assert len(fitting(make, record, table, rows=3)["rows"]["sample"]) <= 3
    assert fitting(make, record, table, size=1)["of"] == table.num_rows  # nothing is small enough: it ends all the same
