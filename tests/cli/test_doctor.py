"""``harness doctor``: what is here, without importing any of it."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from harness.cli import doctor

HEAVY = ("torch", "numpy", "pyarrow", "scipy", "pandas", "onnxruntime", "pydantic")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from harness.cli import invoke; code = invoke(['doctor', '--json']); "
        f"sys.exit(code or ', '.join({{*{HEAVY!r}}} & {{*sys.modules}}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["extras"]["onnx"]["install"].startswith("pip install 'onnxruntime>=")
    assert "dev" not in told["extras"]


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch, run_here) -> None:
    version = metadata.version

    def without_tokenizers(name: str) -> str:
        if name == "tokenizers":
            raise metadata.PackageNotFoundError
        return version(name)

    monkeypatch.setattr(metadata, "version", without_tokenizers)
    (line,) = (line for line in run_here("doctor").out.splitlines() if line.startswith("onnx "))
    assert line.split()[1:3] == ["in", "part"]
    assert "tokenizers not there: pip install 'onnxruntime>=" in line


def test_it_says_what_is_slow_and_why(monkeypatch: pytest.MonkeyPatch, run_here) -> None:
    monkeypatch.setattr("harness.cpu.cpu_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr("harness.cpu.usable_cores", lambda: 1)
    monkeypatch.setattr(doctor, "_memory", lambda: 4 * 1024**3)
    told = json.loads(run_here("doctor", "--json").out)["slow"]
    assert any("no VNNI" in one for one in told)
    assert any("1 core(s)" in one for one in told)
    assert any("4.0 GiB are here" in one for one in told)


def test_a_cache_that_cannot_be_written_is_broken(monkeypatch: pytest.MonkeyPatch, run_here, tmp_path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda folder, mode: folder != tmp_path)
    (said,) = (one for one in json.loads(run_here("doctor", "--json").out)["broken"] if "HARNESS_CACHE" in one)
    assert str(tmp_path / "cache") in said
