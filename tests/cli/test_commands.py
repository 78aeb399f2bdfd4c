"""The commands from end to end, in processes of their own: what they print, where, and how they exit."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import _VERBS
from harness.record import read_run

ROOT = Path(__file__).resolve().parents[2]
ANSI = re.compile(r"\x1b\[")

HOSTILE = "<script>alert('x')</script> [/] [bold] | `code` {{ 7*7 }}"
OWN = """\
suite: own
version: 1
description: Rows of [bold]mine[/] and [/] more.
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
engine: {max_failures: 0.05}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with a suite and rows of their own."""
    made = tmp_path_factory.mktemp("user")
    (made / "suites").mkdir()
    (made / "suites" / "own.yaml").write_text(OWN)
    (made / "suites" / "list.yaml").write_text("- a list\n")
    (made / "suites" / "broken.yaml").write_text("a: [\n")
    rows = [{"id": f"r{i}", "question": f"{i} {HOSTILE}", "answer": HOSTILE} for i in range(30)]
    rows.append({"question": "?", "answer": "a", "image": "gone.png"})
    (made / "suites" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made / "perfect.yaml").write_text("adapter: perfect\ntype: mock\nerror_rate: 0\nerror_per_severity: 0\n")
    (made / "poor.yaml").write_text("adapter: poor\ntype: mock\nerror_rate: 1\n")
    return made


@pytest.fixture(scope="module")
def ran(folder: Path, run_apart: Callable[..., Any]) -> Any:
    """`harness run robustness` on two adapters."""
    return run_apart("run", "robustness", "-a", "mock", "-a", "perfect.yaml", "--limit", "8", cwd=folder)


def test_a_run_prints_one_table_with_a_column_for_each_adapter_and_exits_with_the_gates_code(ran, folder: Path) -> None:
    assert ran.code == 1, ran.err
    header = next(line for line in ran.out.splitlines() if "metric" in line)
    assert "mock (simulated)" in header
    assert "perfect (simulated)" in header
    for metric in ("chart-qa/relaxed_accuracy", "brightness "):
        line = next(line for line in ran.out.splitlines() if line.startswith(metric))
        assert len(re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", line)) == 2
    assert ran.out.count("gates: ") == 2
    assert re.search(r"mismatched-control/relaxed_accuracy +≤ 0.1 +fail", ran.out)
    assert len(list((folder / "results" / "runs").iterdir())) == 2
    for line in re.findall(r"^(?:record|report): (.+)$", ran.out, re.MULTILINE):
        assert (folder / line).exists()


def test_a_log_gets_plain_lines_and_no_escape_codes(ran) -> None:
    assert not ANSI.search(ran.out + ran.err)
    assert re.search(r"^mock: 264 requests$", ran.err, re.MULTILINE)
    assert re.search(r"^mock: \d+ of 264 \(\d+%\)  severity-sweep/\S+$", ran.err, re.MULTILINE)


def test_every_rendering_of_a_mocks_numbers_says_simulated(ran, folder: Path, run_apart) -> None:
    run = sorted((folder / "results" / "runs").glob("*-mock-*"))[0]
    assert "simulated" in run_apart("show", run, cwd=folder).out
    markdown = run_apart("report", run, "--format", "markdown", cwd=folder).out
    assert "**Simulated**" in markdown
    assert "value [95 % interval] (simulated)" in markdown
    html = (run / "report.html").read_text()
    assert "Simulated: no model stands behind these numbers" in html
    assert "severity-sweep (simulated)" in html
    assert "Slices (simulated)" in html
    assert 'aria-label="severity-sweep (simulated)' in html
    assert json.loads(run_apart("show", run, "--json", cwd=folder).out)["adapter"]["simulated"] is True


def test_the_report_needs_no_network(ran, folder: Path) -> None:
    html = sorted((folder / "results" / "runs").glob("*-mock-*"))[0].joinpath("report.html").read_text()
    markup = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    targets = re.findall(r"""(?:src|href|action|data|poster|srcset)\s*=\s*["']([^"']*)""", markup)
    assert targets
    assert all(target.startswith(("data:", "#")) for target in targets), targets
    assert not re.search(r"@import|url\((?!#|data:)", html)
    assert not re.search(r"<script[^>]*src", html)


@pytest.fixture(scope="module")
def own(folder: Path, run_apart) -> Any:
    """A run over rows whose text is hostile, as JSON."""
    return run_apart("run", "own", "-a", "poor.yaml", "--json", "--out", "own", cwd=folder)


def test_json_on_standard_output_is_json_and_nothing_else(own, folder: Path) -> None:
    (run,) = json.loads(own.out)
    assert own.code == 0
    assert run["status"] == "complete"
    assert run["adapter"]["simulated"] is True
    assert run["responses"] == {"error": 1, "ok": 30}
    assert read_run(folder / run["folder"]).run_id == run["run_id"]
    assert (folder / run["report"]).is_file()


def test_hostile_text_is_shown_as_text(own, folder: Path, run_apart) -> None:
    (run,) = json.loads(own.out)
    html = (folder / run["report"]).read_text()
    assert "<script>alert(" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)" in html
    assert "{{ 7*7 }}" in html
    shown = run_apart("show", run["folder"], cwd=folder)
    assert shown.code == 0, shown.err


