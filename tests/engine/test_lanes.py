"""Samples that processes prepare are those that threads prepare, and a process that is lost costs one of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import harness
from harness.cpu import idle_seconds
from harness.engine import lanes
from harness.engine.options import Prepare, Silent
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.engine.worth import Worth
from harness.errors import UsageError
from harness.hosts import parcels
from harness.record import Run
from harness.record.schema import RunRecord
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite, load_suite
from harness.tasks import BuildContext
from harness.tasks.qa import QaTask
from tests.engine import odd

ROOT: Final = Path(__file__).resolve().parents[2]
TIMES: Final = ("batch_seconds", "seconds")
SUITE: Final = """\
suite: odd
version: 1
engine: {max_failures: 1}
datasets: {rows: {type: odd, count: COUNT, pause: PAUSE, faults: FAULTS}}
tasks: {qa: {kind: odd, dataset: rows, metrics: [exact_match]}}
"""


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plug-in that is installed for this test; the log of its pictures is written there."""
    odd.install(tmp_path, monkeypatch)
    return tmp_path


def text(count: int = 12, pause: float = 0.0, faults: Mapping[str, str] | None = None) -> str:
    told = SUITE.replace("COUNT", str(count)).replace("PAUSE", str(pause))
    return told.replace("FAULTS", json.dumps(dict(faults or {})))


def table(folder: Path) -> list[dict[str, Any]]:
    return Run(folder).table().drop_columns(TIMES).to_pylist()


class Runs:
    """Makes runs, each in a folder of its own, and hears what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    def __call__(self, suite: Suite, prepare: Prepare, adapter: str = "mock", **options: Any) -> tuple[Path, RunRecord]:
        self.said.clear()
        told = {"workers": 2, "batch_size": 4, **options}
        out = self.folder / f"runs-{len([*self.folder.glob('runs-*')])}"
        asked = RunOptions(out, prepare=prepare, say=self.said.append, **told)
        return run_suite(suite, read_adapter(adapter), asked, Silent())


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.mark.parametrize(
    ("suite", "adapter", "limit", "workers"),
    [
        ("robustness_full", "mock", 5, 2),
        ("robustness", "onnx-int8", 2, 1),
        ("temporal", "per-frame-onnx-int8", 2, 2),
        ("dialogue", "mock", 6, 3),
        ("ground_resized", "mock", 6, 2),
        ("ablate", "mock", 4, 2),
    ],
)
def test_shipped_suites_are_asked_the_same_in_processes(
    run: Runs, suite: str, adapter: str, limit: int, workers: int
) -> None:
    loaded = load_suite(suite)
    first, threads = run(loaded, "threads", adapter, limit=limit, workers=1, batch_size=None)
    again, processes = run(loaded, "processes", adapter, limit=limit, workers=workers, batch_size=None)
    assert run.said == []
    assert table(again) == table(first)
    assert processes.tasks == threads.tasks
    assert processes.gates == threads.gates
    assert "apart" not in threads.timings
    assert 0 < processes.timings["apart"] <= processes.timings["prepare"]


@pytest.mark.parametrize("shared", [True, False])
def test_pictures_of_all_kinds_of_a_users_own_task_are_asked_the_same(
    plugged: Path, bind, run: Runs, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    if not shared:
        monkeypatch.setattr(parcels, "_nameless", lambda: exec("raise OSError"))  # noqa: S102 - an expression raises
    suite = bind(text(24, faults={"r5": "local", "r9": "raise", "r10": "memory", "r11": "print"}))
    first, _ = run(suite, "threads")
    cpu = time.process_time()
    again, record = run(suite, "processes")
    cpu = time.process_time() - cpu
    assert record.cpu_seconds - cpu > 0.2, "that of two processes which import the harness is counted"
    rows = table(again)
    assert rows == table(first)
    assert Counter(row["status"] for row in rows) == {"ok": 22, "error": 2}
    assert record.timings["apart"] > 0
    assert run.said == []
    pids = [line.split() for line in Path("log").read_text().splitlines()][26:]
    here = {number for pid, number in pids if pid == str(os.getpid())}
    assert here == {"0", "5"}, "the first, to compare it, and the one that cannot be sent"


def test_a_sample_that_ends_its_process_costs_itself(
    plugged: Path, bind, run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LONGEST", 1.0)
    faults = {"r0": "segfault", "r5": "exit", "r6": "hang", "r7": "kill", "r12": "interrupt", "r21": "exit"}
    whole = bind(text(22).replace("max_failures: 1", "max_failures: 1, timeout: 1"))
    suite = bind(text(22, faults=faults).replace("max_failures: 1", "max_failures: 1, timeout: 1"))
    first, _ = run(whole, "threads")
    again, record = run(suite, "processes")
    good, rows = ({row["sample_id"]: row for row in table(folder)} for folder in (first, again))
    assert record.responses == {"ok": 16, "error": 6}
    assert {name: row["error"] for name, row in rows.items() if row["status"] == "error"} == {
        name: f"it could not be loaded and perturbed: {said}"
        for name, said in {
            "r0": "its process died: signal SIGSEGV",
            "r5": "its process died: exit code 3",
            "r6": "no end of it within 1 s; its process was killed",
            "r7": "its process died: signal SIGKILL",
            "r12": "its process died: signal SIGINT",
            "r21": "its process died: exit code 3",
        }.items()
    }
    assert {name: row for name, row in rows.items() if name not in faults} == {
        name: row for name, row in good.items() if name not in faults
    }
    assert run.said == []


def test_a_process_that_ends_for_no_samples_sake_again_and_again_is_done_without(
    plugged: Path, bind, run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plugged / "odd_plug_in.py").write_text(
        odd.CODE.replace("def __iter__(self):", "def __iter__(self):\n        " + _ELSEWHERE)
    )
    suite = bind(text(10))
    first, _ = run(suite, "threads")
    again, _ = run(suite, "processes", workers=1)
    assert table(again) == table(first)
    assert run.said == [
        "warning: samples are prepared in threads; in a process of its own: it ended 3 times: exit code 5"
    ]


_ELSEWHERE: Final = "os.getpid() == int(os.environ['ODD_PARENT']) or os._exit(5)"


class Louder(QaTask):
    """Asks in another way than the suite's file says."""

    def requests(self, cell, sample, *, oracle):
        (one,) = super().requests(cell, sample, oracle=oracle)
        return (replace(one, prompt=one.prompt.upper()),)


