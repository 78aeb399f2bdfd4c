"""A suite that needs what an adapter cannot do is refused before any model is loaded, naming both."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.adapters.mock import MockAdapter
from harness.errors import ExitCode

SUITE = """\
suite: s
version: 1
datasets: {charts: {type: charts, limit: 2}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
  attack: {kind: adversarial, of: qa}
"""
SAID = "task 'attack' needs gradient, score_text; adapter 'mock' can generate, sample"


@pytest.fixture
def suite(write: Callable[..., Path]) -> Path:
    return write("s.yaml", SUITE)


@pytest.fixture
def unloadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(MockAdapter, "from_config", load)


@pytest.mark.usefixtures("unloadable")
@pytest.mark.parametrize("verb", [("validate",), ("run", "--dry-run"), ("run",)])
def test_the_command_says_so_and_exits_2(run_here, suite: Path, tmp_path: Path, verb: tuple[str, ...]) -> None:
    out = ("--out", tmp_path / "runs") if verb == ("run",) else ()
    done = run_here(*verb, suite, "--adapter", "mock", *out)
    assert done.code == ExitCode.USAGE
    assert SAID in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("unloadable")
def test_one_that_fits_does_not_save_one_that_does_not(run_here, suite: Path) -> None:
    done = run_here("run", suite, "-a", "qwen2-vl", "-a", "mock")
    assert done.code == ExitCode.USAGE
    assert SAID in done.err
    assert "qwen2-vl" not in done.err


def test_as_json_it_is_a_problem_of_the_suite(run_here, suite: Path) -> None:
    done = run_here("validate", suite, "-a", "mock", "--json")
    assert (done.code, json.loads(done.out)) == (
        2,
        {"valid": False, "problems": [{"message": SAID}], "warnings": [], "notes": []},
    )


def test_an_adapter_that_can_is_let_through(run_here, suite: Path) -> None:
    assert run_here("validate", suite, "-a", "qwen2-vl").code == ExitCode.OK


def test_where_the_type_could_and_this_target_does_not_it_shows_when_the_model_is_loaded(
    run_here, suite: Path, write: Callable[..., Path], tmp_path: Path
) -> None:
    write("model.py", "def answer(prompt, images):\n    return ''\n")
    mine = write("mine.yaml", "adapter: mine\ntype: python\ntarget: model.py:answer\n")
    needs_gradient = run_here("run", suite, "-a", mine, "--out", tmp_path / "runs")
    assert needs_gradient.code == ExitCode.USAGE
    assert (
        "task 'attack' needs gradient; adapter 'mine' can classify, embed, embed_text, generate, ground, score_text"
        in (needs_gradient.err)
    )