def test_failed_samples_stand_in_the_table_and_in_the_report(own, folder: Path, run_apart) -> None:
    (run,) = json.loads(own.out)
    shown = run_apart("show", run["folder"], cwd=folder)
    assert "30 of 31 ok" in shown.out
    html = (folder / run["report"]).read_text()
    assert "Failed (first 1)" in html
    assert "gone.png: there is no such file" in html
    assert "Wrong (first 12)" in html


@pytest.mark.parametrize(
    ("gates", "adapter", "code"),
    [
        ("[]", "perfect.yaml", 0),
        ("[{metric: qa/exact_match, min: 0.5, max_failures: 0.05}]", "perfect.yaml", 0),
        ("[{metric: qa/exact_match, min: 0.5}]", "perfect.yaml", 3),
        ("[{metric: qa/exact_match, max_drop: 0.1}]", "perfect.yaml", 0),
        ("[{metric: qa/exact_match, min: 0.5}]", "poor.yaml", 1),
        ("[{metric: qa/exact_match, min: 0.99}]", "perfect.yaml", 3),
    ],
)
def test_the_exit_code_follows_the_gates(folder: Path, run_apart, gates: str, adapter: str, code: int) -> None:
    (folder / "suites" / "gated.yaml").write_text(f"extends: own.yaml\nsuite: gated\ngates: {gates}\n")
    done = run_apart("run", "gated", "-a", adapter, "--out", "gated", "-q", "--no-report", cwd=folder)
    assert done.code == code, done.out + done.err
    assert [line for line in done.err.splitlines() if not line.startswith("warning: qa: 1 row cannot be used")] == []
    (folder / "suites" / "gated.yaml").unlink()


