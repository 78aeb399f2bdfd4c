"""Lists of runs: what they say is read once, and anew where a record changed."""

import os
import shutil
from pathlib import Path

import pytest

from harness.record import heads as module
from harness.record import read_run
from harness.record.folder import RUN_FILE, write_run
from harness.record.heads import heads
from harness.report.content import verdict_of


@pytest.fixture
def runs(small_run: Path, tmp_path: Path) -> Path:
    for name in ("a", "b"):
        shutil.copytree(small_run, tmp_path / "runs" / name)
        os.utime(tmp_path / "runs" / name / RUN_FILE, (1_000_000_000, 1_000_000_000 + (name == "b")))
    return tmp_path / "runs"


def test_a_list_says_of_a_run_what_its_record_says(runs: Path, small_run: Path) -> None:
    whole = read_run(small_run)
    (folder, head), (other, _) = heads(runs)
    assert (folder.name, other.name) == ("a", "b")
    assert (head.run_id, head.suite.name, head.adapter, head.started) == (
        whole.run_id,
        whole.suite.name,
        whole.adapter,
        whole.started,
    )
    assert (head.responses, head.git, verdict_of(head)) == (whole.responses, whole.git, verdict_of(whole))
    assert head.tasks == {}


def test_a_record_is_read_once_and_anew_where_it_changed(
    runs: Path, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.digests._SETTLED_NS", -1)  # the copies are younger than what is kept
    read: list[str] = []
    real = module.read_run
    monkeypatch.setattr(module, "read_run", lambda file: (read.append(file.parent.name), real(file))[1])
    first, again = heads(runs), heads(runs)
    assert (read, first) == (["a", "b"], again)
    write_run(runs / "a", read_run(small_run).model_copy(update={"run_id": "another"}))
    assert {record.run_id for _, record in heads(runs)} == {"another", read_run(small_run).run_id}
    assert read == ["a", "b", "a"]
    (runs / "b" / RUN_FILE).write_text("{}")
    assert [folder.name for folder, _ in heads(runs)] == ["a"]
