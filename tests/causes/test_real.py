"""Two planted causes in the repository's own model: INT8 weights of three bits, and smaller images."""

import shutil
from pathlib import Path

import pytest

import harness
from harness.locate import builtin_root
from tests.gates.test_story import quantise_badly

SUITE = """\
suite: charts
version: 1
seed: 7
datasets:
  charts: {type: charts, split: test, limit: 48}
tasks:
  qa: {kind: qa, dataset: charts, prompt: "{{ question }}", max_new_tokens: 16, metrics: [exact_match]}
"""
ADAPTER = "adapter: tiny\ntype: onnx\nthreads: 1\nbatch_invariant: true\nbatch_size: 1\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.argv", ["harness", "run", "charts.yaml", "-a", "tiny.yaml"])
    (tmp_path / "charts.yaml").write_text(SUITE)

    def made(keys: str) -> harness.record.Run:
        (tmp_path / "tiny.yaml").write_text(ADAPTER + keys)
        return harness.run("charts.yaml", "tiny.yaml", report=False, fresh=True)

    return made


def test_images_that_are_made_too_small_are_named_and_int8_that_was_made_well_is_not(run) -> None:
    model = builtin_root() / "fixtures" / "tiny-qwen2-vl"
    before = run(f"model: {model}\nquantisation: fp32\n")
    after = run(f"model: {model}\nquantisation: int8\nmax_pixels: 12544\n")
    found = harness.why(before, after)
    assert found.verdict in ("found", "likely")
    assert [cause.change.name for cause in found.found] == ["pixel limits"]
    assert found.found[0].flips > 0.8
    assert found.causes[0].moved.high < min(cause.moved.low for cause in found.causes[1:])


def test_int8_weights_that_were_made_badly_are_named_and_a_template_that_says_the_same_is_not(run, tmp_path) -> None:
    model = builtin_root() / "fixtures" / "tiny-qwen2-vl"
    for name in ("one", "two"):
        shutil.copytree(model, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors"))
    for file in (tmp_path / "two" / "onnx").glob("*_int8.onnx"):
        quantise_badly(file, 48)
    template = tmp_path / "two" / "chat_template.jinja"
    template.write_text(template.read_text() + "{# the same #}")
    before, after = run("model: one\nquantisation: int8\n"), run("model: two\nquantisation: int8\n")
    found = harness.why(before, after)
    assert [cause.change.name for cause in found.found] == ["weights"]
    assert [cause.change.name for cause in found.causes[1:]] == ["template"]
    assert found.causes[1].effect.value == 0
