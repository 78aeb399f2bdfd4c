"""`harness diff` names what changed between two runs, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.record import read_run
from harness.record.lineage import redacted

SUITE = """\
suite: two
version: 1
datasets: {charts: {type: charts, limit: "${LIMIT:-8}"}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
engine: {timeout: 60}
"""


@pytest.fixture
def make(write, run_here, tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, suite: str = SUITE, rate: float = 0.1, *options: str) -> Path:
        file = write("suite.yaml", suite)
        adapter = write("it.yaml", f"adapter: it\ntype: mock\nerror_rate: {rate}\n")
        done = run_here("run", file, "-a", adapter, "--out", tmp_path / name, "--no-report", "-q", *options)
        assert done.code == 0, done.err
        (folder,) = (tmp_path / name).iterdir()
        return folder

    return run


def test_two_runs_of_the_same_differ_in_nothing(make, run_here) -> None:
    done = run_here("diff", make("a"), make("b"))
    assert (done.code, done.out.splitlines()[-1][:15]) == (0, "nothing differs")


def test_what_changed_is_named_under_its_heading(make, run_here, monkeypatch) -> None:
    one = make("a")
    monkeypatch.setenv("LIMIT", "6")
    changed = SUITE.replace("timeout: 60", "timeout: 30").replace("kind: qa,", 'kind: qa, prompt: "{{ question }}!",')
    other = make("b", changed, 0.9, "--batch-size", "2")
    told = json.loads(run_here("diff", one, other, "--json").out)
    parts = ("questions", "circumstances", "outcome")
    found = {part: {item["what"]: (item["a"], item["b"]) for item in told[part]} for part in parts}
    assert found["questions"]["prompt of qa"] == ("{{ question }}", "{{ question }}!")
    assert found["questions"]["engine.timeout"] == ("60", "30")
    assert "data of qa" in found["questions"]
    assert found["circumstances"]["adapter's error_rate"] == ("0.1", "0.9")
    assert found["circumstances"]["variable LIMIT"] == ("none", "6")
    assert found["circumstances"]["batch_size"] == ("32", "2")
    assert "fingerprint" in found["circumstances"]
    assert found["outcome"]["responses ok"] == ("8", "6")
    assert "qa/relaxed_accuracy" in found["outcome"]
    screen = run_here("diff", one, other).out
    assert len(screen.splitlines()) < 45
    assert "engine.timeout" in screen


def test_the_record_knows_variables_and_command_without_their_secrets(make, monkeypatch) -> None:
    monkeypatch.setenv("LIMIT", "5")
    monkeypatch.setattr("sys.argv", ["/usr/bin/harness", "run", "s.yaml", "--api-key", "hunter2", "--token=hunter2"])
    record = read_run(make("a"))
    assert record.environment == {"LIMIT": "5"}
    (session,) = record.sessions
    assert session.command == ["harness", "run", "s.yaml", "--api-key", "[redacted]", "--token=[redacted]"]


def test_a_password_in_an_address_is_redacted() -> None:
    said = redacted(["run", "https://ann:hunter2@example.org/x", "a@b.org", "SECRET_WORD=x", "--limit", "3"])
    assert said == ["run", "https://[redacted]@example.org/x", "a@b.org", "SECRET_WORD=[redacted]", "--limit", "3"]
