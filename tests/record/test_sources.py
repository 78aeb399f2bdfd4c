"""Rows of a file come as those of a table, whatever is asked for and however the file is cut."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.record import sources
from harness.record.sources import FileSource, Source, TableSource, part

COUNT = 50
TABLE = pa.table(
    {
        "id": [f"s{i}" for i in range(COUNT)],
        "word": pa.array([None if i % 7 == 3 else f"w{i % 4}" for i in range(COUNT)]).dictionary_encode(),
        "said": [None if i % 5 == 0 else "long " * i for i in range(COUNT)],
        "right": [[f"r{i}"] * (i % 3) for i in range(COUNT)],
        "score.a": [float("nan") if i % 9 == 0 else i / 2 for i in range(COUNT)],
        "score.a.sum": list(range(COUNT)),
    }
)
COLUMNS = st.lists(st.sampled_from(TABLE.column_names), min_size=1, unique=True)
ROWS = st.lists(st.integers(0, COUNT - 1), max_size=20)


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_FEWEST", 3)
    monkeypatch.setattr(sources, "_BYTES_AT_ONCE", 1)


def rows_of(table: pa.Table) -> str:
    return repr(table.to_pylist())


def gone_through(source: Source, names: list[str]) -> str:
    return repr([row for batch in source.batches(names) for row in batch.to_pylist()])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=COLUMNS, rows=ROWS, group=st.sampled_from([1, 7, 50]))
def test_a_file_gives_what_the_table_gives(
    tmp_path: Path, streamed: None, names: list[str], rows: list[int], group: int
) -> None:
    file = tmp_path / f"{group}.parquet"
    if not file.exists():
        pq.write_table(TABLE, file, row_group_size=group)
    places = np.array(rows, np.int64)
    expected = TABLE.select(names)
    for source in (FileSource(file), FileSource(file, lambda name: name != "said"), TableSource(TABLE)):
        assert (source.num_rows, source.column_names) == (COUNT, TABLE.column_names)
        assert rows_of(source.select(names)) == gone_through(source, names) == rows_of(expected)
        assert rows_of(source.take(places, names)) == rows_of(expected.take(pa.array(rows, pa.int64())))
        some = np.unique(places)
        few, kept = part(source, some), expected.take(pa.array(some))
        assert few.num_rows == len(some)
        assert rows_of(few.select(names)) == gone_through(few, names) == rows_of(kept)
        back = np.arange(len(some))[::-1]
        assert rows_of(few.take(back, names)) == rows_of(kept.take(pa.array(back)))


def test_a_file_without_rows_gives_none(tmp_path: Path, streamed: None) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "none.parquet")
    source = FileSource(tmp_path / "none.parquet", lambda name: True)
    assert source.take(np.zeros(0, np.int64), ["id", "word"]).num_rows == source.select(["id"]).num_rows == 0
    assert gone_through(source, ["said"]) == "[]"


def test_a_file_that_is_put_in_its_place_meanwhile_is_another_one(tmp_path: Path, streamed: None) -> None:
    file, other = tmp_path / "samples.parquet", tmp_path / "other.parquet"
    pq.write_table(TABLE, file)
    source = FileSource(file)
    pq.write_table(TABLE.slice(5, 3), other)
    other.replace(file)
    assert rows_of(source.take(np.array([49, 0]), ["id"])) == "[{'id': 's49'}, {'id': 's0'}]"


def test_a_file_that_is_damaged_while_it_is_read_is_one_sentence(tmp_path: Path, streamed: None) -> None:
    file = tmp_path / "samples.parquet"
    pq.write_table(TABLE, file, row_group_size=5, write_page_checksum=True, compression="none")
    source = FileSource(file)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 8 : len(damaged) // 2] = bytes(len(damaged) // 2 - len(damaged) // 8)
    file.write_bytes(damaged)
    for read in (
        lambda: source.select(TABLE.column_names),
        lambda: list(source.batches(TABLE.column_names)),
        lambda: source.take(np.arange(COUNT), TABLE.column_names),
    ):
        with pytest.raises(UsageError, match=r"samples\.parquet cannot be read"):
            read()
    with pytest.raises(UsageError, match="cannot be read"):
        FileSource(tmp_path / "nowhere.parquet")