CHARTS: Final = """\
suite: charts
version: 1
datasets: {charts: {type: charts, limit: 12}, more: {type: charts, limit: 12, seed: 3}}
tasks:
  one: {kind: qa, dataset: charts, metrics: [exact_match]}
  two: {kind: qa, dataset: charts, metrics: [exact_match]}
"""


def test_what_is_only_in_this_process_is_prepared_in_threads(bind, run: Runs) -> None:
    suite = bind(CHARTS)
    other = bind(CHARTS.replace("two: {kind: qa, dataset: charts", "two: {kind: qa, dataset: more")).tasks["two"]
    louder = Louder.build("one", suite.tasks["one"].config, BuildContext(suite.spec.seed, suite.datasets, {}))
    mine = replace(suite, tasks={"one": louder, "two": other})
    first, _ = run(mine, "threads")
    again, record = run(mine, "processes")
    assert table(again) == table(first)
    assert table(again) != table(run(suite, "threads")[0])
    warned = "warning: samples of {} are prepared in threads; in a process of its own: {}"
    run(mine, "processes")
    assert run.said[0].startswith(warned.format("one", ""))
    assert run.said[0].endswith("is asked otherwise there than here")
    assert run.said[1:] == [warned.format("two", "it has other samples there, or such as cannot be sent")]
    assert record.responses == {"ok": 24}


def test_a_plug_in_that_only_this_process_knows_is_prepared_in_threads(
    bind, run: Runs, plug_in: Callable[[str, str, str], None]
) -> None:
    plug_in("tasks", "louder", "tests.engine.test_lanes:Louder")
    suite = bind(CHARTS.replace("one: {kind: qa", "one: {kind: louder"))
    first, _ = run(suite, "threads")
    again, record = run(suite, "processes")
    assert table(again) == table(first)
    assert "apart" not in record.timings
    (said,) = run.said
    assert said.startswith("warning: samples are prepared in threads; in a process of its own: ")
    assert "'louder'" in said


