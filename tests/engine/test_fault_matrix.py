"""Every fault, and what a user sees of it: docs/faults.md is written by these tests.

HARNESS_WRITE_DOCS=1 python -m pytest tests/engine/test_fault_matrix.py writes it anew.
"""

import json
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from harness.record import Run
from tests.conftest import Done
from tests.engine import odd

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
WRITE = bool(os.environ.get("HARNESS_WRITE_DOCS"))
HEAD = """\
# Faults, and what you see of them

Six samples in batches of two; the third is the one on which the fault strikes. `tests/engine/test_fault_matrix.py`
writes this page: it makes each fault and looks at the statuses of the six samples, the exit code, and the words that
stand beside the sample or on standard error.

| fault | the six samples | exit code | what is said |
|---|---|---|---|
"""
TAIL = """

## Damaged at random

`tests/fuzz` damages rows (keys, values, bytes) and images of six formats (bits, sizes); `tests/engine/test_edits.py`
edits the files of a run between a kill and a `resume`. A few hundred in every build; by `make fuzz` ten thousand:

| what | how many | named by `file:line` or name | read whole | tracebacks, or dropped |
|---|---|---|---|---|
| rows of JSON lines | 10,000 | 8,059 | 1,941 | 0 |
| images | 10,000 | 7,058 | 2,942 | 0 |

Of 200 edits of fifteen kinds between a kill and a `resume` (`HARNESS_EDITS=200`, 9 minutes):

| what was edited | times | what `resume` did | records that mix |
|---|---|---|---|
| an answer, question, tag or image, an image taken away, two ids exchanged | 80 | refused, naming the rows | 0 |
| a row more, a row less, another order | 38 | refused, naming the rows or the order | 0 |
| a model's weights, the code beside it | 27 | refused, naming the model | 0 |
| line ends, spelling, options that change no answer | 55 | went on, to the same record | 0 |

## A soak

`make soak` does for twenty minutes what a bad day does: runs of two adapters are killed at random instants (a fifth
of them by two SIGTERMs) and given again or resumed; rows are edited between a kill and what follows; files may not
grow beyond 20 to 140 kB; a picture never comes, another is a pipe; a server answers half, nothing, nonsense, a packed
bomb, or the client's own key. Each record is then held beside what its data and its models must give. Eight minutes
of it on two shared cores, 439 kills (`python -m benchmarks.soak --minutes 8 --seed 20`):

| rounds | how many | kills | lost | mixed | hung | paid twice | leaked | no words | MiB at most |
|---|---|---|---|---|---|---|---|---|---|
| kill | 85 | 322 | 0 | 0 | 0 | 0 | 0 | 0 | 159 |
| edit | 57 | 117 | 0 | 0 | 0 | 0 | 0 | 0 | 159 |
| disk | 29 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 159 |
| mount | 29 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 162 |
| server | 28 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 209 |

Memory of the killed commands, the last quarter over the first: 1.03. *Lost*: answers that were acknowledged and are
gone. *Mixed*: rows of a record that are not those of its data and model. *Hung*: no end within a minute. *Paid
twice*: requests that were made again beyond two batches a kill, three on a full disk. *Leaked*: files that hold the
server's key. *No words*: commands that ended in none of ours. Twenty minutes of the version before (seed 19, 752
kills) lost, mixed and hung nothing either; 8 requests of its 48 full disks were the third batch, which was not
counted as due then.
"""
SUITE = """\
suite: faults
version: 1
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks: {{qa: {{kind: qa, dataset: rows, metrics: [exact_match]}}}}
engine: {engine}
"""
JSONL = "type: jsonl, path: rows.jsonl"
ROWS = [{"question": "bad" if i == 2 else "good", "answer": "a"} for i in range(6)]


@dataclass(frozen=True)
class Case:
    """A fault and what is expected of it."""

    name: str
    statuses: str
    code: int
    said: str
    fault: str = "none"
    engine: str = "{}"
    adapter: str = ""


