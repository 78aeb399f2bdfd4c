"""Responses go into the store and come out as they were, in the store and in the Parquet file."""

import json
import math
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.record.columns import selection, unpack
from harness.record.folder import SAMPLES_FILE, write_samples
from harness.record.store import ResponseStore, Row, StorageError
from harness.types import Finish, Status

text = st.text(max_size=12)
maybe = st.none() | text
count = st.none() | st.integers(0, (1 << 63) - 1)
score = st.tuples(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([*map(str, Status)]))

rows = st.builds(
    Row,
    task=text,
    cell=text,
    sample_id=text,
    cluster=text,
    batch=st.integers(0, 1 << 40),
    status=st.sampled_from([*map(str, Status)]),
    error=maybe,
    request_hash=maybe,
    prompt=maybe,
    references=st.lists(text, max_size=3).map(tuple),
    evidence=maybe,
    response=maybe,
    tokens_in=count,
    image_tokens=count,
    tokens_out=count,
    batch_seconds=st.none() | st.floats(0, 1e6),
    tags=st.dictionaries(st.sampled_from(("style", "kind of question")), text),
    scores=st.fixed_dictionaries({"exact_match": score}, optional={"f1": score}),
    finish=st.none() | st.sampled_from([*map(str, Finish)]),
    sent=maybe,
    seconds=st.none() | st.floats(0, 1e6, width=32),
    attempts=st.none() | st.integers(0, 1 << 30),
    facts=st.dictionaries(st.sampled_from(("size", "mood")), st.lists(st.integers(0, 9)) | text, max_size=2),
)
distinct = st.lists(rows, max_size=6, unique_by=lambda row: (row.task, row.cell, row.sample_id))


SAME = ("task", "cell", "sample_id", "cluster", "batch", "status", "error", "prompt", "evidence", "response")


def make(sample_id: str, **keys: object) -> Row:
    base = {
        "task": "qa", "cell": "clean", "sample_id": sample_id, "cluster": "", "batch": 0, "status": "ok",
        "error": None, "request_hash": None, "prompt": "?", "references": ("a",), "evidence": None, "response": "a",
        "tokens_in": 1, "image_tokens": None, "tokens_out": 1, "batch_seconds": 0.5, "tags": {},
        "scores": {"exact_match": (1.0, "ok")},
    }  # fmt: skip
    return Row(**(base | keys))  # type: ignore[arg-type]


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=distinct)
def test_rows_come_back_from_the_store_and_from_parquet_as_they_went_in(tmp_path: Path, written: list[Row]) -> None:
    file = tmp_path / "store.sqlite"
    for old in tmp_path.glob("store.sqlite*"):
        old.unlink()
    with ResponseStore(file) as store:
        store.append(written[:2])
        store.append(written[2:])
        assert list(store) == written
        write_samples(tmp_path, store, ["exact_match", "f1"], ["style", "kind of question"])
    table = pq.read_table(tmp_path / SAMPLES_FILE).to_pylist()
    assert len(table) == len(written)
    for row, stored in zip(written, table, strict=True):
        for name in (
            "task",
            "cell",
            "sample_id",
            "cluster",
            "batch",
            "status",
            "error",
            "prompt",
            "response",
            "evidence",
            "finish",
            "sent",
            "seconds",
            "attempts",
        ):
            assert stored[name] == getattr(row, name)
        assert tuple(stored["references"]) == row.references
        assert stored["facts"] is None if not row.facts else json.loads(stored["facts"]) == row.facts
        assert {key: stored[f"tag.{key}"] for key in row.tags} == row.tags
        for name, (value, status) in row.scores.items():
            assert (stored[f"score.{name}"], stored[f"status.{name}"]) == (value, status)
        if "f1" not in row.scores:
            assert stored["score.f1"] is None


