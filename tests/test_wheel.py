"""The built wheel works in an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree and unpacked as pip installs it."""
    work = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", work, ROOT], check=True)
    (wheel,) = work.glob("vlm_harness-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", work / "site", wheel], check=True)
    return work / "site"


def harness(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-m", "harness", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_carries_suites_adapters_types_and_the_model(installed: Path) -> None:
    for name in (
        "suites/robustness.yaml",
        "adapters/onnx-int8.yaml",
        "fixtures/tiny-qwen2-vl/onnx/vision_encoder_int8.onnx",
        "suites/chart_qa.yaml",
        "suites/easy_vqa.yaml",
        "adapters/qwen2-vl-lora.yaml",
        "fixtures/tiny-qwen2-vl-lora/adapter_model.safetensors",
        "fixtures/tiny-qwen2-vl-easy-vqa/adapter_model.safetensors",
        "fixtures/tiny-qwen2-vl-shapes/adapter_model.safetensors",
        "adapters/color_blobs.py",
    ):
        assert (installed / "harness" / "builtin" / name).is_file(), name
    assert (installed / "harness" / "py.typed").is_file()
    assert not (installed / "tests").exists()


def test_the_robustness_suite_runs_by_name_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = harness(
        installed, tmp_path, "run", "robustness", "--adapter", "onnx-int8", "--limit", "5", "--json", "--quiet"
    )
    (run,) = json.loads(done.stdout)
    assert run["status"] == "complete", done.stderr
    assert run["responses"] == {"ok": 165}
    assert (tmp_path / run["folder"] / "report.html").is_file()
    code = "import harness; print(harness.__file__)"
    where = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
