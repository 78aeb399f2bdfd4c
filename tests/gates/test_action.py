"""The composite action: its own steps, run here with the environment that GitHub gives them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import harness
from tests.edited import sign

ROOT = Path(harness.__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in (ROOT / "docs" / "examples" / "workflows").glob("*.yml")
}
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
SUITE = """\
suite: gated
version: 1
datasets:
  charts: {type: charts, limit: 150}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
gates:
  - {metric: qa/relaxed_accuracy, max_drop: 0.05}
"""
GH = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$GH_LOG"
case "$*" in *--paginate*) cat "$GH_COMMENTS";; attestation*) exit "${GH_REFUSES:-0}";; esac
"""


@dataclass
class Runner:
    """Runs the action's steps as a GitHub runner does, on this machine."""

    workspace: Path
    inputs: dict[str, str]
    comments: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def run(self) -> int:
        """Run all steps; return the exit code of the first that fails."""
        for step in ACTION["runs"]["steps"]:
            condition = step.get("if", "")
            if condition and not self._value(condition.removesuffix(" != ''").strip()):
                continue
            code = self._step(step)
            if code:
                return code
        return 0

    def _step(self, step: dict[str, Any]) -> int:
        tools = self.workspace / ".tools"
        temp = self.workspace / ".temp"
        for folder in (tools, temp):
            folder.mkdir(exist_ok=True)
        files = {
            name: self.workspace / f".{name}"
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GH_LOG", "GH_COMMENTS")
        }
        files["GITHUB_OUTPUT"].write_text("")
        files["GH_COMMENTS"].write_text("".join(json.dumps(one) + "\n" for one in self.comments))
        (tools / "gh").write_text(GH)
        (tools / "gh").chmod(0o755)
        if not (tools / "python").exists():
            (tools / "python").symlink_to(sys.executable)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")},
            **{
                key: EXPRESSION.sub(lambda found: self._value(found[1]), value)
                for key, value in step.get("env", {}).items()
            },
            **{name: str(file) for name, file in files.items()},
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_ACTIONS": "true",
            "RUNNER_TEMP": str(temp),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
        }
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, cwd=self.workspace, env=environment, capture_output=True, text=True, check=False)
        self.log += done.stdout + done.stderr
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            key, _, value = line.partition("=")
            self.outputs[f"steps.{step.get('id')}.outputs.{key}"] = value
        return done.returncode

    @property
    def written(self) -> Path:
        """The folder of this job's decision."""
        return Path(self.outputs["steps.gate.outputs.folder"])

    def _value(self, expression: str) -> str:
        name = expression.strip()
        if name.startswith("inputs."):
            key = name.removeprefix("inputs.")
            default = str(ACTION["inputs"][key].get("default", ""))
            return self.inputs.get(key, "" if "${{" in default else default)
        return self.outputs.get(name, "")


