"""Tasks that call models by themselves: one that hangs or dies costs its side of a cell, and the run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from harness.errors import AdapterError
from harness.hosts.apart import Apart, Link, Unwanted
from harness.hosts.far import Lender
from harness.hosts.host import Died, Late
from harness.hosts.process import ProcessHost
from harness.hosts.pulse import Pulse
from harness.record import Run
from harness.tasks import Loss, LostError, Watch
from harness.types import Adapter, Status

ROOT: Final = Path(__file__).resolve().parents[2]
MODEL: Final = """
import ctypes, os, resource, time
from pathlib import Path

def fault(kind):
    if kind == "hang":
        time.sleep(3600)
    if kind == "exit":
        os._exit(3)
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "leave":
        raise SystemExit(3)
    if kind == "raise":
        raise ValueError("no")
    if kind == "print":
        os.write(1, b"rubbish")
        print("rubbish", flush=True)
    if kind == "memory":
        before = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), before[1]))
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

class M:
    def __init__(self, kind="", at=0, once="", on=False):
        self.kind, self.at, self.once, self.on, self.calls = kind, at, once, on, 0
        if at < 0:
            fault(kind)

    def __call__(self, prompt, images):
        self.calls += 1
        if (self.calls == self.at or self.on and self.calls > self.at) and not (self.once and Path(self.once).exists()):
            fault(self.kind)
            if self.kind == "shape":
                return ["a", "b"]
        return "a"
"""
ROWS: Final = "".join(f'{{"id": "row-{i}", "question": "{i}?", "answer": "a"}}\n' for i in range(3))
CELL: Final = "batch=1"


@pytest.fixture
def folder(tmp_path: Path, write: Callable[..., Path]) -> Path:
    write("model.py", MODEL)
    write("rows.jsonl", ROWS)
    write("good.yaml", "adapter: good\ntype: python\ntarget: model.py:M\n")
    return tmp_path


def suite(tasks: str, engine: str = "{timeout: 2, load_timeout: 4}") -> str:
    rows = "{type: jsonl, path: rows.jsonl}"
    return f"suite: s\nversion: 1\nengine: {engine}\ndatasets: {{d: {rows}}}\ntasks:\n{tasks}"


def statuses(run: Run, cell: str = CELL) -> dict[str, Counter[tuple[str, str]]]:
    """Of each task: how many calls of which side ended in which status."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for row in run.samples().to_dict("records"):
        if row["cell"] == cell:
            side = row["sample_id"].partition("-")[2]
            found.setdefault(row["task"], Counter())[side, row["status"]] += 1
    return found


CASES: Final = {
    # what it does, in which call (-1: while it is loaded), how its calls end, and what is said of one
    "hangs_in_load": ("hang", -1, "timeout", "loading hangs_in_load.yaml: not loaded within 4 s"),
    "hangs_in_warm_up": ("hang", 1, "timeout", "no answer within 2 s; its process was killed"),
    "dies": ("segfault", 3, "error", "its process died: signal SIGSEGV"),
    "is_interrupted": ("interrupt", 3, "error", "the adapter raised KeyboardInterrupt"),
    "cannot_be_loaded": ("raise", -1, "error", "ValueError: no"),
}
KINDS: Final = {"leaves": "leave", "lacks_memory": "memory", "answers_lists": "shape"}
"""Faults from the fourth call on, each of which costs its call."""


