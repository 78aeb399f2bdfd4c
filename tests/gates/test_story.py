"""The whole story in a repository: a baseline on main, and branches that do and don't make a real model worse."""

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from harness.locate import builtin_root
from tests.repositories import begin, commit, git

SUITE = """\
suite: story
version: 1
datasets:
  charts: {type: charts, split: test, limit: 200}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
gates:
  - {metric: qa/relaxed_accuracy, min: 0.5}
  - {metric: qa/relaxed_accuracy, max_drop: 0.02}
"""
ADAPTER = """\
adapter: tiny
type: onnx
model: model
quantisation: int8
batch_size: 8
"""
GATE = ("gate", "suite.yaml", "--adapter", "adapter.yaml", "--baseline", "main", "--quiet")


def quantise_badly(file: Path, step: int = 16) -> None:
    """Round the seven-bit weights of an ONNX file to multiples of ``step``: 16 leaves three bits."""
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) >= 2:
            weights = numpy_helper.to_array(tensor).astype(np.int64)
            rounded = np.clip(np.round(weights / step) * step, -128, 127).astype(np.int8)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    onnx.save(model, file)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, run_apart: Callable[..., object]) -> Path:
    """A repository with a model, a suite and a committed baseline on main."""
    folder = tmp_path_factory.mktemp("repository")
    source = builtin_root() / "fixtures" / "tiny-qwen2-vl"
    shutil.copytree(source, folder / "model", ignore=shutil.ignore_patterns("*.safetensors", "d*_merged.onnx"))
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "adapter.yaml").write_text(ADAPTER)
    (folder / ".gitignore").write_text("results/\nharness-gate/\nlooks/\n")
    begin(folder)
    commit(folder, "A model and its suite")
    ran = run_apart("run", "suite.yaml", "--adapter", "adapter.yaml", "--quiet", "--no-report", cwd=folder)
    assert ran.code == 0, ran.err
    saved = run_apart("baseline", "save", "main", cwd=folder)
    assert saved.code == 0, saved.err
    commit(folder, "Its baseline")
    return folder


@pytest.fixture
def branch(repository: Path):
    """A branch of its own, left as it was found."""
    git(repository, "checkout", "--quiet", "-B", "change", "main")
    yield repository
    git(repository, "reset", "--quiet", "--hard")
    git(repository, "checkout", "--quiet", "main")


def test_a_branch_that_changes_nothing_passes(branch: Path, run_apart) -> None:
    (branch / "README.md").write_text("words\n")
    commit(branch, "Words")
    done = run_apart(*GATE, cwd=branch)
    assert (done.code, done.out.splitlines()[-1]) == (0, "verdict: PASS")


def test_a_branch_that_quantises_badly_fails_naming_the_metric_and_the_flipped_samples(branch: Path, run_apart) -> None:
    quantise_badly(branch / "model" / "onnx" / "vision_encoder_int8.onnx")
    commit(branch, "Three bits will do")
    done = run_apart(*GATE, "--junit", "gate.xml", cwd=branch)
    assert done.code == 1, done.out + done.err
    assert done.out.splitlines()[-1] == "verdict: FAIL"
    (failed,) = [line for line in done.out.splitlines() if " fail " in line]
    assert "qa/relaxed_accuracy" in failed
    assert "drop ≤ 0.02" in failed
    flips = [line for line in done.out.splitlines() if "right → wrong  qa/clean/test-0-" in line]
    assert len(flips) >= 5
    cases = ET.parse(branch / "gate.xml").getroot().findall(".//testcase")  # noqa: S314 - our own
    assert [case.find("failure") is not None for case in cases] == [False, True]
    assert "test-0-" in cases[1].find("failure").text


def test_the_planned_n_and_what_can_be_detected_are_said_before_the_run(branch: Path, run_apart) -> None:
    done = run_apart(*GATE, cwd=branch)
    lines = done.err.splitlines()
    planned = next(
        i for i, line in enumerate(lines) if line.startswith("planned: qa/relaxed_accuracy: n = 200, detects")
    )
    assert planned < next(i for i, line in enumerate(lines) if line.startswith("record: "))


def test_too_few_samples_are_inconclusive_and_say_how_many_would_decide(branch: Path, run_apart) -> None:
    done = run_apart(*GATE, "--limit", "20", cwd=branch)
    assert done.code == 3, done.out + done.err
    assert "would decide" in done.out
    assert done.out.splitlines()[-1] == "verdict: INCONCLUSIVE"


