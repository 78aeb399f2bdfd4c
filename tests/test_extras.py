"""Lines that install what is missing, true before and after a release; benchmarks need no more than they say."""

import ast
import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from harness import extras

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_missing_is_named_by_packages_that_are_on_the_index() -> None:
    assert extras.install("serve") == "pip install 'starlette>=0.40' 'uvicorn>=0.30'"
    assert "onnx>=" in extras.install("quantise")


def test_without_an_installation_the_folder_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", missing)
    assert extras.install("video") == f"pip install '{ROOT}[video]'"


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (None, "vlm-harness/vlm-harness@v1.2"),
        ({"url": "file:///home/me/clone", "dir_info": {"editable": True}}, "vlm-harness/vlm-harness@main"),
        ({"url": "https://github.com/me/fork.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}, "me/fork@abc"),
        ({"url": "https://example.org/x.git", "vcs_info": {"commit_id": "abc"}}, "vlm-harness/vlm-harness@main"),
    ],
)
def test_a_workflow_names_what_is_installed(monkeypatch: pytest.MonkeyPatch, origin: object, named: str) -> None:
    class Installed:
        version = "1.2"

        def read_text(self, _: str) -> str | None:
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(metadata, "distribution", lambda _: Installed())
    assert extras.action() == named


def test_no_text_names_a_release_that_there_is_not() -> None:
    texts = [*ROOT.glob("harness/**/*.py"), *ROOT.glob("harness/**/*.yml"), *ROOT.glob("docs/**/*.y*ml")]
    texts += [ROOT / "README.md", ROOT / "action.yml", *ROOT.glob("docs/*.md")]
    untrue = re.compile(r"pip install ['\"]?vlm-harness|vlm-harness@v\d")
    assert [file for file in texts if untrue.search(file.read_text(encoding="utf-8"))] == []


def _top(file: Path) -> set[str]:
    """Return the packages that a module imports while it is imported itself."""
    found: set[str] = set()
    waiting: list[ast.AST] = [*ast.parse(file.read_text(encoding="utf-8")).body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.If):
            waiting += node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else [*node.body, *node.orelse]
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            waiting += node.body
    return found


def test_benchmarks_import_with_what_asv_installs() -> None:
    told = json.loads((ROOT / "asv.conf.json").read_text())["install_command"][0]
    named = re.search(r"\[([\w,-]*)\]", told)
    asked = [line for line in metadata.requires("vlm-harness") or [] if "extra ==" not in line]
    asked += [line for name in (named[1].split(",") if named else ()) for line in extras.extras()[name]]
    distributions = {re.split(r"[^\w-]", line)[0].lower() for line in asked}
    names = metadata.packages_distributions().items()
    there = {name for name, homes in names if distributions & {home.lower() for home in homes}}
    allowed = there | {"harness", "benchmarks"} | set(sys.stdlib_module_names)
    undeclared = {file.name: _top(file) - allowed for file in (ROOT / "benchmarks").glob("*.py")}
    assert {name: packages for name, packages in undeclared.items() if packages} == {}
