"""A run in parts, merged, is a run in one piece; what is left of a damaged one is saved and can be continued."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from harness.comparison.compare import compare
from harness.engine.merge import merge_runs
from harness.engine.options import Silent
from harness.engine.plan import Shard, make_plan
from harness.engine.recover import recover_run
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.errors import UsageError
from harness.record import Run, read_run
from harness.record.folder import STORE_FILE
from harness.suite.adapters import AdapterChoice, read_adapter
from tests.engine.test_resume import broken, same

SUITE = """\
suite: parts
version: 1
datasets: {charts: {type: charts, limit: 14}, few: {type: charts, limit: 3}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  few: {kind: qa, dataset: few, metrics: [exact_match]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1, 5]}
gates: [{metric: qa/relaxed_accuracy, min: 0.1}]
"""


@pytest.fixture
def mock(write) -> AdapterChoice:
    return read_adapter(str(write("mock4.yaml", "adapter: mock4\ntype: mock\nbatch_size: 4\nerror_rate: 0.3\n")))


@pytest.fixture
def whole(bind, mock, tmp_path: Path) -> Path:
    return run_suite(bind(SUITE), mock, RunOptions(tmp_path / "whole"), Silent())[0]


@pytest.fixture
def parts(bind, mock, tmp_path: Path) -> Callable[[int], list[Path]]:
    def make(of: int) -> list[Path]:
        options = [RunOptions(tmp_path / "parts", shard=Shard(n + 1, of)) for n in range(of)]
        return [run_suite(bind(SUITE), mock, option, Silent())[0] for option in options]

    return make


@pytest.mark.parametrize("of", [2, 3, 40])
def test_the_parts_of_a_run_together_are_the_run(whole, parts, tmp_path: Path, of: int) -> None:
    folders = parts(of)
    assert all(read_run(folder).shard == f"{n + 1}/{of}" for n, folder in enumerate(folders))
    assert all(read_run(folder).gates == [] for folder in folders)
    merged, record = merge_runs(folders[::-1], tmp_path / "merged")
    same(whole, merged)
    assert record.shard is None
    assert len(record.sessions) == of
    pictures = {file.relative_to(whole) for file in whole.glob("artifacts/**/*.png")}
    assert {file.relative_to(merged) for file in merged.glob("artifacts/**/*.png")} == pictures
    assert not list(merged.glob("responses*"))


def test_parts_that_each_stay_within_max_errors_can_be_beyond_it_together(write, plug_in, bind, tmp_path) -> None:
    plug_in("adapters", "faulty", "tests.engine.faulty:Faulty")
    write("rows.jsonl", "".join(f'{{"question": "{word}", "answer": "a"}}\n' for word in ("bad", "bad", "a", "a")))
    choice = read_adapter(str(write("faulty.yaml", "adapter: faulty\ntype: faulty\nfault: raise\nbatch_size: 1\n")))
    suite = "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\nengine: {max_errors: 1}\n"
    suite += "tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}\n"
    done = [run_suite(bind(suite), choice, RunOptions(tmp_path / "parts", shard=Shard(n, 2)), Silent()) for n in (1, 2)]
    assert [record.status for _, record in done] == ["complete"] * 2
    _, record = merge_runs([folder for folder, _ in done], tmp_path / "merged")
    assert (record.status, record.reason) == ("failed", "2 samples failed, more than max_errors (1) allows")


def test_every_batch_is_in_exactly_one_part(bind) -> None:
    suite = bind(SUITE)
    batches = [
        [(b.task.name, b.cell.id, b.number, b.place) for b in make_plan(suite, 4, None, Shard(n + 1, 3)).batches()]
        for n in range(3)
    ]
    assert sorted(chain(*batches)) == sorted(
        (b.task.name, b.cell.id, b.number, b.place) for b in make_plan(suite, 4).batches()
    )
    assert sum(make_plan(suite, 4, None, Shard(n + 1, 3)).own for n in range(3)) == make_plan(suite, 4).total


def test_parts_that_do_not_belong_together_are_refused_by_name(parts, bind, mock, tmp_path: Path) -> None:
    folders = parts(3)
    with pytest.raises(UsageError, match="there is no 2/3: a run is merged from all of its parts"):
        merge_runs([folders[0], folders[2]], tmp_path / "merged")
    with pytest.raises(UsageError, match="are both 1/3"):
        merge_runs([folders[0], folders[0]], tmp_path / "merged")
    other, _ = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "o", limit=2, shard=Shard(2, 3)), Silent())
    with pytest.raises(UsageError, match="are not parts of one run"):
        merge_runs([folders[0], other], tmp_path / "merged")
    whole, _ = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "w"), Silent())
    with pytest.raises(UsageError, match="is no part of a run"):
        merge_runs([whole], tmp_path / "merged")


def test_an_unfinished_part_is_refused_and_can_be_continued(whole, parts, bind, mock, tmp_path, monkeypatch) -> None:
    first = parts(1 + 1)[0]
    second = broken(bind(SUITE), mock, RunOptions(tmp_path / "b", shard=Shard(2, 2)), monkeypatch, 2)
    with pytest.raises(UsageError, match="is not finished; to continue it: harness resume"):
        merge_runs([first, second], tmp_path / "merged")
    resume_run(second, RunOptions(), Silent())
    same(whole, merge_runs([first, second], tmp_path / "merged")[0])


def test_a_folder_in_which_none_began_is_passed_over(whole, parts, tmp_path, run_here) -> None:
    folders = parts(2)
    killed = tmp_path / "parts" / "killed"
    killed.mkdir()
    (killed / "run.lock").touch()
    done = run_here("merge", *map(str, [*folders, killed]), "--out", str(tmp_path / "merged"), "--no-report")
    assert "killed is left out: a command ended there before it asked anything" in done.err
    assert done.code == 0, done.err
    (merged,) = (tmp_path / "merged").iterdir()
    same(whole, merged)
    (killed / "something.txt").touch()
    with pytest.raises(UsageError, match=r"no part of a run: it has no responses\.sqlite"):
        merge_runs([*folders, killed], tmp_path / "again")
    (killed / "something.txt").unlink()
    with pytest.raises(UsageError, match="none of the folders holds a part"):
        merge_runs([killed], tmp_path / "again")


def test_a_part_is_not_compared_as_if_it_were_a_run(parts, whole) -> None:
    with pytest.raises(UsageError, match="is part 1/2 of a run"):
        compare(Run(whole), Run(parts(2)[0]))


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_cannot_be_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="a shard is written 3/8"):
        Shard.parse(text)


def test_shards_and_merge_on_the_command_line(run_here, write, tmp_path: Path) -> None:
    suite = write("suite.yaml", SUITE)
    for part in ("1/2", "2/2"):
        done = run_here("run", suite, "-a", "mock", "--shard", part, "--out", tmp_path / "parts", "--no-report", "-q")
        assert done.code == 0, done.err
    done = run_here("merge", *(tmp_path / "parts").iterdir(), "--out", tmp_path / "merged")
    assert done.code == 0, done.err
    assert "qa/relaxed_accuracy" in done.out
    assert run_here("merge", next((tmp_path / "parts").iterdir())).code == 2


# Recovering


@pytest.fixture
def killed(bind, mock, tmp_path: Path, monkeypatch) -> Path:
    return broken(bind(SUITE), mock, RunOptions(tmp_path / "killed"), monkeypatch, 13)


def test_the_record_of_a_killed_run_is_written_from_its_sound_store(killed: Path, whole: Path) -> None:
    found = recover_run(killed)
    assert (found.saved, found.expected, found.damaged) == (45, 59, None)
    assert (found.record.status, found.record.reason) == ("interrupted", "recovered: 45 of 59 responses")
    assert Run(killed).table().num_rows == 45
    assert resume_run(killed, RunOptions(), Silent())[1].status == "complete"
    same(whole, killed)


@pytest.mark.parametrize("share", [0.95, 0.8, 0.6])
def test_what_is_left_of_a_truncated_store_is_saved_in_whole_batches_and_continued(
    killed: Path, whole: Path, share: float
) -> None:
    file = killed / STORE_FILE
    size = file.stat().st_size
    os.truncate(file, int(size * share))
    with pytest.raises(Exception, match="harness recover"):
        resume_run(killed, RunOptions(), Silent())
    found = recover_run(killed)
    assert found.damaged is not None
    assert found.damaged.stat().st_size == int(size * share)
    assert (0 if share == 0.6 else 1) <= found.saved <= 45
    rows = Run(killed).table().select(["task", "cell", "batch"]).to_pylist()
    batches = {(row["task"], row["cell"], row["batch"]): 0 for row in rows}
    for row in rows:
        batches[row["task"], row["cell"], row["batch"]] += 1
    assert set(batches.values()) <= {4, 3, 2}
    assert resume_run(killed, RunOptions(), Silent())[1].status == "complete"
    same(whole, killed)


def overwrite(file: Path, page: int) -> None:
    content = bytearray(file.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    file.write_bytes(content)


def test_pages_that_were_overwritten_cost_their_batches_only(killed: Path, whole: Path) -> None:
    overwrite(killed / STORE_FILE, (killed / STORE_FILE).stat().st_size // 4096 * 3 // 4)  # not the root of the answers
    assert 0 < recover_run(killed).saved <= 45
    assert resume_run(killed, RunOptions(), Silent())[1].status == "complete"
    same(whole, killed)


def test_where_what_was_sent_is_lost_the_answers_are_not(killed: Path, whole: Path) -> None:
    file = killed / STORE_FILE
    with closing(sqlite3.connect(file)) as store:
        before = store.execute("select count(*) from responses").fetchone()[0]
        (root,) = store.execute("select rootpage from sqlite_master where name = 'sents'").fetchone()
    overwrite(file, root - 1)
    assert recover_run(killed).saved == before
    assert resume_run(killed, RunOptions(), Silent())[1].status == "complete"
    answers = [Run(folder).table()["response"] for folder in (whole, killed)]
    assert answers[0].equals(answers[1])


@pytest.mark.parametrize("content", [b"", b"no database " * 1000])
def test_a_store_of_which_nothing_can_be_read_is_set_aside_and_begun_anew(
    killed: Path, whole: Path, content: bytes
) -> None:
    (killed / STORE_FILE).write_bytes(content)
    assert recover_run(killed).saved == 0
    assert (killed / "damaged-1" / STORE_FILE).read_bytes().startswith(content)
    assert resume_run(killed, RunOptions(), Silent())[1].status == "complete"
    same(whole, killed)


@pytest.mark.parametrize("content", [b"", b"no database " * 1000])
def test_without_what_the_run_was_nothing_can_be_saved_and_that_is_said(killed: Path, content: bytes) -> None:
    (killed / STORE_FILE).write_bytes(content)
    (killed / f"{STORE_FILE}-manifest").unlink()
    with pytest.raises(UsageError, match="not even its first pages"):
        recover_run(killed)
    assert (killed / "damaged-1" / STORE_FILE).read_bytes().startswith(content)


def test_recover_on_the_command_line_says_how_to_go_on(killed: Path, run_here) -> None:
    done = run_here("recover", killed)
    assert (done.code, done.out.splitlines()[0]) == (0, "45 of 59 responses saved")
    assert f"harness resume {killed}" in done.out
    done = run_here("resume", killed, "--no-report", "-q")
    assert done.code == 0, done.err
    assert run_here("recover", killed).code == 2
