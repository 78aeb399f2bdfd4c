import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.imports import Asked, bring_in
from harness.record import Run

LOGS = Path(__file__).parent / "logs"
"""Logs of the harnesses themselves: a model of skill 0.7 (a) and a better one (b) on 30 additions; cut down."""


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Run]:
    """Import a log of this folder's, or another one."""

    def go(path: Path | str, kind: str | None = None, **asked: Any) -> Run:
        place = path if isinstance(path, Path) else LOGS / path
        return Run(bring_in(place, tmp_path / "runs", kind, Asked(**asked)))

    return go


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Copy a log and let a function change the lines of one of its files."""

    def go(name: str, pattern: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None]) -> Path:
        folder = tmp_path / "changed" / name.replace("/", "-")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(LOGS / name, folder)
        (file,) = folder.rglob(pattern)
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        rows = change(rows) or rows
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return folder

    return go
