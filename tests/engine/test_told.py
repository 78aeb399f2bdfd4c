"""A command that ended early finds its complete runs when it is given again: nothing is asked, and paid for, twice."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from harness.adapters.mock import MockAdapter
from harness.engine.open_run import OpenRun
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.engine.told import UNTOLD_FILE, Untold, invocation
from harness.errors import ExitCode
from harness.record.folder import SAMPLES_FILE, STORE_FILE
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.types import Request, Response

SUITE = """\
suite: told
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
gates: [{metric: qa/exact_match, min: 0.1}]
"""
ROWS = [{"id": f"r{i}", "question": f"{i}?", "answer": "a"} for i in range(6)]


class Killed(BaseException):
    """Nobody catches it: the process is gone."""


class Counted(MockAdapter):
    """Knows how many were asked, and presses Ctrl-C at one of them where that is wanted."""

    asked = 0
    stop_at = 0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        Counted.asked += len(requests)
        if Counted.asked == Counted.stop_at:
            Counted.stop_at = 0
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(2)  # the main thread hears it before all else is answered, on a busy machine too
        return super().generate(requests)


def dies(*_: object) -> None:
    raise Killed


class Slow(Counted):
    """Another, which may be down."""


@pytest.fixture
def asked(plug_in, write) -> Callable[[], int]:
    plug_in("adapters", "counted", f"{__name__}:Counted")
    plug_in("adapters", "slow", f"{__name__}:Slow")
    write("down.yaml", "adapter: down\ntype: slow\nbatch_size: 1\n")
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    write("suite.yaml", SUITE)
    for name in ("first", "slow"):
        write(f"{name}.yaml", f"adapter: {name}\ntype: counted\nbatch_size: 1\nerror_rate: 0.{len(name)}\n")
    Counted.stop_at = Counted.asked = 0

    def since() -> int:
        Counted.asked, count = 0, Counted.asked
        return count

    return since


def command(tmp_path: Path, *more: str) -> list[object]:
    files = [tmp_path / f"{name}.yaml" for name in more]
    return ["run", tmp_path / "suite.yaml", *(f"-a{file}" for file in files), "-o", tmp_path / "runs", "-q"]


@pytest.fixture
def choice(asked, tmp_path: Path) -> AdapterChoice:
    return read_adapter(str(tmp_path / "first.yaml"))


def test_a_command_stopped_in_its_second_run_does_not_ask_for_the_first_again(asked, run_here, tmp_path) -> None:
    Counted.stop_at = 8
    assert run_here(*command(tmp_path, "first", "slow")).code == ExitCode.INTERRUPTED
    done = run_here(*command(tmp_path, "first", "slow"))
    assert done.code == ExitCode.INCONCLUSIVE, done.err
    assert asked() == 12
    assert "is complete, and nobody was told: nothing is asked again" in done.err
    assert "side by side:" in done.out
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert not list((tmp_path / "runs").glob(f"*/{UNTOLD_FILE}"))
    run_here(*command(tmp_path, "first", "slow"))  # it was told: whoever asks once more wants new answers
    assert asked() == 12


def test_what_resume_finished_is_still_the_first_commands_to_tell(asked, run_here, tmp_path) -> None:
    Counted.stop_at = 8
    run_here(*command(tmp_path, "first", "slow"))
    assert "record:" in run_here("resume", "slow", "--runs", tmp_path / "runs", "-q").out
    assert asked() == 12
    assert "side by side:" in run_here(*command(tmp_path, "first", "slow")).out
    assert asked() == 0


@pytest.mark.parametrize("again", ["run", "resume"])
def test_a_run_killed_before_its_report_gets_it_and_asks_nothing(
    asked, run_here, tmp_path, monkeypatch, again: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("harness.report.html.write_html", dies)
        with pytest.raises(Killed):
            run_here(*command(tmp_path, "first"))
    (folder,) = (tmp_path / "runs").iterdir()
    assert not list(folder.glob(f"{STORE_FILE}*"))
    done = run_here(*(command(tmp_path, "first") if again == "run" else ["resume", "--runs", tmp_path / "runs", "-q"]))
    assert done.code == ExitCode.INCONCLUSIVE
    assert f"report: {folder / 'report.html'}" in done.out
    assert (folder / "report.html").is_file()
    assert asked() == 6
    assert "there is no unfinished run" in run_here("resume", "--runs", tmp_path / "runs").err


def test_a_complete_run_whose_store_still_lies_there_is_told_of_whatever_became_of_its_data(
    asked, choice, bind, run_here, write, tmp_path, monkeypatch
) -> None:
    def left(run: OpenRun, *_: object, **__: object) -> None:
        Untold(run.manifest.key, run.manifest.shard, run.manifest.several).write(run.folder)
        raise Killed  # it is complete, and its store still there

    with monkeypatch.context() as patch:
        patch.setattr(OpenRun, "settle", left)
        with pytest.raises(Killed):
            run_suite(bind(SUITE), choice, RunOptions(tmp_path / "runs"), Silent())
    (folder,) = (tmp_path / "runs").iterdir()
    before = (folder / "run.json").read_bytes()
    assert (folder / STORE_FILE).is_file()
    write("rows.jsonl", "".join(json.dumps(row | {"answer": "b"}) + "\n" for row in ROWS))
    assert "nobody was told: nothing is asked again" in run_here("resume", "--runs", tmp_path / "runs").err
    assert (folder / "run.json").read_bytes() == before
    assert asked() == 6


def test_a_gate_killed_before_its_comment_writes_it_and_asks_nothing(asked, run_here, tmp_path, monkeypatch) -> None:
    gate = ["gate", tmp_path / "suite.yaml", f"-a{tmp_path / 'first.yaml'}", "-o", tmp_path / "runs", "-q"]
    gate += ["--junit", tmp_path / "gate.xml"]

    with monkeypatch.context() as patch:
        patch.setattr("harness.report.junit.junit", dies)
        with pytest.raises(Killed):
            run_here(*gate)
    assert run_here(*gate).code == ExitCode.INCONCLUSIVE
    assert (tmp_path / "gate.xml").is_file()
    assert asked() == 6


def test_a_complete_run_that_was_damaged_since_is_asked_anew(asked, choice, bind, tmp_path) -> None:
    options = RunOptions(tmp_path / "runs")
    with suppress(Killed), invocation():
        folder, _ = run_suite(bind(SUITE), choice, options, Silent())
        dies()
    (folder / SAMPLES_FILE).write_bytes((folder / SAMPLES_FILE).read_bytes()[:-1])
    again, _ = run_suite(bind(SUITE), choice, options, Silent())
    assert (again == folder, asked()) == (False, 12)


def test_a_run_that_failed_is_asked_anew_and_those_beside_it_are_not(asked, run_here, tmp_path, monkeypatch) -> None:
    def refuses(self: Counted, requests: Sequence[Request]) -> list[Response]:
        raise ConnectionError("the server is down")

    for model in (refuses, Counted.generate):
        monkeypatch.setattr(Slow, "generate", model)
        done = run_here(*command(tmp_path, "first", "down"))
    assert done.code == ExitCode.INCONCLUSIVE
    assert asked() == 12


def test_one_command_that_names_an_adapter_twice_makes_two_runs(asked, choice, bind, tmp_path) -> None:
    options = RunOptions(tmp_path / "runs")
    with invocation(several=True):
        first, _ = run_suite(bind(SUITE), choice, options, Silent())
        second, _ = run_suite(bind(SUITE), choice, options, Silent())
    assert (first == second, asked()) == (False, 12)