def test_an_adapter_that_crashes_is_exit_code_4(branch: Path, run_apart) -> None:
    (branch / "model" / "onnx" / "vision_encoder_int8.onnx").write_bytes(b"no model")
    commit(branch, "Break it")
    done = run_apart(*GATE, "--github", cwd=branch)
    assert done.code == 4, done.out + done.err
    assert "FAILED" in (branch / "harness-gate" / "comment.md").read_text()


def test_another_data_set_makes_the_baseline_unfit_before_anything_runs(branch: Path, run_apart) -> None:
    (branch / "suite.yaml").write_text(SUITE.replace("limit: 200", "limit: 150"))
    done = run_apart(*GATE, "--out", "elsewhere", cwd=branch)
    assert done.code == 3
    assert "no longer fits:\n  data of qa: " in done.err
    assert not (branch / "elsewhere").exists()


def test_looking_early_stops_as_soon_as_a_bad_model_is_certain_to_be_bad(branch: Path, run_apart) -> None:
    quantise_badly(branch / "model" / "onnx" / "vision_encoder_int8.onnx", step=64)
    done = run_apart(*GATE, "--sequential", "40,80,200", "--json", cwd=branch)
    assert done.code == 1, done.out + done.err
    decision = json.loads(done.out)
    assert decision["comparison"]["metrics"][0]["comparison"]["n"] < 200
    assert "look 1 of 3, 40 samples a cell" in decision["gates"][1]["reason"]


def test_looks_that_decide_nothing_leave_one_record(branch: Path, run_apart) -> None:
    done = run_apart(*GATE, "--sequential", "40,80,200", "--out", "looks", "--json", cwd=branch)
    assert done.code == 0, done.out + done.err
    decision = json.loads(done.out)
    assert "look 3 of 3, 200 samples a cell" in decision["gates"][1]["reason"]
    (record,) = (branch / "looks").glob("*/run.json")
    assert json.loads(record.read_text())["options"]["limit"] == 200


def test_bisect_finds_the_commit_that_quantised_badly(branch: Path, run_apart) -> None:
    good = commit(branch, "Nothing yet")
    (branch / "README.md").write_text("more words\n")
    commit(branch, "Words")
    quantise_badly(branch / "model" / "onnx" / "vision_encoder_int8.onnx")
    culprit = commit(branch, "Three bits will do")
    (branch / "README.md").write_text("even more words\n")
    commit(branch, "More words")
    before = git(branch, "status", "--porcelain")
    done = run_apart("bisect", "suite.yaml", "-a", "adapter.yaml", "--good", good, "--bad", "HEAD", cwd=branch)
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines()[-1] == f"first bad commit: {culprit}"
    assert git(branch, "status", "--porcelain") == before
    assert len(git(branch, "worktree", "list").splitlines()) == 1


def test_bisect_blames_nobody_for_a_gate_that_fails_at_the_good_commit(branch: Path, run_apart) -> None:
    file = branch / "suite.yaml"
    file.write_text(file.read_text() + "  - {metric: qa/relaxed_accuracy, min: 1.0}\n")
    good = commit(branch, "Ask for the impossible")
    (branch / "README.md").write_text("words\n")
    commit(branch, "Words")
    done = run_apart("bisect", "suite.yaml", "-a", "adapter.yaml", "--good", good, cwd=branch)
    assert done.code == 2
    assert f"a gate fails at the good commit {good[:12]} already: qa/relaxed_accuracy: " in done.err
    assert "first bad" not in done.out


def test_bisect_refuses_where_the_bad_commit_is_not_bad(branch: Path, run_apart) -> None:
    good = git(branch, "rev-parse", "HEAD").strip()
    commit(branch, "Nothing")
    done = run_apart("bisect", "suite.yaml", "-a", "adapter.yaml", "--good", good, cwd=branch)
    assert done.code == 2
    assert "the gate does not fail at the bad commit" in done.err
    unknown = run_apart("bisect", "suite.yaml", "-a", "adapter.yaml", "--good", "nowhere", cwd=branch)
    assert (unknown.code, unknown.err) == (2, "error: there is no commit 'nowhere'\n")
