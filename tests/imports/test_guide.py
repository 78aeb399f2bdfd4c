"""docs/imports.md, as a reader follows it: every command of every section on two real runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from harness.imports import kinds
from tests.conftest import ROOT
from tests.imports.conftest import LOGS

PAGE = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
SECTIONS = {
    title: re.findall(r"^\$ harness (.*)$", text, re.MULTILINE)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


def test_the_page_has_a_section_for_every_kind() -> None:
    assert sorted(title for title, commands in SECTIONS.items() if commands and title in kinds()) == kinds()
    assert all(kind in PAGE.split("## ", 1)[0] for kind in kinds())


@pytest.mark.parametrize("kind", kinds())
def test_the_commands_of_a_section_run(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here) -> None:
    monkeypatch.chdir(tmp_path)
    for name, side in (("main", "a"), ("pr", "b")):
        if kind == "table":
            Path(name).mkdir()
            rows = "".join(f"q{i},{int(i % 5 > (name == 'main'))},{'ab'[i % 2]}\n" for i in range(60))
            Path(name, "scores.csv").write_text("id,acc,style\n" + rows)
        else:
            shutil.copytree(LOGS / kind / side, name)
    assert SECTIONS[kind]
    for line in SECTIONS[kind]:
        done = run_here(*shlex.split(line.partition("  #")[0]))
        gate = line.startswith("gate")
        assert done.code == (0 if not gate else done.code), done.err
        if gate:
            assert done.code in (0, 3), done.err
            assert "verdict: PASS" in done.out or "verdict: INCONCLUSIVE" in done.out
    if kind == "table":
        assert [*tmp_path.glob("results/runs/table-*")]


def test_the_first_gates_of_the_page_pass_and_fail_as_it_says(tmp_path: Path, monkeypatch, run_here) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(LOGS / "lm-eval/a", "out/main")
    shutil.copytree(LOGS / "lm-eval/b", "out/pr")
    (rules,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("rules.yaml").write_text(rules)
    assert run_here("gate", "rules.yaml", "--baseline", "out/main", "--candidate", "out/pr").code == 0
    assert run_here("gate", "rules.yaml", "--baseline", "out/pr", "--candidate", "out/main").code == 1
    scored = [line for line in SECTIONS["What is read, and what is not"] if line.startswith("score ")]
    assert len(scored) == 2
    assert [run_here(*shlex.split(line)).code for line in scored] == [0, 0]