def test_auto_begins_with_threads_and_goes_on_in_processes_where_they_are_worth_it(
    plugged: Path, bind, run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = bind(text(200))
    first, record = run(suite, "auto")
    assert ("apart" in record.timings, run.said) == (False, []), "it is over before anything is shown"
    monkeypatch.setattr(lanes, "usable_cores", lambda: 2)
    monkeypatch.setattr(lanes.Worth, "shown", lambda self, samples: True)
    _, record = run(suite, "auto", workers=1)
    assert "apart" not in record.timings, "one process is no faster than a thread"
    again, record = run(bind(text(200, pause=0.05)), "auto")
    assert run.said == ["samples are prepared in 2 processes from here on: the model waits for them"]
    assert 0 < record.timings["apart"] < record.timings["prepare"]
    assert table(again) == table(first)


class Clock:
    """Wall-clock and CPU time that pass as a test says."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def perf_counter(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.cpu

    def go(self, wall: float, cpu: float) -> None:
        self.wall += wall
        self.cpu += cpu


def test_idle_cores_are_those_of_this_process_and_idle_time_never_goes_back() -> None:
    first, second = idle_seconds(), idle_seconds()
    if first is None or second is None:
        pytest.skip("the system does not tell")
    assert 0 <= first <= second


@pytest.mark.parametrize(
    ("waited", "used", "left", "idle", "worth"),
    [
        (0.95, 1.2, 10_000, 0.8, True),
        (0.95, 1.2, 10_000, None, True),  # the system does not tell
        (0.5, 1.2, 10_000, 0.8, False),  # the model is as slow
        (0.95, 0.2, 10_000, 0.8, False),  # the disk is slow
        (0.95, 1.9, 10_000, 0.8, False),  # threads are as good as processes
        (0.95, 1.2, 500, 0.8, False),  # it is soon over
        (0.95, 1.2, 10_000, 0.1, False),  # others are at work
    ],
)
def test_processes_are_worth_it_where_threads_hold_each_other_up_for_long(
    monkeypatch: pytest.MonkeyPatch, waited: float, used: float, left: int, idle: float | None, worth: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr("harness.engine.worth.time", clock)
    monkeypatch.setattr("harness.engine.worth.idle_seconds", lambda: idle and clock.wall * idle)
    seen = Worth(left, 2)
    found = []
    for _ in range(12):  # seconds, in each of which forty samples are begun
        found.append(seen.shown(40))
        seen.wait(lambda: clock.go(waited, waited * used))
        clock.go(1 - waited, (1 - waited) * used)
    assert found[:4] == [False] * 4
    assert found[4] is worth
    assert any(found) is worth


def test_a_run_that_was_killed_goes_on_in_any_way_and_leaves_no_process_behind(plugged: Path, bind, run: Runs) -> None:
    first, _ = run(bind(text(24)), "threads")
    Path("log").unlink()
    Path("wait").touch()
    Path("suite.yaml").write_text(text(24, pause=0.05, faults={"r17": "wait"}))
    begun = _begin("runs")
    _wait(lambda: any(line.endswith(" 17") for line in _log()))
    time.sleep(0.3)
    begun.kill()
    begun.communicate()
    _wait(lambda: not any(map(_alive, _pids())))
    assert _pids() - {begun.pid}
    Path("wait").unlink()
    (folder,) = Path("runs").iterdir()
    folder, record = resume_run(folder, RunOptions(workers=1, prepare="processes"), Silent())
    assert record.status == "complete"
    assert record.timings["apart"] > 0
    assert table(folder) == table(first)


def test_python_refuses_a_way_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="prepare must be one of threads, processes, auto, not 'fibres'"):
        harness.run("robustness", "mock", prepare="fibres")  # type: ignore[arg-type]


def test_profile_says_where_samples_were_prepared(plugged: Path, run_apart: Callable[..., Any]) -> None:
    Path("suite.yaml").write_text(text(4))
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{plugged}"}
    command = ("run", "suite.yaml", "-a", "mock", "-q", "--no-report", "--fresh", "--profile", "--prepare")
    said = {how: run_apart(*command, how, cwd=plugged, env=environment).out for how in ("threads", "processes")}
    assert "loaded and perturbed (ahead of the model), in threads\n" in said["threads"]
    assert re.search(r"ahead of the model\), [0-9.]+ s of it in processes of their own\n", said["processes"])


def _begin(out: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path.cwd()}", "ODD_PARENT": "0"}
    command = [sys.executable, "-m", "harness", "run", "suite.yaml", "-a", "mock", "-b", "4", "-j", "2", "-o", out]
    return subprocess.Popen(
        [*command, "--prepare", "processes", "--no-report", "-q"], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _log() -> list[str]:
    return Path("log").read_text().splitlines() if Path("log").exists() else []


def _pids() -> set[int]:
    return {int(line.split()[0]) for line in _log()}


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("times", "fault"), [(1, "wait"), (2, "hang")])
def test_ctrl_c_leaves_no_process_behind(plugged: Path, times: int, fault: str) -> None:
    Path("suite.yaml").write_text(text(400, pause=0.01, faults={"r30": fault}))
    begun = _begin("runs")
    _wait(lambda: any(line.endswith(" 30") for line in _log()))
    for _ in range(times):
        begun.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, said = begun.communicate(timeout=60)
    assert begun.returncode == 130, said
    assert "Traceback" not in said
    assert "to continue: harness resume runs/" in said
    _wait(lambda: not any(map(_alive, _pids())))
