"""Rows that were made after the answers, on disk and back."""

from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.record.rows import ROWS_FILE, MadeRows, read_rows, write_rows


def test_what_is_written_is_read_cell_by_cell(tmp_path: Path) -> None:
    streams = MadeRows(
        "drift", "change", ["s1", "s2"], {"delay": np.array([3.0, np.nan]), "early": np.array([0.0, 1.0])}
    )
    scores = MadeRows("ood", "near", ["a"], {"score": np.array([0.5])}, ["picture"], "near")
    write_rows(tmp_path, [streams, scores])
    one, other = read_rows(tmp_path)
    assert (one.task, one.cell, list(one.ids), one.stratum) == ("drift", "change", ["s1", "s2"], "")
    assert np.array_equal(one.columns["delay"], [3.0, np.nan], equal_nan=True)
    assert one.columns["early"].tolist() == [0.0, 1.0]
    assert (list(other.clusters), other.stratum, other.columns["score"].tolist()) == (["picture"], "near", [0.5])


def test_no_rows_leave_no_file(tmp_path: Path) -> None:
    write_rows(tmp_path, [MadeRows("t", "c", [], {"x": np.zeros(0)})])
    assert not (tmp_path / ROWS_FILE).exists()
    assert read_rows(tmp_path) == []


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ROWS_FILE).write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match=r"rows\.parquet cannot be read"):
        read_rows(tmp_path)
