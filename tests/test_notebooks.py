"""The notebooks of the docs: each runs from first cell to last, in an empty folder, and says what its text says."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "notebooks"
SAYS = {
    "first-report": ["written/exact_match  ↑   0.000", "read/exact_match     ↑   0.850", "0.653846", "report.html"],
    "gate-a-pull-request": ["('fail', <ExitCode.REGRESSION: 1>)", "'There is no square.'", "would decide"],
    "look-through-failures": ["there is no such file", "small    51", "final_answer@2", "(34, ["],
}


def cells(name: str) -> list[str]:
    book = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert all(not cell.get("outputs") for cell in book["cells"]), "nothing would hold outputs to the code"
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def script(name: str) -> str:
    """Return the cells as one script that prints what a notebook would show below each."""
    parts = []
    for cell in cells(name):
        tree = ast.parse(cell)
        if isinstance(tree.body[-1], ast.Expr):
            shown = ast.unparse(tree.body.pop().value)
            parts += [ast.unparse(tree), f"print({shown})"]
        else:
            parts.append(cell)
    return "\n".join(parts)


@pytest.mark.parametrize("name", sorted(SAYS))
def test_a_notebook_runs_to_its_end_and_says_what_its_text_says(name: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", script(name)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    missing = [text for text in SAYS[name] if text not in done.stdout]
    assert missing == [], done.stdout


def test_every_notebook_is_run() -> None:
    assert {file.stem for file in FOLDER.glob("*.ipynb")} == set(SAYS)
