"""``harness gate`` and ``harness baseline`` at the command line, on a simulated model."""

import json
from pathlib import Path

import pytest

from harness.record import read_run

SUITE = """\
suite: gated
version: 1
tier: {tier}
datasets:
  charts: {{type: charts, limit: 150}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
gates:
{gates}
"""
DROP = "  - {metric: qa/relaxed_accuracy, max_drop: 0.05}"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a suite and two adapters, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    put("core", DROP)
    for name, errors in (("good", 0.02), ("poor", 0.4)):
        Path(f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n")
    return tmp_path


def put(tier: str, gates: str) -> None:
    Path("gated.yaml").write_text(SUITE.format(tier=tier, gates=gates))


@pytest.fixture
def saved(run_here) -> None:
    """A baseline of the good adapter."""
    assert run_here("run", "gated.yaml", "-a", "good.yaml", "-q", "--no-report").code == 0
    assert run_here("baseline", "save", "main").code == 0


def gate(run_here, adapter: str, *more: object):
    return run_here("gate", "gated.yaml", "-a", f"{adapter}.yaml", "-q", *more)


def test_no_baseline_is_exit_code_3_before_anything_runs(run_here) -> None:
    done = gate(run_here, "good")
    assert done.code == 3
    assert "there is no baseline 'main' of suite 'gated' in baselines; make one" in done.err
    assert not Path("results").exists()


@pytest.mark.usefixtures("saved")
def test_the_same_model_passes_and_a_poor_one_fails_and_both_are_marked_simulated(run_here) -> None:
    good, poor = gate(run_here, "good"), gate(run_here, "poor")
    assert (good.code, good.out.splitlines()[-1]) == (0, "verdict: PASS")
    assert (poor.code, poor.out.splitlines()[-1]) == (1, "verdict: FAIL")
    assert "gated: poor (simulated) against good (simulated)" in poor.out
    assert "right → wrong  qa/clean/" in poor.out


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("tier", ["domain", "stress"])
def test_other_tiers_warn_unless_they_are_told_to_block(run_here, tier: str) -> None:
    put(tier, DROP)
    warned = gate(run_here, "poor")
    assert warned.code == 0
    assert "verdict: FAIL" in warned.out
    assert "only warns" in warned.out
    assert gate(run_here, "poor", "--block").code == 1


@pytest.mark.usefixtures("saved")
def test_a_candidate_is_judged_without_another_run(run_here) -> None:
    assert run_here("run", "gated.yaml", "-a", "poor.yaml", "-q", "--no-report").code == 0
    before = sorted(Path("results/runs").glob("*/run.json"))
    assert gate(run_here, "poor", "--candidate", "gated-poor").code == 1
    assert sorted(Path("results/runs").glob("*/run.json")) == before
    wrong = gate(run_here, "good", "--candidate", "gated-poor")
    assert wrong.code == 2
    assert "is a run of adapter 'poor', not of 'good.yaml'" in wrong.err


def test_an_address_with_a_user_in_a_prompt_still_finds_its_baseline(run_here) -> None:
    text = Path("gated.yaml").read_text()
    asked = "metrics: [relaxed_accuracy], prompt: 'See ssh://git@example.org/x: {{ question }}'"
    Path("gated.yaml").write_text(text.replace("metrics: [relaxed_accuracy]", asked))
    assert run_here("run", "gated.yaml", "-a", "good.yaml", "-q", "--no-report").code == 0
    assert run_here("baseline", "save", "main").code == 0
    assert gate(run_here, "good").code == 0


@pytest.mark.usefixtures("saved")
def test_a_run_of_an_older_suite_is_no_candidate(run_here) -> None:
    assert run_here("run", "gated.yaml", "-a", "good.yaml", "-q", "--no-report").code == 0
    text = Path("gated.yaml").read_text()
    Path("gated.yaml").write_text(text.replace("version: 1", "version: 2").replace("limit: 150", "limit: 20"))
    newest = max(Path("results/runs").iterdir())
    stale = gate(run_here, "good", "--candidate", newest)
    assert stale.code == 2
    assert "is not of 'gated' as it stands; run it again" in stale.err
    assert "suite version: 1 then, 2 now" in stale.err
    assert "data of qa: " in stale.err


@pytest.mark.usefixtures("saved")
def test_the_verdicts_are_kept_in_the_record_of_the_run(run_here) -> None:
    done = gate(run_here, "poor")
    folder = done.err.splitlines()[-1].removeprefix("record: ")
    (kept,) = read_run(Path(folder)).gates
    assert (kept.rule, kept.verdict) == ("drop ≤ 0.05", "fail")


@pytest.mark.usefixtures("saved")
def test_the_page_of_a_candidate_that_a_gate_judged_says_what_it_decided(run_here) -> None:
    assert run_here("run", "gated.yaml", "-a", "poor.yaml", "-q").code == 0
    (page,) = Path("results/runs").glob("gated-poor*/report.html")
    assert "Not judged." in page.read_text(encoding="utf-8")
    assert gate(run_here, "poor", "--candidate", "gated-poor").code == 1
    assert "It got worse." in page.read_text(encoding="utf-8")
    assert "no baseline" not in page.read_text(encoding="utf-8").partition('id="samples"')[0]
    (kept,) = read_run(page.parent).gates
    assert kept.verdict == "fail"


@pytest.mark.usefixtures("saved")
def test_json_holds_the_plan_the_rules_and_the_comparison(run_here) -> None:
    told = json.loads(gate(run_here, "poor", "--json").out)
    assert (told["verdict"], told["exit_code"], told["tier"]) == ("fail", 1, "core")
    assert told["planned"][0]["n"] == 150
    assert told["gates"][0]["metric"] == "qa/relaxed_accuracy"
    assert told["comparison"]["simulated"] is True


@pytest.mark.usefixtures("saved")
def test_what_is_printed_for_github_stands_between_stop_commands(run_here, monkeypatch) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, name.lower())
    done = gate(run_here, "poor", "--github")
    lines = done.out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    end = lines.index(f"::{token}::")
    assert [line for line in lines if line.startswith("::")] == [lines[0], lines[end], lines[end + 1]]
    assert lines[end + 1].startswith("::error file=gated.yaml,line=9,title=qa/relaxed_accuracy drop ≤ 0.05%3A fail::")
    assert sorted(file.name for file in Path("harness-gate").iterdir()) == ["comment.md", "gate.json", "junit.xml"]
    assert Path("github_output").read_text() == "verdict=fail\nexit-code=1\n"
    assert "❌ FAIL" in Path("github_step_summary").read_text()