def test_a_model_that_hangs_or_dies_costs_its_side_of_a_cell_and_the_others_are_measured(
    folder: Path, write: Callable[..., Path], run_apart: Callable[..., Any]
) -> None:
    kinds = {name: (kind, at) for name, (kind, at, *_) in CASES.items()}
    kinds |= {name: (kind, 4) for name, kind in KINDS.items()} | {"prints": ("print", 2)}
    tasks = ""
    for name, (kind, at) in kinds.items():
        options = f"{{kind: {kind}, at: {at}, on: {json.dumps(name in KINDS)}}}"
        write(f"{name}.yaml", f"adapter: {name}\ntype: python\ntarget: model.py:M\noptions: {options}\n")
        tasks += f"  {name}: {{kind: latency, dataset: d, against: [{name}.yaml, good.yaml], rounds: 3, warmup: 1, "
        tasks += "accuracy: false, footprint: false}\n"
    write("s.yaml", suite(tasks))
    done = run_apart("run", "s.yaml", "-a", "good.yaml", "--no-report", "--json", cwd=folder)
    assert done.code in (3, 4), done.err
    (record,) = json.loads(done.out)  # whatever models print
    run = Run(next((folder / "results" / "runs").iterdir()))
    ended = statuses(run)
    assert [*ended] == [*kinds]
    for name in kinds:
        assert [ended[name][side, "ok"] for side in ("candidate", "good.yaml")] == [3, 3], name
        assert record["tasks"][name]["metrics"]["speedup[good.yaml]"]["n"] == 3
    for name, (_, _, status, said) in CASES.items():
        assert ended[name][f"{name}.yaml", status] == 3, name
        assert record["tasks"][name]["metrics"]["speedup"]["n"] == 0
        errors = {
            row["error"] for row in run.samples().to_dict("records") if (row["task"], row["status"]) == (name, status)
        }
        assert len(errors) == 1
        assert said in errors.pop()
    for name in KINDS:
        assert ended[name][f"{name}.yaml", "error"] == 2, name
        assert ended[name][f"{name}.yaml", "ok"] == 1, name
    assert ended["prints"]["prints.yaml", "ok"] == 3
    assert sum(record["responses"].values()) == 9 * len(kinds)
    assert "21 of 81" in record["reason"]


