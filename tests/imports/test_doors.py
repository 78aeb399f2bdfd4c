"""Logs of other harnesses where a run is expected, on the command line and in Python."""

import json
import shutil
from pathlib import Path

import pytest

import harness
from harness.comparison.identity import NoBaseline
from harness.errors import SpecError, UsageError
from harness.imports import kinds, look_at
from harness.registry import registry
from tests.imports.conftest import LOGS

A, B = LOGS / "lm-eval/a", LOGS / "lm-eval/b"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_log_is_imported_and_says_what_it_is(run_here, here: Path) -> None:
    done = run_here("import", A, B, "--json")
    told = json.loads(done.out)
    assert done.code == 0, done.err
    assert [(one["kind"], one["version"], one["model"], one["tasks"]) for one in told] == [
        ("lm-eval", "0.4.13", "a", 4), ("lm-eval", "0.4.13", "b", 4)]  # fmt: skip
    assert [*here.glob("results/runs/lm-eval-*")]
    assert "toy_gen/exact_match@strict-match" in run_here("show", told[0]["record"]).out
    shown = run_here("import", A)
    assert shown.out.splitlines()[0] == f"{A}: lm-eval 0.4.13, a, 4 tasks, 120 rows"


def test_a_log_is_compared_shown_and_reported_as_it_lies_and_nothing_is_left_in_it(run_here, here: Path) -> None:
    copy = here / "log"
    shutil.copytree(A, copy)
    before = sorted(copy.rglob("*"))
    compared = run_here("compare", copy, B)
    assert compared.code == 0, compared.err
    assert "+0.200 [+0.064, +0.373]" in compared.out
    assert "15 wrong → right" in compared.out
    assert run_here("show", copy).code == 0
    assert run_here("diff", copy, B).code == 0
    done = run_here("report", copy)
    assert (done.code, done.out.strip()) == (0, "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    assert "what the origin says" in page
    assert sorted(copy.rglob("*")) == before
    assert not Path("results").exists()


def test_a_gate_on_two_logs_needs_no_suite_and_no_adapter(run_here) -> None:
    picked = ("-m", "toy_mc/acc", "-m", "exact_match,flexible-extract")
    worse = run_here("gate", "--baseline", B, "--candidate", A, *picked, "--margin", "0.05", "--junit", "gate.xml")
    assert (worse.code, worse.out.splitlines()[-1]) == (1, "verdict: FAIL"), worse.err
    assert "lower by 0.200, margin 0.05, adjusted p = 0.031" in worse.out
    assert 'failures="2"' in Path("gate.xml").read_text(encoding="utf-8")
    better = run_here("gate", "--baseline", A, "--candidate", B, "-m", "toy_mc/acc")
    assert (better.code, better.out.splitlines()[-1]) == (0, "verdict: PASS"), better.err
    assert "drop ≤ 0.02" in better.out
    headlines = run_here("gate", "--baseline", A, "--candidate", B, "--json")
    told = json.loads(headlines.out)
    assert headlines.code == 3
    assert [one["metric"] for one in told["gates"]] == [
        "toy_gen/exact_match@strict-match", "toy_gen/exact_match@flexible-extract", "toy_mc/acc", "toy_sub_large/em",
        "toy_sub_small/em"]  # fmt: skip


def test_the_rules_may_stand_in_a_file(run_here) -> None:
    Path("rules.yaml").write_text(
        "gates:\n  - {metric: toy_mc/acc, max_drop: 0.02}\n  - {metric: toy_mc/acc, min: 0.99}\n"
    )
    done = run_here("gate", "rules.yaml", "--baseline", A, "--candidate", B, "--github")
    assert "drop ≤ 0.02" in done.out
    assert "≥ 0.99" in done.out
    assert done.code == 1  # 0.9 of 30 is not 0.99
    assert "rules.yaml" in done.out  # the annotation
    Path("rules.yaml").write_text("gates:\n  - {metric: toy_mc/acc, max_dorp: 0.02}\n")
    with pytest.raises(SpecError, match=r"rules\.yaml:2:\d+: unknown key 'max_dorp'"):
        harness.gate("rules.yaml", baseline=str(A), candidate=B)
    Path("rules.yaml").write_text("gates: []\n")
    with pytest.raises(UsageError, match="has no gates"):
        harness.gate("rules.yaml", baseline=str(A), candidate=B)


def test_a_baseline_is_kept_as_a_small_file(run_here, here: Path) -> None:
    assert run_here("baseline", "save", "main", A).code == 0
    assert (here / "baselines/main/lm-eval-a/run.json").is_file()
    shutil.copytree(here / "baselines/main/lm-eval-a", here / "kept")
    done = run_here("gate", "--candidate", B, "-m", "acc")
    assert (done.code, done.out.splitlines()[-1]) == (0, "verdict: PASS"), done.err
    assert run_here("gate", "--baseline", "kept", "--candidate", B, "-m", "acc").code == 0


def test_runs_of_our_own_are_judged_without_a_suite_too() -> None:
    Path("small.yaml").write_text("suite: small\nversion: 1\ndatasets:\n  charts: {type: charts, limit: 40}\ntasks:\n"
                                  "  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n")  # fmt: skip
    runs = {}
    for name, errors in (("good", 0), ("poor", 0.6)):
        Path(f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n")
        runs[name] = harness.run("small.yaml", f"{name}.yaml", report=False)
    assert harness.gate(baseline=str(runs["good"].folder), candidate=runs["poor"]).verdict == "fail"
    assert harness.gate(baseline=str(runs["poor"].folder), candidate=runs["good"]).verdict == "pass"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "accc"}, "no number 'accc'"),
        ({"metric": "out_len"}, "has no least and greatest value to take a margin of; say how much worse matters"),
        ({"margin": 1.5}, "a margin of 1.5 allows everything"),
        ({"suite": "rules.yaml", "margin": 0.1}, "its gates say both"),
    ],
)
def test_impossible_rules_are_refused(options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        harness.gate(**options, baseline=str(A), candidate=B)


def test_what_a_gate_lacks_is_said() -> None:
    with pytest.raises(UsageError, match="name a suite to run, or give a candidate"):
        harness.gate(baseline=str(A))
    with pytest.raises(NoBaseline, match="there is no baseline 'main' of suite 'lm-eval'"):
        harness.gate(candidate=A)
    with pytest.raises(UsageError, match="name an adapter to run the suite on"):
        harness.gate("robustness")


def test_logs_of_two_harnesses_are_no_pair(write) -> None:
    other = write("scores.csv", "id,acc\n1,1\n")
    with pytest.raises(NoBaseline, match="suite: lm-eval in the baseline, table in the candidate"):
        harness.gate(baseline=str(A), candidate=other)


def test_what_is_no_log_is_refused_with_the_kinds_that_are_known(run_here, write) -> None:
    done = run_here("compare", write("notes.txt", "hello"), A)
    assert (done.code, done.out) == (2, "")
    assert "notes.txt is not a run; nor is it a log of" in done.err
    assert all(kind in done.err for kind in kinds())
    assert "there is no nowhere" in run_here("import", "nowhere").err
    assert "did you mean 'lm-eval'" in run_here("import", A, "--as", "lm_eval").err
    assert "is no log of lm-eval" in run_here("import", write("s.csv", "id,acc\n"), "--as", "lm-eval").err


def test_every_importer_is_listed_and_a_new_one_is_one_file(run_here) -> None:
    listed = json.loads(run_here("list", "importers", "--json").out)
    assert [one["name"] for one in listed] == kinds() == registry("importers").names()
    assert look_at(A).kind == "lm-eval"


def test_stored_answers_of_a_log_are_judged_anew_and_differences_have_causes(run_here) -> None:
    log = LOGS / "lmms-eval/a"
    again = json.loads(run_here("score", log, "-m", "exact_match@default", "--json").out)
    assert again["cells"]["toy_vqa/all"]["n"] == 30
    same = json.loads(run_here("score", log, "-m", "relaxed_accuracy", "--diff", "--json").out)
    assert same["differ"] == []
    filled = LOGS / "lm-eval/a"
    told = json.loads(run_here("score", filled, "-m", "exact_match", "--diff", "--json").out)
    among = [one for one in told["differ"] if one["task"] == "toy_gen" and one["cell"] == "strict-match"]
    assert among
    causes = {(one["scores"]["stored"], one["cause"]) for one in among}
    assert causes == {(1.0, "the right answer stands among other words"),
                      (0.0, "the run read something else, or wanted another form")}  # fmt: skip
    shown = run_here("score", filled, "-m", "exact_match", "--diff")
    assert "the right answer stands among other words: " in shown.out
    assert "1 there, 0 here" in shown.out
    read = json.loads(
        run_here("score", filled, "-m", "exact_match", "--extract", "final_answer", "--diff", "--json").out
    )
    assert len(read["differ"]) < len(told["differ"])
    assert run_here("score", log, "--diff").code == 2
