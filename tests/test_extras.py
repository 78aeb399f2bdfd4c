"""Lines that install what is missing, true before and after a release; benchmarks need no more than they say."""

import json
import re
import subprocess
import sys
from contextlib import suppress
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


_IMPORT_ALL = """
import importlib, json, pkgutil, sys
missing = set(json.loads(sys.argv[1]))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import benchmarks
for module in pkgutil.iter_modules(benchmarks.__path__):
    if module.name != "__main__":
        importlib.import_module(f"benchmarks.{module.name}")
"""


def _with_what_they_need(lines: list[str]) -> set[str]:
    """Return the names of distributions that requirements bring, in small letters."""
    found: set[str] = set()
    waiting = [*lines]
    while waiting:
        line = waiting.pop()
        name = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
        if name not in found and "extra ==" not in line:
            found.add(name)
            with suppress(metadata.PackageNotFoundError):
                waiting += metadata.requires(name) or []
    return found


def test_benchmarks_import_with_what_asv_installs() -> None:
    """Plain ``asv run`` imports them all before it runs one; what is not installed there is hidden here."""
    told = json.loads((ROOT / "asv.conf.json").read_text())["install_command"][0]
    named = re.search(r"\[([\w,-]*)\]", told)
    asked = [line for line in metadata.requires("vlm-harness") or [] if "extra ==" not in line]
    asked += [line for name in (named[1].split(",") if named else ()) for line in extras.extras()[name]]
    there = _with_what_they_need(asked) | {"vlm-harness"}
    names = metadata.packages_distributions().items()
    missing = [name for name, homes in names if not there & {home.lower().replace("_", "-") for home in homes}]
    assert {"selenium", "torch"} <= {*missing}
    command = [sys.executable, "-c", _IMPORT_ALL, json.dumps([name for name in missing if name != "tests"])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