def test_a_load_that_takes_the_model_down_costs_that_load(
    folder: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    # 33 calls alone, then the first load; the second finds the file that the first left.
    write("model.py", MODEL.replace("os._exit(3)", 'Path("gone").write_text(""); time.sleep(3600)'))
    write("bad.yaml", "adapter: bad\ntype: python\ntarget: model.py:M\noptions: {kind: exit, at: 36, once: gone}\n")
    keys = "rates: [200, 400], requests: 8, slo_ms: 1000, max_batch_size: 1, baseline: false"
    write("s.yaml", suite(f"  t: {{kind: serving, dataset: d, {keys}}}\n"))
    done = run_here("run", "s.yaml", "-a", "bad.yaml", "--no-report", "--json")
    assert done.code == 3, done.err
    (record,) = json.loads(done.out)
    cells = record["tasks"]["t"]["cells"]
    assert cells["rate=200,policy=dynamic"]["metrics"]["p50"]["n"] == 0
    assert cells["rate=400,policy=dynamic"]["metrics"]["achieved_rate"]["value"] > 0
    assert record["responses"] == {"ok": 8, "timeout": 8}
    assert "a call under rate=200,policy=dynamic: no answer within 2 s" in record["failures"][0]["said"]


def test_killed_midway_it_leaves_nobody_behind_and_goes_on_with_the_cell_it_was_at(
    folder: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    # It writes down its process and hangs in the second cell, until there is a file.
    hang = 'Path("pid").write_text(str(os.getpid())); time.sleep(3600)'
    write("model.py", MODEL.replace("time.sleep(3600)", hang))
    write("bad.yaml", "adapter: bad\ntype: python\ntarget: model.py:M\noptions: {kind: hang, at: 9, once: free}\n")
    keys = "against: bad.yaml, rounds: 3, warmup: 1, accuracy: false, footprint: false, batch_sizes: [1, 2]"
    write("s.yaml", suite(f"  t: {{kind: latency, dataset: d, {keys}}}\n", "{timeout: 600}"))
    command = [sys.executable, "-m", "harness", "run", "s.yaml", "-a", "good.yaml", "--no-report"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        while not (folder / "pid").exists() or not (folder / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    child = int((folder / "pid").read_text())
    assert gone(child)
    (folder / "free").touch()
    (unfinished,) = (folder / "results" / "runs").iterdir()
    done = run_here("resume", "--no-report", "-q")
    assert done.code == 0, done.err
    assert "6 responses are there already" in done.err
    assert statuses(Run(unfinished)) == {"t": Counter({("candidate", "ok"): 3, ("bad.yaml", "ok"): 3})}
    assert statuses(Run(unfinished), "batch=2") == statuses(Run(unfinished))


def gone(process: int) -> bool:
    """Wait until a process is gone; it may take a moment to be killed."""
    for _ in range(600):
        try:
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def apart() -> Iterator[Callable[..., Apart]]:
    begun: list[Apart] = []

    def start(target: Callable[[Link], None]) -> Apart:
        begun.append(Apart(target))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


def obeys(link: Link) -> None:
    """What a process of these tests does."""
    while (order := link.receive()) is not None:
        match order:
            case "echo":
                sys.stdout.write("no message\n")
                link.send(os.getpid())
            case "hang":
                link.say("call", "hanging")
                time.sleep(3600)
            case "die":
                link.say("call", "dying")
                os._exit(7)
            case "cut":
                link._outbox.write(b"\x80\x05\x95half")
                link._outbox.flush()
                os._exit(8)
            case "fork":
                child = os.fork()
                if not child:
                    time.sleep(3600)
                link.send(child)
                os._exit(9)


def test_a_process_apart_is_heard_watched_and_ended(apart: Callable[..., Apart]) -> None:
    process = apart(obeys)
    process.send("echo")
    pid = process.receive({}, lambda: False)
    process.send("hang")
    with pytest.raises(Unwanted):
        process.receive({"call": 3600.0}, lambda: True)
    with pytest.raises(Late):
        process.receive({"call": 0.1}, lambda: False)
    assert process.step() == ("call", "hanging")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Died, match="signal SIGKILL"):
        process.receive({}, lambda: False)


@pytest.mark.parametrize(("order", "code"), [("die", 7), ("cut", 8), ("fork", 9)])
def test_the_end_of_a_process_is_told_though_it_was_cut_off_or_left_another_behind(
    apart: Callable[..., Apart], order: str, code: int
) -> None:
    process = apart(obeys)
    process.send(order)
    child = process.receive({}, lambda: False) if order == "fork" else 0
    with pytest.raises(Died, match=f"exit code {code}"):
        process.receive({}, lambda: False)
    process.kill()
    assert not child or gone(child)


def never_loads() -> Adapter:
    time.sleep(3600)
    raise AssertionError


def test_a_model_that_hangs_while_it_is_loaded_in_a_process_is_given_up() -> None:
    with pytest.raises(AdapterError, match=r"not loaded within 0.5 s \(`engine: load_timeout`\)"):
        ProcessHost(never_loads, Lender(never_loads), 0.5)


def test_a_pulse_is_whole_whatever_is_said() -> None:
    with closing(Pulse.new()) as watcher, closing(Pulse.of(watcher.file)) as worker:
        assert (watcher.last().count, watcher.last().doing) == (0, "")
        for number, step in enumerate(["a", "é" * 5000, "", "b"], 1):
            worker.say("load", step)
            beat = watcher.last()
            assert (beat.count, beat.doing) == (number, "load")
            assert step.startswith(beat.step.rstrip("\ufffd"))
            assert len(beat.step) > 400 or beat.step == step


def test_what_is_lost_can_be_looked_for_and_is_refused() -> None:
    watch = Watch({"b": Loss(Status.TIMEOUT, "late")})
    assert watch.lost("a", "c") is None
    assert watch.lost("a", "b") == Loss(Status.TIMEOUT, "late")
    with watch.during("call", "a"):
        pass
    with pytest.raises(LostError, match="late"), watch.during("call", "b"):
        raise AssertionError


def test_signals_for_whoever_started_it_do_not_reach_a_process_apart(apart: Callable[..., Apart]) -> None:
    process = apart(obeys)
    for number in (signal.SIGINT, signal.SIGTERM):
        process.send("echo")
        os.kill(process.receive({}, lambda: False), number)
    process.send("echo")
    assert process.receive({}, lambda: False) > 0
    process.close()