def test_what_was_sent_stands_in_the_store_once_however_many_rows_it_was_sent_for(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    with ResponseStore(file) as store:
        store.append([make("a", sent="x"), make("b", sent="x")])
        with pytest.raises(UsageError):
            store.append([make("c", sent="lost"), make("c")])
    with ResponseStore(file) as store:
        store.append([make("c", sent="x"), make("d", sent="lost"), make("e")])
        assert [row.sent for row in store] == ["x", "x", "x", "lost", None]
    with sqlite3.connect(file) as raw:
        assert sorted(text for (text,) in raw.execute("select text from sents")) == ["lost", "x"]
    raw.close()


def test_a_duplicate_id_is_refused_by_name_and_nothing_of_its_batch_is_kept(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.append([make("a"), make("b")])
        for batch in ([make("c"), make("c")], [make("d"), make("b")]):
            with pytest.raises(UsageError, match=f"sample id '{batch[1].sample_id}' stands twice"):
                store.append(batch)
        store.append([make("a", cell="other"), make("a", task="other")])
        assert [row.sample_id for row in store] == ["a", "b", "a", "a"]


def test_what_was_appended_is_there_for_another_process_before_the_store_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    with ResponseStore(file) as store:
        store.append([make("a")])
        other = sqlite3.connect(file)
        assert other.execute("select count(*) from responses").fetchone() == (1,)
        other.close()


def test_what_failed_is_asked_again_and_stays_beside_what_comes_in_its_place(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.append([make("a"), make("b", status="error", error="late", response=None)], 0)
        store.append([make("a", cell="sound")])
        for cell in ("clean", "sound"):
            store.finish_cell("qa", cell)
        assert store.ask_again(["error"]) == 1
        assert [store.finished("qa", cell) for cell in ("clean", "sound")] == [False, True]
        assert list(store.answered(1 << 40)) == [("qa", "clean", 0), ("qa", "sound", 2)]
        assert (store.statuses(), store.statuses(settled=True)) == ({"error": 1, "ok": 2}, {"ok": 2})
        assert not store.replaced()
    with ResponseStore(tmp_path / "s.sqlite") as store:  # killed meanwhile: it is still to be asked
        store.append([make("b", status="timeout", error="later still", response=None)], 1)
        assert store.statuses(settled=True) == {"ok": 2, "timeout": 1}
        assert store.ask_again(["timeout"]) == 1
        store.append([make("b", response="42")], 1)
        row = [*store][1]
        assert (row.sample_id, row.status, row.response, row.again) == ("b", "ok", "42", False)
        told = json.loads(row.former or "")
        assert [(one["status"], one["error"], one["response"]) for one in told] == [
            ("error", "late", None),
            ("timeout", "later still", None),
        ]
        assert store.replaced()
        with pytest.raises(UsageError, match="stands twice"):
            store.append([make("b")])


def test_a_store_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "odd ?#%41 name.sqlite"
    with pytest.raises(StorageError):
        ResponseStore(file, create=False)
    assert not list(tmp_path.iterdir())
    with ResponseStore(file) as store:
        store.append([make("a")])
    assert file.is_file()
    with ResponseStore(file, create=False) as store:
        assert [row.sample_id for row in store] == ["a"]


def test_half_of_a_surrogate_pair_is_stored_as_an_escape(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.append([make("a", response="x\ud800", error="\udfff", tags={"t": "\ud800"}, references=("\ud800",))])
        (row,) = store
        assert (row.response, row.error, row.tags, row.references) == (
            "x\\ud800",
            "\\udfff",
            {"t": "\\ud800"},
            ("\\ud800",),
        )
        write_samples(tmp_path, store, ["exact_match"], ["t"])
    assert pq.read_table(tmp_path / SAMPLES_FILE)["response"].to_pylist() == ["x\\ud800"]


def test_a_score_without_a_value_is_null_not_nan(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.append([make("a", scores={"exact_match": (None, "error")})])
        write_samples(tmp_path, store, ["exact_match"], [])
    column = pq.read_table(tmp_path / SAMPLES_FILE)["score.exact_match"]
    assert column.null_count == 1
    assert not any(value is not None and math.isnan(value) for value in column.to_pylist())


def test_a_store_of_an_earlier_version_is_read_and_written_on(tmp_path: Path) -> None:
    file = tmp_path / "responses.sqlite"
    with ResponseStore(file) as store:
        store.append([make("old")])
    with sqlite3.connect(file) as connection:
        connection.execute("alter table responses drop column facts")
        connection.execute("alter table responses drop column finish")
        assert unpack(connection.execute(selection(connection)).fetchone()) == make("old")
    with ResponseStore(file) as store:
        store.append([make("new", facts={"size": [4, 2]}, finish="length")])
        assert [*store] == [make("old"), make("new", facts={"size": [4, 2]}, finish="length")]