def test_mistakes_exit_with_2_and_point_at_the_line(folder: Path, run_apart) -> None:
    (folder / "wrong.yaml").write_text(OWN.replace("kind: qa", "kind: quiz").replace("rows.jsonl", "suites/rows.jsonl"))
    done = run_apart("run", "wrong.yaml", "-a", "mock", cwd=folder)
    assert done.code == 2
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("wrong.yaml:5:20: unknown task 'quiz'; known: ")
    assert lines[1] == "    5 | tasks: {qa: {kind: quiz, dataset: rows, metrics: [exact_match]}}"
    assert lines[2].index("^") - lines[1].index("quiz") == 0
    assert lines[-1] == "1 problem"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "there is no command 'rnu'; did you mean 'run'?"),
        (["run", "robustness"], "Missing option '-a' / '--adapter'"),
        (["run", "robustnes", "-a", "mock"], "unknown suite 'robustnes'; did you mean 'robustness'?"),
        (["run", "robustness", "-a", "mok"], "unknown adapter 'mok'; did you mean 'mock'?"),
        (["run", "robustness", "-a", "mock", "-b", "0"], "0 is not in the range 1<=x"),
        (["run", "robustness", "-a", "mock", "--out", "perfect.yaml/x", "-n", "1"], "cannot make the folder"),
        (["run", "gone.yaml", "-a", "mock"], "there is no file gone.yaml"),
        (["list", "everything"], "'everything' is not one of"),
        (["show", "nothing-like-it"], "no run in results/runs is called 'nothing-like-it'"),
        (["show", "--runs", "nowhere"], "there are no runs in nowhere; make one:"),
        (["show", "suites"], "suites is not a run: cannot read run.json there"),
        (["report", "suites"], "suites is not a run: cannot read run.json there"),
        (["validate", "suites/list.yaml"], "suites/list.yaml:1:1: expected a mapping, got a list"),
        (["validate", "suites/broken.yaml"], "suites/broken.yaml:2:1: not valid YAML"),
        (["resume", "robustness"], "2 runs that fit 'robustness' are complete, and there is nothing to continue"),
        (["run", "robustness", "-a", "mock", "--reducer", "foo"], "it needs --epochs 2 or more"),
        (["schema", "model"], "'model' is not one of 'suite', 'adapter'"),
    ],
    ids=" ".join,
)
def test_a_mistake_on_the_command_line_is_one_sentence_and_exit_code_2(folder, run_apart, ran, arguments, said) -> None:
    done = run_apart(*arguments, cwd=folder)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_file_that_cannot_be_written_is_a_sentence_too(folder: Path, run_apart, own) -> None:
    (run,) = json.loads(own.out)
    done = run_apart("report", run["folder"], "-o", "suites", "--format", "markdown", cwd=folder)
    assert done.code == 4
    assert done.err == "error: suites: Is a directory\n"


def test_a_dry_run_counts_the_requests_and_runs_nothing(folder: Path, run_apart) -> None:
    done = run_apart("run", "robustness", "-a", "mock", "--dry-run", "--out", "dry", cwd=folder)
    assert done.code == 0
    assert "severity-sweep: 31 cells, 12,400 requests" in done.out
    assert "13,000 requests to each of mock; nothing was run" in done.out
    assert not (folder / "dry").exists()
    counted = json.loads(run_apart("run", "robustness", "-a", "mock", "--dry-run", "--json", cwd=folder).out)
    assert counted["total"] == 13_000
    assert "gate on chart-qa/relaxed_accuracy: n = 400, detects a drop of 0.046" in done.out
    assert [(gate["metric"], gate["n"]) for gate in counted["gates"]] == [
        ("chart-qa/relaxed_accuracy", 400),
        ("chart-qa/exact_match", 400),
    ]


def test_validate_says_ok_or_lists_the_problems_as_json(folder: Path, run_apart) -> None:
    done = run_apart("validate", "robustness", "-a", "mock", cwd=folder)
    assert (done.code, done.out.partition(": ")[2]) == (0, "ok; 3 tasks, 33 cells, 5 gates\n")
    (folder / "twice.yaml").write_text("suite: x\nsuite: y\n")
    done = run_apart("validate", "twice.yaml", "--json", cwd=folder)
    assert done.code == 2
    (problem,) = json.loads(done.out)["problems"]
    assert problem["at"] == "twice.yaml:2:1"


def test_validate_finds_what_only_shows_when_samples_are_read(folder: Path, run_apart) -> None:
    (folder / "late.yaml").write_text(OWN.replace("rows.jsonl", "late.jsonl"))
    (folder / "late.jsonl").write_text('{"question": "q", "answer": "a", "image": "gone.png"}\n')
    done = run_apart("validate", "late.yaml", cwd=folder)
    assert done.code == 2
    assert re.search(r"late\.yaml: qa/clean: sample 'line-0000001': .*gone\.png: there is no such file", done.err)


LISTED = ["suites", "tasks", "metrics", "adapters", "datasets", "corruptions", "detectors", "samplers"]


