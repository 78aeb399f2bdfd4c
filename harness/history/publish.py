"""asv's own pages, made to render without a network."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.extras import install
from harness.git import branch_of, commit_of
from harness.history import record

CONFIG: Final = "asv.conf.json"
_TAG: Final = re.compile(r'<(script|link)\b[^>]*?\b(src|href)="(https?:[^"]+)"[^>]*>')
_ASSETS: Final = {
    r"jquery(-[\d.]+)?\.min\.js": "jquery.min.js",
    r"jquery\.flot(\.min)?\.js": "jquery.flot.js",
    r"jquery\.flot\.(time|selection|categories)(\.min)?\.js": r"jquery.flot.\1.js",
    r"jquery\.flot\.orderBars(\.min)?\.js": "jquery.flot.orderBars.js",
    r"stupidtable(\.min)?\.js": "stupidtable.min.js",
    r"md5(\.min)?\.js": "md5.min.js",
    r"bootstrap(\.min)?\.(js|css)": r"bootstrap.min.\2",
}
"""Our file for each that asv takes from a content delivery network, by the name at the end of its address."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``asv.conf.json`` says."""

    results: Path
    html: Path
    show_commit: str
    branches: tuple[str, ...]


def settings(repository: Path) -> Settings:
    """Read ``asv.conf.json``.

    Raises:
        UsageError: if it is not there or cannot be read.
    """
    file = repository / CONFIG
    try:
        # asv allows comments of whole lines; ours has none, a user's may.
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("//")]
        told: dict[str, Any] = json.loads("\n".join(lines))
    except OSError as cause:
        raise UsageError(f"there is no {CONFIG} in {repository}; `harness history init` writes one") from cause
    except ValueError as cause:
        raise UsageError(f"{file} cannot be read as JSON: {cause}") from cause
    return Settings(
        repository / told.get("results_dir", ".asv/results"),
        repository / told.get("html_dir", ".asv/html"),
        str(told.get("show_commit_url", "")),
        tuple(told.get("branches") or ("main",)),
    )


def write_settings(repository: Path) -> Path:
    """Write an ``asv.conf.json`` for a repository that has none, with the branch that it has.

    Raises:
        UsageError: if git is missing.
        OSError: if it cannot be written.
    """
    told = {
        "version": 1,
        "project": repository.resolve().name,
        "repo": ".",
        "branches": [branch_of(repository)],
        "environment_type": "virtualenv",
        "benchmark_dir": "benchmarks",
        "results_dir": "results/asv",
        "html_dir": "reports/asv",
    }
    file = repository / CONFIG
    file.write_text(json.dumps(told, indent=4) + "\n", encoding="utf-8")
    return file


def _has_branches(repository: Path, branches: Sequence[str]) -> None:
    """See that the branches are there, before asv finds out in git's words."""
    for branch in branches:
        try:
            commit_of(repository, branch)
        except UsageError as cause:
            said = f"{repository / CONFIG} names the branch {branch!r}, which this repository does not have"
            raise UsageError(f'{said}; change it to "branches": ["{branch_of(repository)}"]') from cause


def publish(repository: Path) -> Path:
    """Run ``asv publish`` over all that is recorded; return the folder of its pages.

    Raises:
        UsageError: if asv is missing or fails, or if it would delete what is not its own.
    """
    told = settings(repository)
    _has_branches(repository, told.branches)
    _guard(told.html)
    record.describe(told.results)
    command = [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", CONFIG]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)  # noqa: S603 - asv
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        if any("No module named asv" in line for line in said):
            raise UsageError(f"publishing needs asv: {install('asv')}")
        raise UsageError(f"asv publish failed: {said[-1] if said else done.returncode}")
    offline(told.html)
    return told.html


def offline(html: Path) -> list[str]:
    """Put what the pages load beside them; return the names of those files.

    Raises:
        UsageError: if a page loads something that we don't have: a newer asv's.
    """
    page = html / "index.html"
    text, used = _localised(page.read_text(encoding="utf-8"))
    folder = html / "vendor"
    folder.mkdir(exist_ok=True)
    for name in used:
        (folder / name).write_bytes(files("harness.history").joinpath("vendor", name).read_bytes())
    page.write_text(text, encoding="utf-8")
    return used


def _localised(text: str) -> tuple[str, list[str]]:
    used: list[str] = []

    def local(found: re.Match[str]) -> str:
        tag, _, address = found.groups()
        last = address.rpartition("/")[2]
        for pattern, name in _ASSETS.items():
            if re.fullmatch(pattern, last):
                used.append(re.sub(pattern, name, last))
                break
        else:
            raise UsageError(f"this version of asv loads {address}, which is not bundled here; use asv 0.6")
        if tag == "script":
            return f'<script src="vendor/{used[-1]}">'
        return f'<link rel="stylesheet" href="vendor/{used[-1]}">'

    return _TAG.sub(local, text), used


def _guard(html: Path) -> None:
    """Refuse a folder that holds more than asv's pages: ``asv publish`` deletes it first."""
    if html.exists() and any(html.iterdir()) and not (html / "asv.js").is_file():
        raise UsageError(f"asv publish would delete {html}, which holds something else; empty it, or change html_dir")


def regressions(html: Path) -> Sequence[Sequence[Any]]:
    """Return what asv calls regressions: name, graph, parameters, index, last value, best value, jumps."""
    told = json.loads((html / "regressions.json").read_text(encoding="utf-8"))
    found: Sequence[Sequence[Any]] = told["regressions"]
    return found
