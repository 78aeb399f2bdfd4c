"""Whether a run on two Ray nodes survives the death of one: ``python -m benchmarks.two_nodes``, as root on Linux.

Each node is a raylet in a network namespace of its own, joined by a virtual cable. The second is in a mount namespace
too, in which the folder of the data is empty. It is killed, with all that lives on it, while it works. No model is
timed: it says who answered, how many answers were stored when the node died, and whether all is as in one process.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.record import find_runs
from harness.record.folder import STORE_FILE

_SAMPLES: Final = 120
_ADDRESSES: Final = ("10.213.7.1", "10.213.7.2")
_PORT: Final = 6397
_MODEL: Final = """
import os, socket, time
from pathlib import Path
import psutil

def answer(prompt, images):
    found = {one.address for many in psutil.net_if_addrs().values() for one in many}
    here = next((one for one in ADDRESSES if one in found), "alone")
    (Path(__file__).parent / f"{here}-{os.getpid()}-sees-{len(os.listdir(DATA))}").touch()
    time.sleep(0.05)
    return f"{images[0].size} {prompt[-12:]}"
"""


def main() -> None:
    """Run here, run on two nodes of which one dies, and hold one beside the other."""
    from tests.engine.test_resume import same

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        suite, adapter = _prepared(folder)
        command = [sys.executable, "-m", "harness", "run", str(suite), "-a", str(adapter), "--no-report", "--quiet"]
        subprocess.run([*command, "--out", str(folder / "alone")], check=True, stdout=subprocess.DEVNULL)
        first, second = stack.enter_context(_namespaces())
        node = ["--num-cpus", "3", "--object-store-memory", "80000000", "--block", "--disable-usage-stats"]
        head = ["ray", "start", "--head", f"--port={_PORT}", "--include-dashboard=false", *node]
        stack.enter_context(_alive(first, [*head, f"--node-ip-address={_ADDRESSES[0]}"]))
        empty = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{folder / "data"}" && exec "$@"', "sh"]
        other = ["ray", "start", f"--address={_ADDRESSES[0]}:{_PORT}", f"--node-ip-address={_ADDRESSES[1]}", *node]
        time.sleep(8)
        stack.enter_context(_alive(second, [*empty, *other]))
        time.sleep(12)
        remote = ["--ray-address", f"{_ADDRESSES[0]}:{_PORT}", "--ray-workers", "3", "--out", str(folder / "wide")]
        running = subprocess.Popen(_inside(first, [*command, *remote]), stdout=subprocess.DEVNULL)
        while running.poll() is None and _stored(folder / "wide") < _SAMPLES // 4:
            time.sleep(0.1)
        stored = _stored(folder / "wide")
        _kill(second)
        code = running.wait()
        print("who answered:", *sorted(file.name for file in adapter.parent.glob("*-sees-*")), sep="\n  ")
        print(f"answers stored when the second node died: {stored} of {_SAMPLES}; exit code {code}")
        (alone,), (wide,) = find_runs(folder / "alone"), find_runs(folder / "wide")
        same(alone, wide)
        print("samples, scores and metrics are those of one process, bit for bit")


def _prepared(folder: Path) -> tuple[Path, Path]:
    from PIL import Image

    data, model = folder / "data", folder / "model"
    data.mkdir()
    model.mkdir()
    with (data / "rows.jsonl").open("w", encoding="utf-8") as rows:
        for i in range(_SAMPLES):
            Image.new("RGB", (20 + i, 30), (i, 0, 0)).save(data / f"{i}.png")
            rows.write(json.dumps({"id": f"r{i}", "image": f"{i}.png", "question": f"Q {i}?", "answer": "yes"}) + "\n")
    told = f"ADDRESSES, DATA = {_ADDRESSES!r}, {str(data)!r}\n"
    (model / "slow.py").write_text(told + _MODEL, encoding="utf-8")
    adapter = model / "slow.yaml"
    adapter.write_text("adapter: slow\ntype: python\ntarget: slow.py:answer\nbatch_size: 4\n", encoding="utf-8")
    suite = data / "suite.yaml"
    suite.write_text(
        "suite: nodes\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        "tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match, anls]}}\n",
        encoding="utf-8",
    )
    return suite, adapter


@contextmanager
def _namespaces() -> Iterator[tuple[str, str]]:
    names = f"harness-{os.getpid()}-a", f"harness-{os.getpid()}-b"
    try:
        for name in names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", names[1])
        for name, address in zip(names, _ADDRESSES, strict=True):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
        yield names
    finally:
        for name in names:
            _kill(name)
            subprocess.run(["ip", "netns", "delete", name], check=False)


@contextmanager
def _alive(namespace: str, command: list[str]) -> Iterator[None]:
    started = subprocess.Popen(_inside(namespace, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.kill()
        started.wait()


def _inside(namespace: str, command: list[str]) -> list[str]:
    return ["ip", "netns", "exec", namespace, *command]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _kill(namespace: str) -> None:
    """Kill all processes of a node: those that live in its namespace."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in found.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _stored(runs: Path) -> int:
    for file in runs.glob(f"*/{STORE_FILE}"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
            return int(store.execute("select count(*) from responses").fetchone()[0])
    return 0


if __name__ == "__main__":
    main()
