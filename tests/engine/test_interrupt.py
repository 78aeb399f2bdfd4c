"""Ctrl-C ends a run with exit code 130 and keeps what was measured."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness.record import Run, read_run

ROOT = Path(__file__).resolve().parents[2]

SLOW = """
import signal, sqlite3, sys, time
from pathlib import Path
from harness.adapters.mock import MockAdapter
from harness.cli import invoke
from harness.registry import registry

class Slow(MockAdapter):
    calls = 0
    def generate(self, requests):
        Slow.calls += 1
        if Slow.calls > 3:
            store = sqlite3.connect(next(Path("runs").glob("*/responses.sqlite")))
            while store.execute("select count(*) from responses").fetchone()[0] < 6:
                time.sleep(0.01)
            print("third batch stored", flush=True)
            time.sleep(3600)
        return super().generate(requests)

if __name__ == "__main__":
    # A shell makes what it starts in the background ignore SIGINT; here it must be heard.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import slow
    registry("adapters").add("slow", "slow:Slow")
    sys.exit(invoke(["run", "robustness", "-a", "slow.yaml", "--limit", "4", "--out", "runs"]))
"""


def test_ctrl_c_exits_with_130_and_saves_the_record_as_interrupted(write, tmp_path: Path) -> None:
    write("slow.py", SLOW)
    write("slow.yaml", "adapter: slow\ntype: slow\nbatch_size: 2\n")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    with subprocess.Popen(
        [sys.executable, "slow.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "third batch stored\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "once more to stop at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=60)  # the adapter itself would take an hour
        finally:
            process.kill()
    assert process.returncode == 130, said
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"interrupted; what was measured is in runs/{folder.name}" in said
    assert f"to continue: harness resume runs/{folder.name}" in said
    assert "Traceback" not in said
    record = read_run(folder)
    assert (record.status, record.reason) == ("interrupted", "stopped by the user")
    assert record.responses == {"ok": 6}
    assert record.gates == []
    assert record.tasks["chart-qa"].metrics["relaxed_accuracy"].statuses == {"ok": 4}
    assert record.tasks["mismatched-control"].metrics["relaxed_accuracy"].statuses == {"missing": 2, "ok": 2}
    assert Run(folder).table().num_rows == 6
    assert (folder / "responses.sqlite").is_file()


DEAF = """
import ctypes
from harness.engine import interrupt

interrupt._LAST = 0.1
with interrupt.graceful():
    mutex = ctypes.create_string_buffer(256)
    print("begun", flush=True)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)  # the second time it waits for itself, and hears no signal
"""


def test_the_second_signal_ends_a_process_whose_main_thread_is_lost_in_a_library(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", DEAF], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)  # two that are pending at the same time are one
        process.send_signal(signal.SIGTERM)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, "stopped at once" in said) == (130, True)
