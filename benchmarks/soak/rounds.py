"""The rounds of a soak, each in a folder of its own, and what went wrong in them."""

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.soak.server import KEY
from benchmarks.soak.victim import answer_to
from harness.comparison.verify import verify
from harness.engine.told import UNTOLD_FILE
from harness.record import Run, find_runs
from harness.record.folder import RUN_FILE, STORE_FILE
from harness.record.store import ResponseStore

ROOT = Path(__file__).resolve().parents[2]
ROWS = 48
BATCH = 4
ALLOWED = 60.0
"""Seconds after which a command that must end hangs."""
_SUITE = """\
suite: soak
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
engine: {timeout: 20, max_failures: 1}
"""
_SERVED = """\
adapter: served
type: openai
base_url: ADDRESS
model: m
api_key_env: SOAK_KEY
timeout: 0.5
deadline: 3
retries: 2
backoff: 0.05
max_wait: 0.2
"""
_WORD = re.compile(r"^(complete|failed|interrupted|exit|broke)", re.MULTILINE)

Draw = random.Random


@dataclass(slots=True)
class Tally:
    """What a kind of rounds came to."""

    rounds: int = 0
    kills: int = 0
    edits: int = 0
    lost: int = 0
    """Answers that were acknowledged, or must be in a complete record, and are not there."""
    mixed: int = 0
    """Rows of a complete record that are not those of its data and its model; records that disagree with themselves."""
    hung: int = 0
    """Commands that did not end in time."""
    twice: int = 0
    """Requests that were paid for again beyond the batches in flight at a kill."""
    leaked: int = 0
    """Files that hold the server's key."""
    broke: int = 0
    """Commands that ended in no words of the harness."""
    peaks: list[int] = field(default_factory=list)
    """MiB that each command held at most."""

    @property
    def sound(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.mixed or self.hung or self.twice or self.leaked or self.broke)