@pytest.fixture
def workspace(tmp_path: Path, run_apart) -> Path:
    """A checkout with a suite, two adapters and a baseline."""
    (tmp_path / "gated.yaml").write_text(SUITE)
    for name, errors in (("good", 0.02), ("poor", 0.4)):
        (tmp_path / f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n")
    assert run_apart("run", "gated.yaml", "-a", "good.yaml", "-q", "--no-report", cwd=tmp_path).code == 0
    assert run_apart("baseline", "save", "main", cwd=tmp_path).code == 0
    return tmp_path


def inputs(adapter: str, **more: str) -> dict[str, str]:
    return {"suite": "gated.yaml", "adapter": f"{adapter}.yaml", "install": "", **more}


def calls(runner: Runner) -> list[str]:
    file = runner.workspace / ".GH_LOG"
    return file.read_text().splitlines() if file.exists() else []


def test_a_good_model_passes_and_writes_a_summary(workspace: Path) -> None:
    runner = Runner(workspace, inputs("good"))
    assert runner.run() == 0, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "pass"
    assert "✅ PASS" in (workspace / ".GITHUB_STEP_SUMMARY").read_text()
    assert calls(runner) == []


def test_a_poor_model_fails_the_job_after_it_commented(workspace: Path) -> None:
    runner = Runner(workspace, inputs("poor", **{"comment-on": "7"}))
    assert runner.run() == 1, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "fail"
    assert "::error file=gated.yaml,line=8," in runner.log
    asked, posted = calls(runner)
    assert "--paginate repos/owner/name/issues/7/comments" in asked
    assert f"--method POST repos/owner/name/issues/7/comments --field body=@{runner.written}/comment.md" in posted


def test_the_comment_of_an_earlier_run_is_replaced_and_a_forgery_is_not(workspace: Path) -> None:
    mine = {"id": 42, "body": "<!-- harness-gate gated good -->\nold"}
    other = {"id": 41, "body": "<!-- harness-gate gated poor -->\nanother adapter's"}
    runner = Runner(workspace, inputs("good", **{"comment-on": "7"}), [other, mine])
    assert runner.run() == 0, runner.log
    assert "--method PATCH repos/owner/name/issues/comments/42" in calls(runner)[-1]
    assert 'select(.user.type == "Bot")' in calls(runner)[0]


@pytest.mark.parametrize(("fail_on", "code"), [("inconclusive", 3), ("regression", 0)])
def test_an_inconclusive_verdict_fails_the_job_unless_only_regressions_do(
    workspace: Path, fail_on: str, code: int
) -> None:
    runner = Runner(workspace, inputs("good", arguments="--limit 20", **{"fail-on": fail_on}))
    assert runner.run() == code, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "inconclusive"


def test_a_missing_baseline_is_commented_on_and_fails(workspace: Path) -> None:
    runner = Runner(workspace, inputs("good", baseline="nowhere", **{"comment-on": "7"}))
    assert runner.run() == 3, runner.log
    assert "NO BASELINE" in (runner.written / "comment.md").read_text()
    assert "POST" in calls(runner)[-1]


def test_a_mistake_in_the_command_line_fails_without_a_comment(workspace: Path) -> None:
    runner = Runner(workspace, inputs("good", arguments="--nonsense", **{"comment-on": "7"}))
    assert runner.run() == 2, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "error"
    assert calls(runner) == []


BYE = """\
import os
os.environ["HARNESS_WAS_HERE"] = "yes"
with open(os.environ.get("GITHUB_OUTPUT", os.devnull), "a") as outputs:
    outputs.write("verdict=pass\\nexit-code=0\\n")
print("::set-output name=verdict::pass")
if os.environ.get("LEAVE") != "later":
    os._exit(0)


def answer(prompt, images):
    os._exit(0)
"""


@pytest.mark.parametrize("when", ["at once", "later"])
def test_an_adapter_that_ends_the_process_passes_nothing(
    workspace: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAVE", when)
    (workspace / "bye.py").write_text(BYE)
    (workspace / "bye.yaml").write_text("adapter: bye\ntype: python\ntarget: bye.py:answer\n")
    runner = Runner(workspace, inputs("bye", **{"comment-on": "7"}))
    assert runner.run() not in (0, 1), runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "error"
    assert "PASS" not in runner.log


def test_a_verdict_that_the_pull_request_committed_is_not_this_jobs(workspace: Path) -> None:
    forged = workspace / "harness-gate"
    forged.mkdir()
    (forged / "comment.md").write_text("<!-- harness-gate gated good -->\n✅ PASS")
    (forged / "gate.json").write_text('{"verdict": "pass"}')
    runner = Runner(workspace, inputs("poor", arguments="--nonsense", **{"comment-on": "7"}))
    assert runner.run() == 2, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "error"
    assert calls(runner) == []


def test_a_record_whose_scores_were_changed_is_no_candidate(workspace: Path) -> None:
    (run,) = (file.parent for file in workspace.glob("results/runs/*/run.json"))
    table = pq.read_table(run / "samples.parquet")
    name = "score.relaxed_accuracy"
    best = pa.array([1.0] * len(table))
    pq.write_table(table.set_column(table.column_names.index(name), name, best), run / "samples.parquet")
    sign(run)
    runner = Runner(workspace, inputs("good", candidate=str(run), **{"comment-on": "7"}))
    assert runner.run() == 2, runner.log
    assert "does not agree with itself" in (runner.written / "comment.md").read_text()


@pytest.mark.parametrize(
    "evil", ["$(touch hacked)", "`touch hacked`", "x; touch hacked", '"; touch hacked; "', "--help"]
)
@pytest.mark.parametrize("name", ["suite", "adapter", "baseline", "candidate", "arguments", "comment-on"])
def test_no_input_is_ever_run_as_a_command(tmp_path: Path, name: str, evil: str) -> None:
    runner = Runner(tmp_path, inputs("good") | {"comment-on": "7", name: evil})
    runner.run()
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(("candidate", "refuses", "code"), [("runs/a b", "0", 2), ("runs/a b", "1", 1), ("", "0", 2)])
def test_a_candidate_is_judged_only_where_its_signature_is_the_right_one(
    tmp_path: Path, monkeypatch, candidate: str, refuses: str, code: int
) -> None:
    monkeypatch.setenv("GH_REFUSES", refuses)
    signer = "owner/name/.github/workflows/run.yml"
    runner = Runner(tmp_path, {"candidate": candidate, "attested-by": signer, "install": ""})
    assert runner.run() == code
    asked = f"attestation verify --repo owner/name --signer-workflow {signer} -- runs/a b/run.json"
    assert calls(runner) == [asked] * bool(candidate)
    assert ("steps.gate.outputs.verdict" in runner.outputs) is (refuses == "0" and bool(candidate))


def test_scripts_take_nothing_from_expressions() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"]]
    for workflow in WORKFLOWS.values():
        scripts += [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]


def test_the_untrusted_workflow_may_write_nothing_and_the_trusted_one_runs_nothing_of_the_pull_request() -> None:
    untrusted, trusted = WORKFLOWS["gate"], WORKFLOWS["gate-comment"]
    # YAML 1.1 reads the key `on` as true.
    assert list(untrusted[True]) == ["pull_request"]
    assert untrusted["permissions"] == {"contents": "read"}
    assert list(trusted[True]) == ["workflow_run"]
    assert trusted["permissions"]["pull-requests"] == "write"
    checkouts = [step for step in trusted["jobs"]["comment"]["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["ref"] for step in checkouts] == ["${{ github.event.repository.default_branch }}"]
    assert "secrets." not in json.dumps(untrusted) + json.dumps(trusted, default=str)


def test_it_installs_the_harness_of_its_own_commit(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_ACTION_PATH": "/actions/a b/v1",
        "INSTALL": ACTION["inputs"]["install"]["default"],
    }
    step = ACTION["runs"]["steps"][0]
    done = subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "-m pip install --quiet /actions/a b/v1[onnx]\n"


def test_logs_of_another_harness_need_neither_suite_nor_adapter(tmp_path: Path) -> None:
    logs = ROOT / "tests" / "imports" / "logs" / "lm-eval"
    given = {"install": "", "baseline": str(logs / "b"), "candidate": str(logs / "a"), "comment-on": "7"}
    runner = Runner(tmp_path, {**given, "arguments": "--metric toy_mc/acc --margin 0.05"})
    assert runner.run() == 1, runner.log
    assert runner.outputs["steps.gate.outputs.verdict"] == "fail"
    comment = (runner.written / "comment.md").read_text(encoding="utf-8")
    assert "❌ FAIL" in comment
    assert "6 right → wrong" in comment
    assert "--method POST" in calls(runner)[-1]
