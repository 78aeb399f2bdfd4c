"""Gates on what latency and drift tasks measure, from the suite to the exit code."""

import json
from pathlib import Path

import pytest

MODEL = """\
import hashlib

WORK = {work}


def answer(prompt, images):
    digest = b""
    for _ in range(WORK):
        digest = hashlib.sha256(digest * 64).digest()
    return "yes"
"""
LATENCY = """\
suite: latency
version: 1
datasets: {c: {type: charts, limit: 8}}
tasks:
  speed: {kind: latency, dataset: c, against: reference.yaml, rounds: 64, accuracy: false, footprint: false}
gates:
  - {metric: speed/cpu_p50, max_ratio: 2.5}
"""
DRIFT = """\
suite: drift
version: 1
datasets: {c: {type: charts, limit: 1}}
tasks:
  textbook:
    kind: drift
    process: {shift: %s}
    batch: 1
    onset: 20
    horizon: 100
    target_arl0: 200
    detectors: [ewma]
gates:
  - {metric: "textbook/detection_delay[ewma]", max_increase: 1, jointly: ["textbook/false_alarm_rate[ewma]"]}
  - {metric: "textbook/false_alarm_rate[ewma]", max_increase: 0.05}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, work in (("reference", 1000), ("model", 1000)):
        put_model(tmp_path, name, work)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_model(folder: Path, name: str, work: int) -> None:
    (folder / f"{name}.yaml").write_text(f"adapter: {name}\ntype: python\ntarget: {name}.py:answer\n")
    (folder / f"{name}.py").write_text(MODEL.format(work=work))


def test_a_model_that_became_slower_fails_the_gate_and_one_that_did_not_passes(project: Path, run_apart) -> None:
    (project / "latency.yaml").write_text(LATENCY)
    run = ("run", "latency.yaml", "-a", "model.yaml", "-q", "--no-report")
    gate = ("gate", "latency.yaml", "-a", "model.yaml", "-q", "--json")
    done = run_apart(*run, cwd=project)
    assert done.code == 0, done.out + done.err
    assert run_apart("baseline", "save", "main", cwd=project).code == 0
    assert run_apart(*gate, cwd=project).code == 0
    put_model(project, "model", 8000)
    slower = run_apart(*gate, cwd=project)
    assert slower.code == 1, slower.out + slower.err
    assert "times, at least" in json.dumps(json.loads(slower.out), ensure_ascii=False)


def test_launches_of_two_runs_are_told_apart_launch_by_launch(project: Path, run_apart) -> None:
    keys = "rounds: 2, accuracy: false, footprint: false, launches: 3, launch_calls: 5"
    gates = [
        "  - {metric: speed/launch_cpu, max_ratio: 2.0}",
        "  - {metric: speed/launch_memory, max_ratio: 2.0}",
        "  - {metric: speed/reference_launch_cpu, max_ratio: 5.0}",
    ]
    suite = LATENCY.replace("rounds: 64, accuracy: false, footprint: false", keys)
    (project / "latency.yaml").write_text("\n".join([suite.partition("gates:")[0] + "gates:", *gates]) + "\n")
    done = run_apart("run", "latency.yaml", "-a", "model.yaml", "-q", "--no-report", cwd=project)
    assert done.code == 0, done.out + done.err
    assert run_apart("baseline", "save", "main", cwd=project).code == 0
    put_model(project, "model", 12_000)
    slower = run_apart("gate", "latency.yaml", "-a", "model.yaml", "-q", "--json", cwd=project)
    assert slower.code == 1, slower.out + slower.err
    told = {gate["metric"]: gate for gate in json.loads(slower.out)["gates"]}
    assert told["speed/launch_cpu"]["verdict"] == "fail"
    assert "(3 launches a side)" in told["speed/launch_cpu"]["reason"]
    assert told["speed/launch_memory"]["verdict"] == "pass"
    assert told["speed/reference_launch_cpu"]["verdict"] != "fail"


def test_a_longer_delay_fails_and_a_rule_that_holds_jointly_follows_its_companion(project: Path, run_apart) -> None:
    # Streams are seeded alike, so the same process gives the same delays, and a weaker shift longer ones.
    (project / "drift.yaml").write_text(DRIFT % 1.0)
    run = ("run", "drift.yaml", "-a", "mock", "-q", "--no-report")
    done = run_apart(*run, cwd=project)
    assert done.code == 0, done.out + done.err
    assert run_apart("baseline", "save", "main", cwd=project).code == 0
    same = run_apart("gate", "drift.yaml", "-a", "mock", "-q", "--json", cwd=project)
    assert same.code == 0, same.out + same.err


def test_delays_of_two_runs_are_compared_stream_by_stream(project: Path, run_apart) -> None:
    folders = []
    for shift in (1.0, 0.5):
        (project / "drift.yaml").write_text(DRIFT % shift)
        done = run_apart("run", "drift.yaml", "-a", "mock", "-q", "--no-report", "-o", f"runs{shift}", cwd=project)
        assert done.code == 0, done.out + done.err
        folders.append(next((project / f"runs{shift}").glob("drift-*")))
    # Another shift is another question, so it has to be forced.
    done = run_apart("compare", *folders, "--force", "--format", "json", cwd=project)
    told = {delta["metric"]: delta for delta in json.loads(done.out)[0]["metrics"]}
    delay, alarms = told["detection_delay[ewma]"], told["false_alarm_rate[ewma]"]
    assert delay["after"] > delay["before"]
    assert delay["comparison"]["high"] < 0
    assert alarms["comparison"]["estimate"] == 0, "the same streams before the onset"
