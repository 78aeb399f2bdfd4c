import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import harness
from harness.cli import invoke
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.registry import registry
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite, bind_suite

# A shell ignores Ctrl-C in what it starts in the background, and so would the tests that press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test fails because the machine is busy.
settings.register_profile("harness", deadline=None, max_examples=50)
settings.load_profile("harness")

ROOT = Path(harness.__file__).resolve().parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_here(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command of the CLI in this process."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = invoke([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(int(code), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def run_apart() -> Callable[..., Done]:
    """Run a command of the CLI in a process of its own."""

    def run(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
        command = [sys.executable, "-m", "harness", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of the test's own folder."""

    def put(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return put


@pytest.fixture
def bind(tmp_path: Path) -> Callable[[str], Suite]:
    """Bind a suite from its text, as if it lay in the test's own folder."""

    def make(text: str) -> Suite:
        return bind_suite(parse_document(text, tmp_path / "suite.yaml"))

    return make


SMALL = """\
suite: small
version: 1
datasets:
  charts: {type: charts, limit: 20}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy, numeric_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness, rotation], severities: [1, 5]}
gates:
  - {metric: qa/relaxed_accuracy, min: 0.5}
  - {metric: qa/relaxed_accuracy, max_drop: 0.02}
"""


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run on the mock; not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    suite = bind_suite(parse_document(SMALL, folder / "small.yaml"))
    run, _ = run_suite(suite, read_adapter("mock"), RunOptions(out=folder), Silent())
    return run


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Register a plug-in of some kind for the duration of one test."""

    def add(kind: str, name: str, target: str) -> None:
        names = registry(kind)
        names.names()
        monkeypatch.setattr(names, "_found", dict(names._found or {}))
        names.add(name, target)

    return add
