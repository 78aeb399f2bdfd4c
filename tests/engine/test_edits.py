"""Killed, edited and continued, a run never mixes: it refuses and names what was edited, or the edit changes nothing.

Six edits here; as many as the variable ``HARNESS_EDITS`` says otherwise, drawn from ``HARNESS_EDITS_SEED``.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from harness.record.folder import RUN_FILE, SAMPLES_FILE, STORE_FILE

ROOT = Path(__file__).resolve().parents[2]
EDITS = int(os.environ.get("HARNESS_EDITS", "6"))
SEED = int(os.environ.get("HARNESS_EDITS_SEED", "18"))
ROWS = 48
SUITE = """\
suite: edited
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
"""
ADAPTER = "adapter: m\ntype: python\ntarget: model.py:answer\nbatch_size: 4\nfiles: [weights.json]\n"
MODEL = """\
import json
import time
from pathlib import Path

import helper

BIAS = json.loads((Path(__file__).parent / "weights.json").read_text())


def answer(prompt, images):
    time.sleep(0.002)
    return helper.said(len(prompt), images[0].getpixel((0, 0))[0] + BIAS)
"""
HELPER = "def said(length, level):\n    return str((length + level) % 3)\n"

_WORD = re.compile(r"^(complete|failed|exit|broke)", re.MULTILINE)

Draw = random.Random
Edit = Callable[[Path, Draw], str]
"""Edits a folder; returns what the refusal says, or nothing where the edit changes no record."""


class Victim:
    """Starts runs and kills them."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._said = folder / "said.log"

    def do(self, what: str, batches: int | None = None) -> str:
        """Start a run or its continuation, kill it after so many batches, and return what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._said.unlink(missing_ok=True)
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if batches is not None:
            while (said := self._text()).count("\n") <= batches and not _WORD.search(said):
                time.sleep(0.0005)
            os.kill(child, signal.SIGKILL)  # until it is waited for, the id is nobody else's
        assert self._process.stdout.readline() == "gone\n"
        return self._text()

    def _text(self) -> str:
        return self._said.read_text(encoding="utf-8") if self._said.exists() else ""


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",  # Python itself takes an edit of equal size within a second for none
        "HARNESS_CACHE": str(tmp_path / "cache"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.edited"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Victim(process, tmp_path)


def lay_out(folder: Path) -> None:
    for name, text in (("suite.yaml", SUITE), ("m.yaml", ADAPTER), ("model.py", MODEL), ("helper.py", HELPER)):
        (folder / name).write_text(text)
    (folder / "weights.json").write_text("1\n")
    for i in range(8):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(folder / f"{i}.png", compress_level=0)
    write(
        folder,
        [{"id": f"r{i}", "question": f"Q {i}?", "answer": str(i % 3), "image": f"{i % 8}.png"} for i in range(ROWS)],
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]


def write(folder: Path, rows: list[dict[str, str]], end: str = "\n") -> None:
    (folder / "rows.jsonl").write_bytes("".join(json.dumps(row) + end for row in rows).encode())


def another_answer(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    row = draw.choice(rows)
    row["answer"] = str((int(row["answer"]) + 1) % 3)
    write(folder, rows)
    return f"1 row differs: {row['id']} (reference)"


def another_question(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    row = draw.choice(rows)
    row["question"] = row["question"].replace("Q", "q")
    write(folder, rows)
    return f"1 row differs: {row['id']} (question)"


def a_tag(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    row = draw.choice(rows)
    write(folder, [{**one, "cluster": "c"} if one is row else one for one in rows])
    return f"1 row differs: {row['id']} (tags)"


def one_row_less(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    gone = rows.pop(draw.randrange(len(rows)))
    write(folder, rows)
    return f"1 is missing: {gone['id']}"


def one_row_more(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    rows.insert(draw.randrange(len(rows) + 1), {**rows[0], "id": "new"})
    write(folder, rows)
    return "1 is new: new"


def another_order(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    at = draw.randrange(len(rows) - 1)
    rows[at : at + 2] = rows[at : at + 2][::-1]
    write(folder, rows)
    return "the rows stand in another order"


def swapped_ids(folder: Path, draw: Draw) -> str:
    rows = rows_of(folder)
    one, other = draw.sample(range(len(rows)), 2)
    rows[one]["id"], rows[other]["id"] = rows[other]["id"], rows[one]["id"]
    write(folder, rows)
    return "2 rows differ: "


def another_image(folder: Path, draw: Draw) -> str:
    file = folder / f"{draw.randrange(8)}.png"
    before = file.stat()
    Image.new("RGB", (4, 4), (draw.randrange(100, 200), 0, 0)).save(file, compress_level=0)
    assert file.stat().st_size == before.st_size
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return "6 rows differ: "


def no_image(folder: Path, draw: Draw) -> str:
    (folder / f"{draw.randrange(8)}.png").unlink()
    return "6 rows differ: "


def other_weights(folder: Path, draw: Draw) -> str:
    (folder / "weights.json").write_text("2\n")
    return "the model of "


def other_code(folder: Path, draw: Draw) -> str:
    name = draw.choice(["model.py", "helper.py"])
    (folder / name).write_text((folder / name).read_text() + "# edited\n")
    return "the model of "


def line_ends(folder: Path, draw: Draw) -> str:
    write(folder, rows_of(folder), "\r\n")
    return ""


def spelling(folder: Path, draw: Draw) -> str:
    write(folder, [dict(reversed(row.items())) for row in rows_of(folder)], "\n\n")
    return ""


def options_of_the_suite(folder: Path, draw: Draw) -> str:
    option = draw.choice(["exif: keep", "limit: 5", "page: 1", "extra: allow"])
    (folder / "suite.yaml").write_text(SUITE.replace("path: rows.jsonl", f"path: rows.jsonl, {option}"))
    return ""  # it goes on with those that it was begun with


def options_of_the_adapter(folder: Path, draw: Draw) -> str:
    (folder / "m.yaml").write_text(ADAPTER + "version: next\n")
    return ""


KINDS: list[Edit] = [
    another_answer, another_image, other_weights, another_order, line_ends, options_of_the_suite,
    another_question, a_tag, one_row_less, one_row_more, swapped_ids, no_image, other_code, spelling,
    options_of_the_adapter,
]  # fmt: skip
"""The first six are those of every test run."""


def answers(run: Path) -> list[dict[str, object]]:
    assert json.loads((run / RUN_FILE).read_text())["status"] == "complete"
    columns = ["sample_id", "cluster", "prompt", "request_hash", "references", "response", "score.exact_match"]
    return pq.read_table(run / SAMPLES_FILE, columns=columns).to_pylist()


def test_a_run_that_is_edited_between_kill_and_resume_never_mixes(victim: Victim, tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert victim.do("run").endswith("complete\n")
    (tmp_path / "runs").rename(tmp_path / "whole")
    (whole,) = (tmp_path / "whole").iterdir()
    right = answers(whole)
    assert len({str(row["response"]) for row in right}) == 3
    (tmp_path / "kept").mkdir()
    for file in tmp_path.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path / "kept")

    draw = random.Random(SEED)  # noqa: S311 - nobody is to be kept from guessing
    told: Counter[tuple[str, str]] = Counter()
    for number in range(EDITS):
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        victim.do("run", batches=draw.randrange(1, 10))
        (run,) = (tmp_path / "runs").iterdir()
        assert (run / STORE_FILE).exists(), "the run was over before it was killed"
        edit = KINDS[number] if number < len(KINDS) else draw.choice(KINDS)
        expected = edit(tmp_path, draw)
        said = victim.do("resume")
        told[edit.__name__, "refused by name" if expected else "changes nothing"] += 1
        if expected:
            assert "exit 2: " in said, (edit.__name__, said)
            assert expected in said, (edit.__name__, said)
            assert not (run / RUN_FILE).exists()
            put_back(tmp_path)
            said = victim.do("resume")
        assert said.endswith("complete\n"), (edit.__name__, said)
        assert answers(run) == right, edit.__name__
        put_back(tmp_path)
    for (kind, outcome), times in sorted(told.items()):
        sys.stdout.write(f"{kind:<24}{times:4}  {outcome}\n")
    assert sum(times for (_, outcome), times in told.items() if outcome == "refused by name") >= EDITS // 2


def put_back(folder: Path) -> None:
    for file in (folder / "kept").iterdir():
        shutil.copy(file, folder / file.name)