@pytest.mark.parametrize("kind", LISTED)
def test_list_shows_names_and_summaries_as_a_table_and_as_json(folder: Path, run_apart, kind: str) -> None:
    expected = {
        "suites": "robustness", "tasks": "sweep", "metrics": "relaxed_accuracy", "adapters": "mock",
        "datasets": "jsonl", "corruptions": "gaussian_noise", "detectors": "ewma", "samplers": "uniform",
    }[kind]  # fmt: skip
    table = run_apart("list", kind, cwd=folder)
    assert table.code == 0, table.err
    assert expected in table.out
    assert not ANSI.search(table.out)
    rows = {row["name"]: row for row in json.loads(run_apart("list", kind, "--json", cwd=folder).out)}
    assert rows[expected]["summary"]
    if kind == "suites":
        assert rows["own"]["summary"] == "Rows of [bold]mine[/] and [/] more."
        assert rows["list"]["summary"] == "unreadable: not a mapping"
        assert rows["broken"]["summary"].startswith("unreadable: not valid YAML")


def test_show_names_the_newest_run_or_one_by_a_part_of_its_name(ran, folder: Path, run_apart) -> None:
    newest = run_apart("show", cwd=folder)
    assert newest.code == 0
    assert re.search(r"^adapter: +perfect \(mock\)", newest.out, re.MULTILINE)
    for line in ("record", "status", "started", "suite", "responses", "machine", "commit"):
        assert re.search(rf"^{line}: +\S", newest.out, re.MULTILINE)
    one = run_apart("show", "robustness-mock", cwd=folder)
    assert re.search(r"^adapter: +mock \(mock\)", one.out, re.MULTILINE)
    several = run_apart("show", "robustness", cwd=folder)
    assert several.code == 2
    assert "2 runs in results/runs fit 'robustness'" in several.err


def test_schema_prints_and_writes_the_same_schema(folder: Path, run_apart) -> None:
    printed = run_apart("schema", "adapter", cwd=folder).out
    assert run_apart("schema", "--write", "made", cwd=folder).code == 0
    assert json.loads((folder / "made" / "adapter.json").read_text()) == json.loads(printed)
    assert (folder / "made" / "suite.json").is_file()


@pytest.mark.parametrize("verb", list(_VERBS))
def test_the_help_of_every_verb_has_examples(run_here, verb: str) -> None:
    done = run_here(verb, "--help")
    assert done.code == 0
    assert "Examples:" in done.out
    assert f"harness {verb}" in done.out.split("Examples:")[1]


@pytest.mark.parametrize(
    ("verb", "what"),
    [("baseline", what) for what in ("save", "list", "show", "rm")]
    + [("cache", what) for what in ("stats", "verify", "clear")],
)
def test_the_help_of_what_a_verb_holds_has_examples_of_its_own(run_here, verb: str, what: str) -> None:
    assert f"harness {verb} {what}" in run_here(verb, what, "--help").out.partition("Examples:")[2]


def test_a_profile_beside_json_goes_to_standard_error(folder: Path, run_apart) -> None:
    more = ("--limit", "2", "--json", "--profile", "-q", "--no-report", "-o", "profiled")
    done = run_apart("run", "suites/own.yaml", "-a", "perfect.yaml", *more, cwd=folder)
    assert json.loads(done.out)[0]["status"] == "complete", done.err
    assert "the record was made" in done.err


def test_the_help_lists_every_verb_and_the_exit_codes_and_works_twice_in_one_process(run_here) -> None:
    for _ in range(2):
        done = run_here("--help")
        assert done.code == 0
        assert all(re.search(rf"^  {verb} ", done.out, re.MULTILINE) for verb in _VERBS)
        assert "130 interrupted" in done.out
        assert run_here("list", "tasks").code == 0
        assert run_here("run", "--help").code == 0


def test_a_reader_that_leaves_early_gets_no_message_and_neither_pass_nor_regression(folder: Path) -> None:
    command = [sys.executable, "-m", "harness", "schema"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=written, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(written)
    assert (done.returncode, done.stderr) == (141, "")
