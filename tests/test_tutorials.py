"""The tutorials: their commands are ones that the harness has, in an order in which a reader can run them."""

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import harness
from tests.conftest import ROOT, Done

_COMMAND = re.compile(r"^\$ harness (.+)$", re.MULTILINE)
COMMANDS = _COMMAND.findall((ROOT / "docs" / "tutorials.md").read_text(encoding="utf-8"))


RUNS = {line.split()[1]: line for line in COMMANDS if line.startswith("run ")}
"""By suite: of several the last, which names the most adapters."""


@pytest.mark.parametrize("line", RUNS.values())
def test_what_a_tutorial_runs_can_be_planned(line: str, run_here: Callable[..., Done]) -> None:
    done = run_here(*shlex.split(line), "--dry-run")
    assert done.code == 0, done.err
    assert "nothing was run" in done.out + done.err


def test_the_gate_of_a_tutorial_asks_for_the_baseline_that_the_line_before_saves(
    run_here: Callable[..., Done], tmp_path: Path
) -> None:
    (line,) = (line for line in COMMANDS if line.startswith("gate "))
    done = run_here(*shlex.split(line), "--baselines", tmp_path)
    assert (done.code, "harness baseline save main" in done.err) == (3, True), done.err


def test_what_a_tutorial_does_with_runs_works_on_runs_that_are_there(
    small_run: Path, run_here: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for k in range(4):
        harness.run("robustness", "mock", limit=2 + k // 4, fresh=True, only="chart-qa", report=False)
    tried = [line for line in COMMANDS if line.split()[0] in ("show", "compare", "report", "failures", "baseline")]
    assert len(tried) >= 5
    for line in tried:
        done = run_here(*(word.replace("photographs/", "chart-qa/") for word in shlex.split(line)))
        assert done.code == 0, (line, done.err)


def test_every_tutorial_stands_in_the_sites_order() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "tutorials.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == 7
    assert "tutorials.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_what_a_release_says_of_itself_agrees() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["version"], cited["title"], cited["license"]) == (
        harness.__version__,
        project["name"],
        project["license"],
    )
    for file in (ROOT / ".github").rglob("*.yml"):
        assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict), file