class Soak:
    """Makes rounds in ``folder``."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]", address: str) -> None:
        self._folder = folder
        self._process = process
        self._address = address
        self.tallies = {name: Tally() for name in ("kill", "edit", "disk", "mount", "server")}

    def round(self, kind: str, draw: Draw) -> None:
        """Make one round of a kind, and count what came of it."""
        tally = self.tallies[kind]
        tally.rounds += 1
        home = self._folder / f"{kind}-{tally.rounds}"
        _lay_out(home, self._address, pictures=kind == "mount")
        getattr(self, f"_{kind}")(home, draw, tally)
        shutil.rmtree(home)

    def _kill(self, home: Path, draw: Draw, tally: Tally) -> None:
        kills = self._killed(home, draw, tally, draw.randint(2, 6))
        self._end(home, tally, ("a", "b"), 2 * kills)

    def _edit(self, home: Path, draw: Draw, tally: Tally) -> None:
        """An edit between a kill and what follows: resume refuses it, and the same command begins anew."""
        self._killed(home, draw, tally, draw.randint(1, 3))
        # One that is complete and not told of is of the data as they were, and is told of as it is.
        begun = any(not (one.parent / UNTOLD_FILE).exists() for one in (home / "runs").glob(f"*/{STORE_FILE}"))
        rows = _rows(home)
        row = draw.choice(rows)
        row["answer"] = str((int(row["answer"]) + 1) % 3)
        _write(home, rows)
        tally.edits += 1
        if begun:
            said = self._do(home, tally, {"do": "resume", "adapters": ["a", "b"]})
            tally.mixed += "the data or its tasks changed since the run was begun" not in said
        (home / "asked.log").unlink(missing_ok=True)
        for folder in (home / "runs").glob("*"):  # told or not, they are of other data
            shutil.move(folder, home / f"old-{folder.name}")
        self._end(home, tally, ("a", "b"))

    def _disk(self, home: Path, draw: Draw, tally: Tally) -> None:
        """Files may not grow beyond a size: what was counted is there, and the run goes on when they may."""
        order = {"do": "run", "adapters": ["a"], "disk": draw.randint(20_000, 140_000)}
        said = self._do(home, tally, order)
        if not said.strip().endswith("complete"):
            tally.broke += not any(word in said for word in ("disk is full", "cannot be written", "File too large"))
            self._count(home, said, tally)
        self._end(home, tally, ("a",), 3)  # the batch that did not fit, the next, answered meanwhile, and one in flight

    def _mount(self, home: Path, draw: Draw, tally: Tally) -> None:
        """A picture never comes, another is a pipe: they cost their samples; or two signals end the run."""
        order = {"do": "run", "adapters": ["a"], "dead": "dead.png"}
        (home / "suite.yaml").write_text(_SUITE.replace("timeout: 20", "timeout: 0.3"))
        if draw.random() < 0.3:
            self._do(home, tally, order, after=draw.uniform(0.0, 0.3), twice=True)
        self._do(home, tally, order)
        self._read(home, tally, ("a",), 2, failed={"r5", "r9"})

    def _server(self, home: Path, draw: Draw, tally: Tally) -> None:
        said = self._do(home, tally, {"do": "run", "adapters": ["served"]})
        tally.broke += not _WORD.search(said)
        for folder in find_runs(home / "runs"):
            tally.mixed += bool(_disagreements(folder))
        for file in (home / "runs").rglob("*"):
            tally.leaked += file.is_file() and KEY.encode() in file.read_bytes()

    def _killed(self, home: Path, draw: Draw, tally: Tally, times: int) -> int:
        for made in range(times):
            if _all_told(home, ("a", "b")):
                return made  # faster than the kill: the same command would make new runs
            what = "resume" if draw.random() < 0.3 and list((home / "runs").glob(f"*/{STORE_FILE}")) else "run"
            order = {"do": what, "adapters": ["a", "b"]}
            said = self._do(home, tally, order, after=draw.uniform(0.0, 0.35), twice=draw.random() < 0.2)
            tally.kills += 1
            if "broke" in said:
                tally.broke += 1
            self._count(home, said, tally)
        return times

    def _end(self, home: Path, tally: Tally, adapters: Sequence[str], batches: int = 0) -> None:
        if not _all_told(home, adapters):
            said = self._do(home, tally, {"do": "run", "adapters": list(adapters)})
            tally.broke += not said.strip().endswith(" ".join(["complete"] * len(adapters)))
        self._read(home, tally, adapters, batches)

    def _do(
        self, home: Path, tally: Tally, order: dict[str, Any], after: float | None = None, *, twice: bool = False
    ) -> str:
        """Have a command done; kill it some seconds after its start, or have it stop by two signals."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said = home / "said.log"
        said.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps(order | {"folder": str(home)}) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if after is not None:
            time.sleep(after)
            for number in (signal.SIGTERM, signal.SIGTERM) if twice else (signal.SIGKILL,):
                with suppress(ProcessLookupError):  # until it is waited for, the id is nobody else's
                    os.kill(child, number)
                time.sleep(0.05 if twice else 0)
        late = time.monotonic() + ALLOWED
        while not _readable(self._process.stdout.fileno(), 0.5):
            if time.monotonic() > late:
                tally.hung += 1
                os.kill(child, signal.SIGKILL)
                late = float("inf")
        tally.peaks.append(int(self._process.stdout.readline()) // 1024)
        return said.read_text(encoding="utf-8") if said.exists() else ""

    def _count(self, home: Path, said: str, tally: Tally) -> None:
        """Hold what was acknowledged last beside what the run's store, or its record, holds."""
        begun = [line.split()[1] for line in said.splitlines() if line.startswith("begun ")]
        last = said.rpartition("begun ")[2]
        numbers = re.findall(r"^acknowledged (\d+)\n", last, re.MULTILINE)
        if not begun or not numbers:
            return
        stored = max((_stored(folder) for folder in (home / "runs").glob(f"soak-{begun[-1]}-*")), default=0)
        tally.lost += max(0, int(numbers[-1]) - stored)

    def _read(
        self, home: Path, tally: Tally, adapters: Sequence[str], batches: int, failed: Collection[str] = ()
    ) -> None:
        """See that each adapter has one complete record of all rows, that it is its own, and what was paid twice."""
        rows = {row["id"]: row for row in _rows(home)}
        for adapter in adapters:
            folders = [one for one in find_runs(home / "runs") if f"-{adapter}-" in one.name]
            whole = [one for one in folders if Run(one).record.status == "complete"]
            if len(whole) != 1:
                tally.lost += ROWS * (not whole)
                tally.twice += ROWS * (len(whole) > 1)
                continue
            table = Run(whole[0]).table().to_pylist()
            tally.lost += ROWS - len({row["sample_id"] for row in table})
            tally.mixed += len(table) - len({row["sample_id"] for row in table})
            tally.mixed += sum(_wrong(row, rows.get(row["sample_id"]), failed) for row in table)
            tally.mixed += bool(_disagreements(whole[0]))
        log = home / "asked.log"
        asked = Counter(log.read_text(encoding="utf-8").split("\n")[:-1]) if log.exists() else Counter[str]()
        again = sum(asked.values()) - len(asked)
        # Each kill costs at most two batches: the one in flight and the one before it, answered and not yet stored.
        tally.twice += max(0, again - BATCH * batches)


def _all_told(home: Path, adapters: Sequence[str]) -> bool:
    folders = [*find_runs(home / "runs")]
    complete = {name for name in adapters for one in folders if f"-{name}-" in one.name and _is_complete(one)}
    return len(complete) == len(adapters) and not any((one / UNTOLD_FILE).exists() for one in folders)


def _is_complete(folder: Path) -> bool:
    return Run(folder).record.status == "complete" and not (folder / STORE_FILE).exists()


def _wrong(row: dict[str, Any], of: dict[str, str] | None, failed: Collection[str]) -> bool:
    """Whether a row of a record is not what its data and its model make of it."""
    if of is None:
        return True
    if row["sample_id"] in failed:
        return bool(row["status"] != "error")
    right = answer_to(row["prompt"])
    told = (row["status"], row["response"], row["references"], row["score.exact_match"])
    return of["question"] not in row["prompt"] or told != ("ok", right, [of["answer"]], float(right == of["answer"]))


def _disagreements(folder: Path) -> Sequence[object]:
    return verify(Run(folder)).doubts


def _stored(folder: Path) -> int:
    if (folder / RUN_FILE).is_file() and not (folder / STORE_FILE).is_file():
        return sum(Run(folder).record.responses.values())
    try:
        with ResponseStore(folder / STORE_FILE, create=False) as store:
            return sum(store.statuses().values())
    except Exception:  # noqa: BLE001 - a store that cannot be read has lost all
        return 0


def _lay_out(home: Path, address: str, *, pictures: bool) -> None:
    home.mkdir(parents=True)
    (home / "suite.yaml").write_text(_SUITE)
    for name in ("a", "b"):
        (home / f"{name}.yaml").write_text(
            f"adapter: {name}\ntype: soak\nbatch_size: {BATCH}\nerror_rate: 0.{ord(name)}\n"
        )
    (home / "served.yaml").write_text(_SERVED.replace("ADDRESS", address))
    rows = [{"id": f"r{i}", "question": f"Question {i} {'x' * 400}?", "answer": str(i % 3)} for i in range(ROWS)]
    if pictures:
        for row in rows:
            row["image"] = {"r5": "dead.png", "r9": "pipe.png"}.get(row["id"], "live.png")
        for name in ("live", "dead"):
            Image.new("RGB", (8, 8)).save(home / f"{name}.png")
        os.mkfifo(home / "pipe.png")
    _write(home, rows)


def _rows(home: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (home / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


def _write(home: Path, rows: Sequence[dict[str, str]]) -> None:
    (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


@contextmanager
def victim(cache: Path) -> "Iterator[subprocess.Popen[str]]":
    """Start the process that forks what is killed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_CACHE": str(cache), "SOAK_KEY": KEY}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.soak.victim"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait(ALLOWED)