@pytest.mark.usefixtures("saved")
def test_annotations_of_inherited_gates_stand_in_the_parents_file(run_here) -> None:
    Path("child.yaml").write_text("extends: gated.yaml\nversion: 1\n")
    done = run_here("gate", "child.yaml", "-a", "poor.yaml", "-q", "--github")
    assert "::error file=gated.yaml,line=9," in done.out


@pytest.mark.usefixtures("saved")
def test_rules_without_a_baseline_are_judged_without_one(run_here) -> None:
    put("core", "  - {metric: qa/relaxed_accuracy, min: 0.9}")
    Path("baselines").rename("elsewhere")
    assert gate(run_here, "good").code == 0
    assert gate(run_here, "poor").code == 1


def test_a_suite_without_gates_is_a_mistake(run_here) -> None:
    Path("gated.yaml").write_text(SUITE.format(tier="core", gates="").replace("gates:\n", ""))
    done = gate(run_here, "good")
    assert (done.code, done.err) == (2, "error: suite 'gated' has no gates, so there is nothing to decide\n")


@pytest.mark.parametrize(
    "more",
    [("--sequential", "10,20", "--limit", "5"), ("--sequential", "10,20", "--candidate", "x"), ("--github", "--json")],
)
def test_options_that_contradict_each_other_are_refused(run_here, more) -> None:
    assert gate(run_here, "good", *more).code == 2


@pytest.mark.usefixtures("saved")
def test_increase_and_strict_are_keys_of_a_gate(run_here) -> None:
    put("core", "  - {metric: qa/relaxed_accuracy, max_drop: 0.05, strict: true}")
    assert gate(run_here, "good", "--limit", "20").code == 1
    put("core", "  - {metric: qa/relaxed_accuracy, max_increase: 0.05}")
    done = gate(run_here, "good")
    assert done.code == 2
    assert "`max_increase` is for metrics that are better when lower" in done.err


def test_baselines_are_listed_shown_and_removed(run_here, saved) -> None:
    listed = json.loads(run_here("baseline", "list", "--json").out)
    assert [(one["name"], one["suite"], one["adapter"], one["simulated"]) for one in listed] == [
        ("main", "gated", "good", True)
    ]
    shown = run_here("baseline", "show", "main")
    assert listed[0]["key"] in shown.out
    assert "good (simulated)" in shown.out
    assert run_here("baseline", "rm", "main").code == 0
    assert run_here("baseline", "list").code == 2
    assert run_here("baseline", "show", "main").err == "error: there is no baseline 'main' in baselines\n"
