"""The way from nothing to a run, as the documentation tells it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness import locate
from harness.cli.adapters import command
from harness.errors import ExitCode
from harness.registry import registry

TEXT = (Path(harness.__file__).resolve().parents[1] / "docs" / "adapters.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the three files of the documentation, as the working directory."""
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    for name, content in FILES.items():
        (tmp_path / "here" / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_three_files_make_a_run(folder: Path, run_here: Callable[..., object]) -> None:
    assert {"my-model.yaml", "my-suite.yaml", "my_model.py"} <= FILES.keys()
    done = run_here("run", "my-suite.yaml", "--adapter", "my-model.yaml")
    assert done.code == ExitCode.OK, done.err  # type: ignore[attr-defined]  # `Done` of conftest
    assert len(list(folder.glob("results/runs/*/run.json"))) == 1


def test_the_documented_model_keeps_all_laws(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "my-model.yaml"], standalone_mode=False) == ExitCode.OK
    assert "all laws kept" in capsys.readouterr().out


def test_every_built_in_type_is_documented_and_the_other_way_round() -> None:
    table = TEXT.partition("\n## ")[0].partition("|---|")[2]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == {entry.name for entry in registry("adapters") if entry.target.startswith("harness.")}
