"""Commits of the past, each run with its own suite, and asv's habit of saving nothing."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.history import files, runs
from harness.history.commits import span
from harness.history.files import ResultFile
from harness.history.measure import Measured, Place
from harness.history.replay import measure_again
from harness.record.lineage import machine
from tests.history.helpers import Repository

SUITE = """\
suite: tiny
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
"""
ROWS = "".join(json.dumps({"id": f"s{i}", "question": f"What is {i}?", "answer": str(i)}) + "\n" for i in range(10))


def lay(repository: Repository, name: str, text: str) -> None:
    (repository.root / name).write_text(text, encoding="utf-8")
    repository.git("add", name)


def test_each_commit_runs_its_own_suite_and_one_that_cannot_be_run_is_a_gap(run_here, repository: Repository) -> None:
    lay(repository, "rows.jsonl", ROWS)
    lay(repository, "right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")
    lay(repository, "suite.yaml", SUITE)
    repository.commit("all right", 1_700_000_000)
    lay(repository, "suite.yaml", SUITE.replace("exact_match", "no_such_metric"))
    repository.commit("breaks the suite", 1_700_003_600)
    lay(repository, "suite.yaml", SUITE.replace("suite: tiny", "suite: tiny\ntier: core"))
    lay(repository, "right.yaml", "adapter: right\ntype: mock\nerror_rate: 1\n")
    repository.commit("makes the model wrong", 1_700_007_200)
    arguments = ("--suite", "suite.yaml", "--adapter", "right.yaml", "--repository", repository.root)
    done = run_here("history", "run", f"{repository.commits[0].hash}..HEAD", *arguments)
    assert done.code == 0, done.err
    assert "no_such_metric" in done.out
    assert done.out.splitlines()[-1] == "2 of 3 commits have values"
    by_commit = {one.commit: one for one in runs.read(repository.results)}
    assert [bool(by_commit[commit.hash].run) for commit in repository.commits] == [True, False, True]
    values = [
        files.read_file(file)["suites.tiny.qa.exact_match_error"]["right (simulated)", ""].value
        for commit in repository.commits
        for file in files.result_files(repository.results)
        if file.name.startswith(commit.hash[:8])
    ]
    assert values == [0.0, None, 1.0]
    assert repository.git("worktree", "list").count("\n") == 1
    assert repository.git("status", "--porcelain", "--untracked-files=no") == ""


def test_the_gate_measures_a_commit_again_before_it_fails_it(run_here, repository: Repository) -> None:
    lay(repository, "rows.jsonl", ROWS)
    lay(repository, "suite.yaml", SUITE)
    lay(repository, "wrong.yaml", "adapter: wrong\ntype: mock\nerror_rate: 1\n")
    for i in range(8):
        repository.commit(f"good {i}", 1_700_000_000 + i * 3600)
    *good, bad = [*repository.commits, repository.commit("bad", 1_700_100_000)]
    at = ("--repository", repository.root)
    asked = ("--suite", "suite.yaml", "--adapter", "wrong.yaml", "--limit", "8")
    assert run_here("history", "run", bad, *asked, *at).code == 0
    (first,) = runs.read(repository.results)
    for commit in good:
        file = ResultFile(commit.hash, commit.date, machine())
        place = Place("suites.tiny.qa.exact_match_error", "1 − exact_match", first.adapter, "")
        file.add([(place, Measured(0.0, 0.0, 0.3, 8))], 1, "1")
        files.write(repository.results, file)
        runs.add(repository.results, [replace(first, commit=commit.hash, run=f"run-{commit.hash}")])
    waits = run_here("history", "gate", "--no-remeasure", *at)
    assert (waits.code, waits.err) == (3, "")
    assert "1 inconclusive: measure again" in waits.out
    done = run_here("history", "gate", *at)
    assert done.err == f"measuring {bad[:8]} again: tiny on wrong (simulated)\n"
    assert done.code == 1
    assert "the second measurement confirms it" in done.out
    (line,) = (one for one in runs.read(repository.results) if one.commit == bad)
    assert [earlier["run"] for earlier in line.before] == [first.run]
    assert line.run != first.run
    assert line.limit == 8
    elsewhere = measure_again(replace(line, machine="a-cray-64"), repository.commits[-1], repository.root, Path())
    assert elsewhere.startswith("it was measured on a-cray-64")


def test_a_commit_that_failed_first_gets_its_nulls_and_later_its_values(repository: Repository) -> None:
    from harness.history import record

    repository.commit("one", 1_700_000_000)
    record.add_failure("tiny", "right", repository.commits[0], "no", repository.results)
    assert [one.status for one in runs.read(repository.results)] == ["no"]
    assert files.result_files(repository.results) == []


def test_a_range_holds_both_its_ends_and_an_unknown_commit_is_named(repository: Repository) -> None:
    hashes = [repository.commit(str(i), 1_700_000_000 + i) for i in range(4)]
    assert [commit.hash for commit in span(repository.root, f"{hashes[1]}..{hashes[3]}")] == hashes[1:]
    assert [commit.hash for commit in span(repository.root, hashes[2])] == [hashes[2]]
    with pytest.raises(UsageError, match="there is no commit 'nowhere'"):
        span(repository.root, "nowhere..HEAD")
    with pytest.raises(UsageError, match="does not lead to"):
        span(repository.root, f"{hashes[3]}..{hashes[0]}")


@pytest.mark.slow
def test_asv_saves_nothing_of_an_existing_environment_unless_it_is_told_the_commit(repository: Repository) -> None:
    (repository.root / "benchmarks").mkdir()
    lay(repository, "benchmarks/__init__.py", "")
    lay(repository, "benchmarks/one.py", "def track_one():\n    return 1\n")
    hash_ = repository.commit("one", 1_700_000_000)
    asv(repository.root, "machine", "--yes", "--machine", "m")
    asv(repository.root, "run", "--python=same", "--machine", "m")
    assert not list(repository.results.rglob(f"{hash_[:8]}*"))
    asv(repository.root, "run", "--python=same", "--machine", "m", "--set-commit-hash", hash_)
    (saved,) = repository.results.rglob(f"{hash_[:8]}*")
    assert json.loads(saved.read_text())["results"]["one.track_one"][0] == [1]


def test_the_makefile_tells_asv_the_commit_and_one_environment() -> None:
    text = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "asv run" in line]
    assert "--python=same" in line
    assert "--set-commit-hash" in line


def asv(folder: Path, *arguments: str) -> None:
    home = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=folder, check=True, capture_output=True, env=home)