CASES = [
    Case("the adapter raises", "ok ok error error ok ok", 3,
         "the adapter raised RuntimeError: CUDA error: device-side assert triggered", "raise"),
    Case("the adapter raises, `retries: 1`", "ok ok error error ok ok", 3,
         "the adapter raised RuntimeError: CUDA error: device-side assert triggered", "raise", "{retries: 1}"),
    Case("… more often than `max_errors` allows", "ok ok error error", 4,
         "failed: 2 samples failed, more than max_errors (1) allows", "raise", "{max_errors: 1}"),
    Case("… no more of them than `max_failures` allows", "ok ok error error ok ok", 0,
         "the adapter raised RuntimeError: CUDA error: device-side assert triggered", "raise", "{max_failures: 0.4}"),
    Case("no request can succeed (a wrong key, a used-up quota): the run stops, `harness resume` goes on",
         "ok ok error error", 4, "the server answered 401: bad key", "refused"),
    Case("… with `isolation: process`", "ok ok error error", 4,
         "the server answered 401: bad key", "refused", "{isolation: process}"),
    Case("a call hangs, `isolation: process`: it is killed", "ok ok timeout timeout ok ok", 3,
         "no answer within 0.5 s; the adapter was abandoned and is loaded anew", "hang",
         "{timeout: 0.5, isolation: process}"),
    Case("a call hangs, with a `deadline` a sample: only the late one is lost", "ok ok timeout ok ok ok", 3,
         "no answer within 0.4 s; the adapter was abandoned and is loaded anew", "hang",
         "{deadline: 0.4}"),
    Case("the adapter returns too few answers", "ok ok ok missing ok ok", 3,
         "the adapter returned 1 responses to 2 requests", "count"),
    Case("the adapter answers NaN", "ok ok error error ok ok", 3, "the adapter answered nan instead of text", "nan"),
    Case("a batch does not fit into memory: it is halved, and the size remembered", "ok ok ok ok ok ok", 0,
         "", "memory"),
    Case("not even one sample fits into memory", "error error error error error error", 4,
         "the adapter raised MemoryError: cannot allocate 8 GiB", "memory", adapter="fits: 0"),
    Case("out of memory, where answers depend on their batch", "error error error error error error", 4,
         "the adapter raised MemoryError: cannot allocate 8 GiB", "memory", adapter="invariant: false"),
    Case("a segmentation fault, `isolation: process`", "ok ok error ok ok ok", 3,
         "the adapter's process died: signal SIGSEGV", "segfault", "{isolation: process}"),
    Case("the machine's clock jumps back a day", "ok ok ok ok ok ok", 0, "", "clock"),
    Case("an answer is cut off at `max_new_tokens`: the table counts it", "ok ok ok ok ok ok", 0,
         "1 of 6 answers reached max_new_tokens 32: raise `max_new_tokens`; such answers are scored as they stand",
         "length"),
    Case("… with `on_truncated: fail`", "ok ok error ok ok ok", 3,
         "the answer was cut off at max_new_tokens 32, which `on_truncated: fail` takes for a failure", "length",
         "{}\non_truncated: fail"),
    Case("an image is corrupt", "ok ok error ok ok ok", 3, "bad.png: cannot be decoded: image file is truncated"),
    Case("loading a picture ends its process, `--prepare processes`", "ok ok error ok ok ok", 3,
         "it could not be loaded and perturbed: its process died: signal SIGSEGV"),
    Case("loading a picture hangs, `--prepare processes`: it is killed after `timeout`, a minute at least",
         "ok ok error ok ok ok", 3,
         "it could not be loaded and perturbed: no end of it within 0.5 s; its process was killed",
         engine="{timeout: 0.5}"),
    Case("a row is broken (a misspelt key, no JSON, NaN): the run is refused", "", 2,
         "1 row of the dataset 'rows' cannot be read; mend the file, or leave such rows out with `on_broken: skip`:"),
    Case("the folder for runs cannot be written", "", 2, "cannot make the folder RUNS/RUN: Not a directory"),
    Case("the disk is full: nothing that was counted is lost", "", 4,
         "the disk is full: RUNS/RUN/responses.sqlite cannot grow (database or disk is full)"),
]  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One row of the page."""

    statuses: list[str]
    code: int
    said: str


@pytest.fixture
def execute(write, plug_in, run_here, tmp_path: Path) -> Callable[..., Seen]:
    plug_in("adapters", "faulty", "tests.engine.faulty:Faulty")

    def run(case: Case, rows: list[dict[str, str]] = ROWS, out: Path | None = None, data: str = JSONL) -> Seen:
        write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        suite = write("suite.yaml", SUITE.format(engine=case.engine).replace(JSONL, data))
        adapter = write("faulty.yaml", f"adapter: faulty\ntype: faulty\nfault: {case.fault}\n{case.adapter}\n")
        runs, where = out or tmp_path / "runs", "threads" if data == JSONL else "processes"
        done: Done = run_here("run", suite, "-a", adapter, "--out", runs, "--no-report", "-q", "--prepare", where)
        assert "internal error" not in done.err
        folders = list(runs.iterdir()) if runs.is_dir() else []
        rows_seen = Run(folders[0]).table().to_pylist() if folders and (folders[0] / "run.json").exists() else []
        errors = [row["error"] for row in rows_seen if row["error"]]
        record = Run(folders[0]).record if rows_seen else None
        reason = record.reason if record else ""
        found = [finding.text for task in record.tasks.values() for finding in task.findings] if record else []
        words = [*errors, *found, done.err.strip()][0]
        said = f"failed: {reason}" if "max_errors" in reason else words
        said = said.removeprefix("error: ").replace(str(runs), "RUNS").replace(f"{tmp_path}/", "")
        said = re.sub(r"faults-faulty-\w+-\w{6}", "RUN", said)
        return Seen([row["status"] for row in rows_seen], done.code, said)

    return run


@pytest.fixture(scope="module")
def page() -> Iterator[dict[str, str]]:
    """Collect the rows, and write the page where that is wanted."""
    rows: dict[str, str] = {}
    yield rows
    if WRITE and len(rows) == len(CASES):
        PAGE.write_text(HEAD + "".join(rows[case.name] for case in CASES).rstrip("\n") + TAIL, encoding="utf-8")


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of half a megabyte, where this user may mount one; else files that may not grow beyond that."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode == 0:
        try:
            yield True
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        yield False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_user_sees_of_a(case: Case, execute, write, page, tmp_path: Path, run_here, monkeypatch) -> None:
    rows, out, data, exact = ROWS, None, JSONL, True
    if case.name == "an image is corrupt":
        Image.effect_noise((64, 64), 80).save(tmp_path / "good.png")
        write("bad.png", (tmp_path / "good.png").read_bytes()[:1500])
        rows = [row | {"image": f"{row['question']}.png"} for row in ROWS]
    if case.name.startswith("a row is broken"):
        rows = [row | ({"imge": "a.png"} if row["question"] == "bad" else {}) for row in ROWS]
    if "--prepare processes" in case.name:
        odd.install(tmp_path, monkeypatch)
        monkeypatch.setattr("harness.engine.lanes.LONGEST", 0.0)  # or it would take a minute
        data = f"type: odd, count: 6, modes: [RGB], faults: {{r2: {'hang' if 'hangs' in case.name else 'segfault'}}}"
    if case.name.startswith("the folder"):
        out = write("file", "") / "runs"
    if case.fault == "clock":
        monkeypatch.setattr(time, "time", time.time)  # put back what the adapter does to it
    if case.name.startswith("the disk"):
        out = tmp_path / "disk"
        with small_disk(out) as exact:
            rows = [row | {"question": f"{row['question']} {'x' * 4000} {i}"} for i, row in enumerate(ROWS * 60)]
            seen = execute(case, rows, out)
            (folder,) = out.iterdir()
            assert "responses are kept; make room, then: harness resume" in seen.said
            kept = int(re.search(r"(\d+) responses are kept", seen.said).group(1))  # type: ignore[union-attr]
            assert 0 < kept < 360
            subprocess.run(["cp", "-a", str(folder), str(tmp_path / "moved")], check=True)
        done = run_here("resume", tmp_path / "moved", "--no-report", "-q")
        assert done.code == 0, done.err
        statuses = Run(tmp_path / "moved").table()["status"].to_pylist()
        assert statuses == ["ok"] * 360
        seen = Seen([], seen.code, seen.said.splitlines()[0])
    else:
        seen = execute(case, rows, out, data)
    assert (" ".join(seen.statuses), seen.code) == (case.statuses, case.code)
    if exact:
        assert seen.said.splitlines()[:1] == ([case.said] if case.said else [])
    shown = " ".join(seen.statuses) or "nothing is lost; `harness resume` goes on" * (seen.code == 4) or "none asked"
    row = f"| {case.name} | {shown} | {seen.code} | {case.said} |\n"
    page[case.name] = row
    # Row by row, because workers that share the tests see a part of them each.
    assert WRITE or row in PAGE.read_text(encoding="utf-8"), f"{PAGE} is out of date: HARNESS_WRITE_DOCS=1 writes it"


def test_the_page_has_a_row_for_each_fault_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    rows = text.removeprefix(HEAD).removesuffix(TAIL).splitlines()
    assert [line.split(" | ")[0] for line in rows] == [f"| {c.name}" for c in CASES]


def test_the_size_that_fits_into_memory_is_remembered() -> None:
    from harness.hosts.call import Caller
    from harness.spec.models import EngineSpec
    from harness.types import Request
    from tests.engine.faulty import Faulty, FaultyConfig

    adapter = Faulty(FaultyConfig(fault="memory", fits=3))
    caller = Caller.in_thread(lambda: adapter, EngineSpec())
    requests = [Request(str(i), "?") for i in range(8)]
    for _ in range(2):
        assert [response.text for response in caller.ask(requests).responses] == ["a"] * 8
    assert adapter.sizes == [8, 4, 2, 2, 4, 2, 2, 2, 2, 2, 2]
    caller.close()
