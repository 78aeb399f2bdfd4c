"""Names for runs: parts of ids, and counting back from the newest."""

import json
import os
import shutil
from pathlib import Path

import pytest

import harness
from harness.engine.named import counted, locate_run
from harness.errors import UsageError
from harness.record import Run
from harness.record.folder import write_run


@pytest.fixture
def runs(small_run: Path, tmp_path: Path) -> Path:
    """Three runs: of `a`, of `b`, and of `a` again, the newest."""
    for seconds, (name, adapter) in enumerate((("s-a-1", "a"), ("s-b-2", "b"), ("s-a-3", "a"))):
        folder = tmp_path / "runs" / name
        shutil.copytree(small_run, folder)
        record = Run(folder).record
        named = record.adapter.model_copy(update={"name": adapter})
        write_run(folder, record.model_copy(update={"run_id": name, "adapter": named}))
        os.utime(folder / "run.json", (seconds, seconds))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("name", "folder"),
    [("@latest", "s-a-3"), ("@1", "s-a-3"), ("@2", "s-b-2"), ("@latest:b", "s-b-2"), ("@2:a", "s-a-1"), ("b", "s-b-2")],
)
def test_runs_are_counted_from_the_newest_or_named_by_a_part(runs: Path, name: str, folder: str) -> None:
    assert locate_run(name, runs).name == folder
    assert harness.load_run(name, runs).folder.name == folder


@pytest.mark.parametrize("name", ["@4", "@3:a", "@latest:c"])
def test_a_count_that_goes_too_far_says_how_many_there_are(runs: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no @\d.*: .* holds \d of them; harness list runs"):
        locate_run(name, runs)


def test_a_baselines_name_stays_what_it_is(runs: Path) -> None:
    assert counted("main", runs) == "main"
    assert counted("@2", runs) == str(runs / "s-b-2")


def test_commands_take_such_a_name(runs: Path, run_here) -> None:
    for command in (
        ("show", "@2"),
        ("compare", "@2:a", "@latest:a"),
        ("verify", "@1"),
        ("failures", "@1", "--vs", "@2:a"),
    ):
        done = run_here(*command, "--runs", runs)
        assert done.code == 0, (command, done.err)


def test_the_list_of_runs_is_newest_first_and_says_what_to_call_them(runs: Path, run_here) -> None:
    (runs / "s-b-2" / "run.json").write_text("{}")
    os.utime(runs / "s-b-2" / "run.json", (1, 1))
    printed = run_here("list", "runs", "--runs", runs)
    first = [line.split()[0] for line in printed.out.splitlines()[1:]]
    assert [one for one in first if one.startswith("@")] == ["@1", "@2", "@3"]  # a long path goes on in another line
    assert "unreadable" in printed.out
    told = json.loads(run_here("list", "runs", "--runs", runs, "--json").out)["runs"]
    assert [one["adapter"] for one in told] == ["a (simulated)", "", "a (simulated)"]
    assert told[0]["headline"].startswith("qa/relaxed_accuracy 0.")
    assert "make one: harness run" in run_here("list", "runs", "--runs", runs / "none").out
