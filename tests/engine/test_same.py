"""The data of a run are those that it was begun with: in parts, while it goes on, and where a later one goes on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.adapters.mock import MockAdapter
from harness.engine.merge import merge_runs
from harness.engine.open_run import unfinished
from harness.engine.options import Interrupted, Silent
from harness.engine.plan import Shard
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.errors import UsageError
from harness.record.marks import MARKS_FILE, Packed, RowMarks, read_marks
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.suite.bind import Suite
from harness.types import Request, Response

SUITE = """\
suite: same
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}, drawn: {type: charts, limit: 2}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
  charts: {kind: qa, dataset: drawn, metrics: [exact_match]}
"""
ROWS = [{"id": f"r{i}", "question": f"Q {i}?", "answer": "yes"} for i in range(12)]


class Meddling(MockAdapter):
    """Edits the data when it is asked for the first time."""

    edit: Callable[[], None] = staticmethod(lambda: None)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        act, Meddling.edit = Meddling.edit, staticmethod(lambda: None)
        act()
        return super().generate(requests)


class Stops(Silent):
    """Somebody who presses Ctrl-C at the first batch."""

    def advance(self, cell: str, done: int, failed: int) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def rows(write) -> Callable[..., None]:
    def put(changed: dict[str, str] | None = None) -> None:
        made = [{**row, "answer": (changed or {}).get(row["id"], row["answer"])} for row in ROWS]
        write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in made))

    put()
    return put


@pytest.fixture
def choice(plug_in, write) -> AdapterChoice:
    plug_in("adapters", "meddling", f"{__name__}:Meddling")
    return read_adapter(str(write("m.yaml", "adapter: m\ntype: meddling\nbatch_size: 4\n")))


@pytest.fixture
def made(rows, bind) -> Callable[[], Suite]:
    return lambda: bind(SUITE)


def test_parts_of_other_data_are_not_merged_and_the_rows_are_named(made, rows, choice, tmp_path: Path) -> None:
    def part(number: int) -> Path:
        options = RunOptions(tmp_path / f"p{number}", shard=Shard(number, 2))
        return run_suite(made(), choice, options, Silent())[0]

    first = part(1)
    rows({"r3": "no", "r4": "no"})
    second = part(2)
    with pytest.raises(UsageError, match=r"data 'rows': 2 rows differ: r3 \(reference\), r4 \(reference\)"):
        merge_runs([first, second], tmp_path / "merged")
    rows()
    (tmp_path / "p2").rename(tmp_path / "old")
    second = part(2)
    rows({"r5": "no"})
    with pytest.raises(UsageError, match=r"data 'rows': 1 row differs: r5 \(reference\)"):
        merge_runs([first, second], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    rows()
    folder, record = merge_runs([first, second], tmp_path / "merged")
    assert record.status == "complete"
    assert [*read_marks(folder)["rows"].ids] == [row["id"] for row in ROWS]


def test_data_that_change_while_a_run_goes_on_make_it_a_failed_one(made, rows, choice, tmp_path: Path) -> None:
    Meddling.edit = staticmethod(lambda: rows({"r9": "no"}))
    folder, record = run_suite(made(), choice, RunOptions(tmp_path), Silent())
    assert record.status == "failed"
    assert record.reason == "the data changed while the run went on: data 'rows': 1 row differs: r9 (reference)"
    with pytest.raises(UsageError, match="r9"):
        resume_run(folder, RunOptions(), Silent())


def test_the_same_command_goes_on_only_with_the_same_rows(made, rows, choice, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run_suite(made(), choice, RunOptions(tmp_path), Stops())
    (begun,) = unfinished(tmp_path)
    rows({"r1": "no"})
    other, _ = run_suite(made(), choice, RunOptions(tmp_path), Silent())
    assert other != begun
    rows()
    again, record = run_suite(made(), choice, RunOptions(tmp_path), Silent())
    assert (again, record.status) == (begun, "complete")


def test_marks_are_small_and_those_of_drawn_data_are_not_kept(made, choice, tmp_path: Path) -> None:
    folder, record = run_suite(made(), choice, RunOptions(tmp_path), Silent())
    kept: dict[str, Any] = read_marks(folder)
    assert list(kept) == ["rows"]
    assert kept["rows"].content == record.datasets["rows"]
    assert (folder / MARKS_FILE).stat().st_size < 4096


def test_ids_in_one_piece_of_memory_are_the_ids_and_give_the_hashes_that_they_gave_as_a_list() -> None:
    ids = ["a", "", "\ud800x", "üüü", "b\0", "a longer one"]
    numbers = np.arange(36, dtype=np.uint64).reshape(6, 6)
    packed, listed = RowMarks(Packed(ids), numbers), RowMarks(ids, numbers)
    assert ([*packed.ids], packed.ids[-1], packed.ids[1:3]) == (ids, ids[-1], ids[1:3])
    assert (packed.content, packed.sequence) == (listed.content, listed.sequence)
    rows = [
        hashlib.blake2b(one.encode("utf-8", "surrogatepass") + b"\0" + row.tobytes(), digest_size=16).digest()
        for one, row in zip(ids, numbers, strict=True)
    ]
    assert packed.content == hashlib.sha256(b"rows 1" + b"".join(sorted(rows))).hexdigest()
