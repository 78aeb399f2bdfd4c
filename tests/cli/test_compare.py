"""``harness compare`` at the command line."""

import json
from pathlib import Path

import pytest

SUITE = """\
suite: pairs
version: {version}
datasets:
  charts: {{type: charts, limit: 60}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
gates:
  - {{metric: qa/relaxed_accuracy, max_drop: 0.02}}
"""


def model(name: str, errors: float) -> str:
    return f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, run_apart) -> Path:
    """Three runs: good, poor (many more errors) and other (another version of the suite)."""
    folder = tmp_path_factory.mktemp("runs")
    for name, errors, version in (("good", 0.02, 1), ("poor", 0.5, 1), ("other", 0.02, 2)):
        (folder / "pairs.yaml").write_text(SUITE.format(version=version))
        (folder / f"{name}.yaml").write_text(model(name, errors))
        done = run_apart("run", "pairs.yaml", "-a", f"{name}.yaml", "-o", "runs", "-q", "--no-report", cwd=folder)
        assert done.code == 0, done.err
    return folder / "runs"


def test_the_table_shows_the_change_and_the_flipped_samples_and_marks_a_simulation(run_here, runs: Path) -> None:
    done = run_here("compare", "pairs-good", "pairs-poor", "--runs", runs)
    assert done.code == 0
    assert "pairs: good (simulated) → poor (simulated)" in done.out
    assert "worse" in done.out
    assert "right → wrong  qa/clean/test-0-" in done.out
    assert "baseline (simulated)" in done.out


def test_several_candidates_are_compared_with_one_baseline(run_here, runs: Path) -> None:
    done = run_here("compare", "pairs-good", "pairs-poor", "pairs-good", "--runs", runs, "--format", "json")
    compared = json.loads(done.out)
    assert [one["candidate"]["adapter"] for one in compared] == ["poor", "good"]
    assert [one["metrics"][0]["moved"] for one in compared] == ["worse", ""]
    again = run_here("compare", "pairs-good", "pairs-poor", "pairs-good", "--runs", runs, "--json")
    assert json.loads(again.out) == compared


def test_what_cannot_be_compared_is_exit_code_2_with_the_reason_and_force_marks_the_output(
    run_here, runs: Path
) -> None:
    refused = run_here("compare", "pairs-good", "pairs-other", "--runs", runs)
    assert (refused.code, refused.out) == (2, "")
    assert "suite version: 1 in the baseline, 2 in the candidate" in refused.err
    forced = run_here("compare", "pairs-good", "pairs-other", "--runs", runs, "--force")
    assert forced.code == 0
    assert "Forced: these runs must not be compared. suite version" in forced.out


@pytest.mark.parametrize("format_", ["table", "markdown", "json"])
def test_text_goes_to_a_file_where_one_is_named(run_here, runs: Path, tmp_path: Path, format_: str) -> None:
    target = tmp_path / "out.txt"
    command = ("compare", "pairs-good", "pairs-poor", "--runs", runs, "--format", format_)
    done = run_here(*command, "--out", target)
    assert (done.code, done.out) == (0, "")
    assert "relaxed" in target.read_text(encoding="utf-8")


def test_html_is_one_file_that_loads_nothing(run_here, runs: Path, tmp_path: Path) -> None:
    target = tmp_path / "compare.html"
    done = run_here("compare", "pairs-good", "pairs-poor", "--runs", runs, "--format", "html", "--out", target)
    assert done.out.strip() == str(target)
    text = target.read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")  # the policy that lets nothing out
    assert "right → wrong" in text


def test_a_run_that_does_not_exist_is_exit_code_2(run_here, runs: Path) -> None:
    done = run_here("compare", "pairs-good", "nowhere", "--runs", runs)
    assert done.code == 2
    assert "no run in" in done.err


@pytest.mark.parametrize("format_", ["table", "markdown", "json", "html"])
def test_the_folder_of_a_comparison_is_made(run_here, runs: Path, tmp_path: Path, format_: str) -> None:
    file = tmp_path / "new" / "deep" / "compare.txt"
    assert run_here("compare", "pairs-good", "pairs-poor", "--runs", runs, "--format", format_, "-o", file).code == 0
    assert file.stat().st_size


@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_the_folder_of_a_report_is_made(run_here, runs: Path, tmp_path: Path, format_: str) -> None:
    file = tmp_path / "new" / "deep" / "report.txt"
    assert run_here("report", "pairs-good", "--runs", runs, "--format", format_, "-o", file).code == 0
    assert file.stat().st_size
