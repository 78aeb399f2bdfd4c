"""``harness init``: from an empty folder to a gate."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.cli._peers import PEERS
from harness.extras import action
from harness.imports import kinds
from tests.programs import git

RUN = ("run", "suites/first.yaml", "--adapter", "adapters/my-model.yaml", "--no-report", "-q")
GATE = ("gate", "suites/first.yaml", "--adapter", "adapters/my-model.yaml", "-q")


def test_what_init_writes_runs_and_gates_as_it_says(tmp_path: Path, run_apart) -> None:
    subprocess.run([git(), "init", "--quiet", tmp_path], check=True)
    done = run_apart("init", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "wrote suites/first.yaml" in done.out
    assert run_apart("validate", "suites/first.yaml", "-a", "adapters/my-model.yaml", cwd=tmp_path).code == 0
    ran = run_apart(*RUN, cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    names = {f"GIT_{role}_{key}": "t" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    assert run_apart("baseline", "save", "main", "--baselines", "branch:baselines", cwd=tmp_path, env=names).code == 0
    gated = run_apart(*GATE, "--baselines", "branch:baselines", cwd=tmp_path)
    assert gated.code == 0, gated.out + gated.err  # the model has not changed, and there are samples enough to show it
    assert "verdict: PASS" in gated.out
    assert "git push origin baselines" in done.out


def test_its_data_are_charts_with_questions_and_answers(tmp_path: Path, run_here) -> None:
    assert run_here("init", tmp_path / "new", "--no-workflow").code == 0
    rows = [json.loads(line) for line in (tmp_path / "new/suites/data/examples.jsonl").read_text().splitlines()]
    assert len(rows) == len({row["id"] for row in rows}) == 100
    assert all((tmp_path / "new/suites/data" / row["image"]).is_file() for row in rows)
    assert not (tmp_path / "new/.github").exists()


def test_nothing_is_written_over_unless_asked(tmp_path: Path, run_here) -> None:
    (tmp_path / "suites").mkdir()
    mine = tmp_path / "suites" / "first.yaml"
    mine.write_text("mine")
    done = run_here("init", tmp_path)
    assert done.code == 2
    assert "is there already; --force" in done.err
    assert not (tmp_path / "adapters").exists()
    assert run_here("init", tmp_path, "--force").code == 0
    assert mine.read_text() != "mine"


def test_a_gitignore_keeps_its_lines_and_gets_one_more_once(tmp_path: Path, run_here) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc")
    for _ in range(2):
        assert run_here("init", tmp_path, "--force").code == 0
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\nresults/runs/\n"


def test_the_workflow_names_what_was_written_and_asks_for_no_rights(tmp_path: Path, run_here) -> None:
    run_here("init", tmp_path)
    workflow = yaml.safe_load((tmp_path / ".github/workflows/gate.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    inputs = workflow["jobs"]["gate"]["steps"][3]["with"]
    assert (tmp_path / inputs["suite"]).is_file()
    assert (tmp_path / inputs["adapter"]).is_file()


def test_the_workflow_installs_what_the_repository_needs_and_names_a_true_action(tmp_path: Path, run_here) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    run_here("init", tmp_path)
    steps = yaml.safe_load((tmp_path / ".github/workflows/gate.yml").read_text())["jobs"]["gate"]["steps"]
    assert steps[2]["run"].startswith("python -m pip install . && if [ -f requirements.txt ]")
    assert steps[3]["uses"] == action()


def test_a_repository_gets_its_history_with_the_branch_that_it_has(tmp_path: Path, run_here) -> None:
    subprocess.run([git(), "init", "--quiet", "--initial-branch", "trunk", tmp_path], check=True)
    assert run_here("init", tmp_path, "--no-workflow").code == 0
    assert json.loads((tmp_path / "asv.conf.json").read_text())["branches"] == ["trunk"]


def test_a_function_that_says_it_is_simulated_is_gated_as_such(tmp_path: Path, run_apart) -> None:
    assert run_apart("init", "--no-workflow", cwd=tmp_path).code == 0
    with (tmp_path / "adapters/my_model.py").open("a") as out:
        out.write("\n\nanswer.simulated = True\n")
    assert run_apart(*RUN, cwd=tmp_path).code == 0
    assert run_apart("baseline", "save", "main", cwd=tmp_path).code == 0
    gated = run_apart(*GATE, cwd=tmp_path)
    assert gated.code == 0, gated.out + gated.err
    assert "my-model (simulated)" in gated.err


@pytest.mark.parametrize("peer", [*PEERS])
def test_a_gate_on_another_harness_is_two_workflows(tmp_path: Path, run_here, peer: str) -> None:
    done = run_here("init", tmp_path, "--gate", peer)
    assert done.code == 0, done.err
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == ["gate-comment.yml", "gate.yml"]
    gate, comment = (yaml.safe_load((tmp_path / ".github/workflows" / name).read_text()) for name in (
        "gate.yml", "gate-comment.yml"))  # fmt: skip
    steps = gate["jobs"]["gate"]["steps"]
    assert PEERS[peer].run in [step.get("run") for step in steps]
    assert steps[-1]["with"]["candidate"] == PEERS[peer].log
    assert gate["permissions"] == {"contents": "read"}
    assert comment["jobs"]["comment"]["steps"][-1]["with"]["candidate"] == "${{ runner.temp }}/" + PEERS[peer].log
    assert f"harness baseline save main {PEERS[peer].log}" in done.out


def test_every_importer_has_a_workflow_and_others_are_refused(tmp_path: Path, run_here) -> None:
    assert sorted(PEERS) == kinds()
    done = run_here("init", tmp_path, "--gate", "lm_eval")
    assert (done.code, "did you mean 'lm-eval'?" in done.err) == (2, True)
    assert run_here("init", tmp_path, "--gate", "junit").code == 0
    again = run_here("init", tmp_path, "--gate", "junit")
    assert (again.code, "is there already; --force writes over it (2 files)" in again.err) == (2, True)
