"""The pytest plugin: suites as tests, and runs in ordinary tests. Each session is a process of its own."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import harness
from harness.comparison.asked import asked_answers
from harness.labels import AnswerLabel, LabelWriter

ROOT = Path(harness.__file__).resolve().parents[1]
SUITE = """\
suite: tested
version: 1
tier: core
datasets:
  charts: {type: charts, limit: 150}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
gates:
  - {metric: qa/relaxed_accuracy, min: 0.3}
  - {metric: qa/relaxed_accuracy, max_drop: 0.05}
"""


@pytest.fixture
def project(tmp_path: Path, run_apart) -> Path:
    """A project with a suite, two adapters and a baseline of the good one."""
    (tmp_path / "tested.yaml").write_text(SUITE)
    (tmp_path / "other.yaml").write_text("just: yaml\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p harness.pytest_plugin\nfilterwarnings = error\n")
    for name, errors in (("good", 0.02), ("poor", 0.4)):
        (tmp_path / f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n")
    return tmp_path


@pytest.fixture
def baseline(project: Path, run_apart) -> Path:
    """The project with a baseline."""
    assert run_apart("run", "tested.yaml", "-a", "good.yaml", "-q", "--no-report", cwd=project).code == 0
    assert run_apart("baseline", "save", "main", cwd=project).code == 0
    return project


def session(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-v", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    lines = [line.rsplit("::", 1)[1].split() for line in done.stdout.splitlines() if line.startswith("tested.yaml::")]
    known = ("PASSED", "FAILED", "SKIPPED")
    return {
        " ".join(words[: next(i for i, w in enumerate(words) if w in known)]): w
        for words in lines
        for w in words
        if w in known
    }


def test_without_an_adapter_no_yaml_file_is_a_test(project: Path) -> None:
    done = session(project)
    assert "collected 0 items" in done.stdout


def test_a_suite_is_an_item_a_task_and_a_rule(project: Path) -> None:
    done = session(project, "--harness-adapter", "good.yaml")
    assert outcomes(done) == {
        "qa on good.yaml": "PASSED",
        "qa/relaxed_accuracy ≥ 0.3 on good.yaml": "PASSED",
        "qa/relaxed_accuracy drop ≤ 0.05 on good.yaml": "SKIPPED",
    }
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_regression_fails_with_the_verdict_table_and_no_traceback(baseline: Path) -> None:
    done = session(baseline, "--harness-adapter", "poor.yaml", "--harness-baseline", "main", "--junitxml", "out.xml")
    assert outcomes(done)["qa/relaxed_accuracy drop ≤ 0.05 on poor.yaml"] == "FAILED"
    assert "tested: poor (simulated) against good (simulated)" in done.stdout
    assert "right → wrong" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py:" not in done.stdout
    root = ET.parse(baseline / "out.xml").getroot()  # noqa: S314 - our own
    assert len(root.findall(".//failure")) == 1
    again = session(baseline, "--harness-adapter", "poor.yaml", "--harness-baseline", "main", "--lf")
    assert list(outcomes(again)) == ["qa/relaxed_accuracy drop ≤ 0.05 on poor.yaml"]


def test_several_adapters_and_a_selection_run_only_what_is_asked_for(baseline: Path) -> None:
    before = len(list((baseline / "results" / "runs").iterdir()))
    arguments = ("--harness-adapter", "good.yaml", "--harness-adapter", "poor.yaml", "--harness-baseline", "main")
    done = session(baseline, *arguments, "-k", "good and drop")
    assert outcomes(done) == {"qa/relaxed_accuracy drop ≤ 0.05 on good.yaml": "PASSED"}
    assert len(list((baseline / "results" / "runs").iterdir())) == before + 1


def test_workers_of_xdist_come_to_the_same_results(baseline: Path) -> None:
    arguments = ("--harness-adapter", "good.yaml", "--harness-baseline", "main")
    done = session(baseline, *arguments, "-p", "xdist", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_workers_of_xdist_make_each_run_once(project: Path) -> None:
    done = session(project, "tested.yaml", "--harness-adapter", "good.yaml", "-p", "xdist", "-n", "2", "--dist", "each")
    assert done.returncode == 0, done.stdout
    assert len(list((project / "results" / "runs").glob("*/run.json"))) == 1
    assert not list((project / "results" / "runs").glob(".pytest-*"))


def test_items_of_one_run_are_one_group_for_xdist(project: Path) -> None:
    (project / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n"
        "    groups = {item.get_closest_marker('xdist_group').args for item in items}\n"
        "    print(f'{len(items)} items in {len(groups)} groups')\n"
    )
    arguments = ("--harness-adapter", "good.yaml", "--harness-adapter", "poor.yaml")
    assert "6 items in 2 groups" in session(project, *arguments, "--collect-only").stdout


def test_a_baseline_that_is_missing_fails_the_rule_that_needs_it_with_its_sentence(project: Path) -> None:
    done = session(project, "--harness-adapter", "good.yaml", "--harness-baseline", "nowhere")
    assert "there is no baseline 'nowhere' of suite 'tested'" in done.stdout
    assert done.returncode == 1


def test_a_suite_that_is_wrong_is_a_collection_error_with_its_line(project: Path) -> None:
    (project / "tested.yaml").write_text(SUITE.replace("kind: qa", "kind: qaa"))
    done = session(project, "--harness-adapter", "good.yaml")
    assert done.returncode == 2
    assert "tested.yaml:7:" in done.stdout


def test_fixtures_run_a_suite_once_a_session(project: Path) -> None:
    (project / "test_mine.py").write_text(
        "def test_one(harness_run, assert_no_regression):\n"
        "    run = harness_run('tested.yaml', 'good.yaml', limit=150)\n"
        "    assert harness_run('tested.yaml', 'good.yaml', limit=150) is run\n"
        "    assert assert_no_regression(run, run, margin=0.05).verdict == 'pass'\n"
    )
    done = session(project, "test_mine.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((project / "results" / "runs").iterdir())) == 1


def test_labels_of_a_suite_are_an_item_that_passes_where_people_find_answers_right(project: Path, run_apart) -> None:
    suite = project / "tested.yaml"
    suite.write_text(SUITE.replace("  - {metric: qa/relaxed_accuracy, max_drop: 0.05}\n", "labels: {min: 0.6}\n"))
    assert run_apart("run", "tested.yaml", "-a", "good.yaml", "-q", "--no-report", cwd=project).code == 0
    (asked,) = asked_answers(harness.load_run(next((project / "results/runs").glob("*/run.json")).parent))
    with LabelWriter(project / "labels.jsonl") as writer:
        writer.append(*(AnswerLabel(*one, 1.0, "ann", "2026-03-01") for one in asked.answers[:40]))
    done = session(project, "tested.yaml", "--harness-adapter", "good.yaml")
    assert outcomes(done)["labels on good.yaml"] == "PASSED"
    assert done.returncode == 0
