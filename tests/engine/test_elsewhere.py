"""A run's files stay where they were to be, whatever an adapter does to the working folder, and others to the files."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.adapters.mock import MockAdapter
from harness.errors import ExitCode
from harness.record import read_run
from harness.record.folder import STORE_FILE
from harness.types import Request, Response

SUITE = """\
suite: elsewhere
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
gates: [{metric: qa/exact_match, min: 0.1}]
"""


class Restless(MockAdapter):
    """Goes to another folder when it is loaded, and whenever it is asked."""

    def fingerprint(self) -> str:
        os.chdir("/")
        return super().fingerprint()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        os.chdir("/usr")
        return super().generate(requests)


class Deleting(MockAdapter):
    """Deletes the folder of its run, and counts how often it is asked after that."""

    runs: Path
    asked = 0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        Deleting.asked += 1
        if Deleting.asked == 2:
            shutil.rmtree(next(Deleting.runs.glob("elsewhere-*")))
        return super().generate(requests)


@pytest.fixture
def here(plug_in, write, tmp_path: Path, monkeypatch) -> Path:
    for name in ("Restless", "Deleting"):
        plug_in("adapters", name.lower(), f"{__name__}:{name}")
        write(f"{name.lower()}.yaml", f"adapter: {name.lower()}\ntype: {name.lower()}\nbatch_size: 1\n")
    write("rows.jsonl", "".join(json.dumps({"question": f"{i}?", "answer": "a"}) + "\n" for i in range(40)))
    write("suite.yaml", SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_start_where_the_command_was_given(here: Path, run_here) -> None:
    adapters = ["-a", "restless.yaml", "-a", "restless.yaml"]
    done = run_here("run", "suite.yaml", *adapters, "--out", "runs", "-q", "--limit", "2")
    assert "record: " in done.out, done.err
    folders = sorted((here / "runs").iterdir())
    assert [read_run(folder).status for folder in folders] == ["complete"] * 2
    assert all((folder / "report.html").is_file() for folder in folders)
    os.chdir(here)
    gate = ["gate", "suite.yaml", "-a", "restless.yaml", "--out", "judged", "-q", "--limit", "2", "--junit", "gate.xml"]
    done = run_here(*gate)
    assert (here / "gate.xml").is_file(), done.err
    assert len(list((here / "judged").glob("*/run.json"))) == 1


def test_paths_are_shown_as_they_are_typed(here: Path, run_here) -> None:
    done = run_here("run", "suite.yaml", "-a", "mock", "--out", "runs", "-q", "--limit", "2")
    assert "\nrecord: runs/elsewhere-mock-" in done.out


def test_a_run_whose_folder_is_deleted_stops_there_and_says_so(here: Path, run_here) -> None:
    Deleting.runs, Deleting.asked = here / "runs", 0
    done = run_here("run", "suite.yaml", "-a", "deleting.yaml", "--out", "runs", "-q")
    assert done.code == ExitCode.RUN_FAILED
    assert "was deleted or replaced while the run went on; its answers are lost, so it stops here" in done.err
    assert Deleting.asked < 20
    assert not list((here / "runs").iterdir())


def test_what_killed_runs_wrote_half_is_swept_when_another_begins(here: Path, run_here) -> None:
    old, young = here / "runs" / "old", here / "runs" / "young"
    for folder in (old, young, here / "runs" / ".imported.part"):
        folder.mkdir(parents=True)
        (folder / ".run.json.part").write_text("{")
    (old / STORE_FILE).write_text("")
    yesterday = time.time() - 100_000
    for left in (old / ".run.json.part", here / "runs" / ".imported.part"):
        os.utime(left, (yesterday, yesterday))
    run_here("run", "suite.yaml", "-a", "mock", "--out", "runs", "-q", "--limit", "2", "--no-report")
    left = {str(path.relative_to(here / "runs")) for path in (here / "runs").rglob("*.part")}
    assert left == {"young/.run.json.part"}
    assert (old / STORE_FILE).is_file()
