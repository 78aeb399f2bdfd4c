"""``harness score`` and ``harness metrics``: stored answers under another rule, without the model."""

import json
from pathlib import Path

import pytest

from harness.record import Run

SUITE = """
suite: words
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, extract: [final_answer], metrics: [relaxed_accuracy]}
"""
ROWS = [
    {"id": "half", "question": "?", "answer": "50"},
    {"id": "share", "question": "?", "answer": "62%"},
    {"id": "word", "question": "?", "answer": "red"},
]


@pytest.fixture
def run(write, run_here, tmp_path: Path) -> Run:
    """A run of three rows on a mock that is always right."""
    write("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS))
    suite = write("words.yaml", SUITE)
    adapter = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")
    done = run_here("run", suite, "-a", adapter, "--out", tmp_path / "runs", "--no-report", "--quiet")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    return Run(folder)


def test_the_same_metric_scores_the_same_again(run: Run, run_here) -> None:
    told = json.loads(run_here("score", run.folder, "-m", "relaxed_accuracy", "--json").out)
    before = run.record.tasks["qa"].metrics["relaxed_accuracy"].model_dump(mode="json")
    assert told["cells"]["qa/clean"] == before
    assert told["simulated"] is True


def test_a_parameter_and_a_variant_change_the_score(run: Run, run_here) -> None:
    answer = run_here("score", run.folder, "-m", "exact_match", "--variant", "strict", "--json")
    assert json.loads(answer.out)["cells"]["qa/clean"]["value"] == 1.0
    refused = run_here("score", run.folder, "-m", "exact_match", "--variant", "stric")
    assert refused.code == 2
    assert "did you mean 'strict'" in refused.err


def test_an_extraction_step_that_finds_nothing_leaves_every_sample_unparsed(run: Run, run_here) -> None:
    told = json.loads(run_here("score", run.folder, "-m", "exact_match", "--extract", "json_in_prose", "--json").out)
    assert told["cells"]["qa/clean"]["statuses"] == {"unparsed": 3}
    assert told["cells"]["qa/clean"]["value"] == 0.0


def test_the_table_marks_a_simulated_run(run: Run, run_here) -> None:
    assert "right (simulated)" in run_here("score", run.folder, "-m", "exact_match").out


def test_variants_that_disagree_are_listed_with_both_values(write, run_here, tmp_path: Path) -> None:
    write("rows.jsonl", json.dumps({"id": "share", "question": "?", "answers": ["62%", "62"]}))
    suite = write("words.yaml", SUITE.replace("relaxed_accuracy", "exact_match"))
    adapter = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 1\n")
    run_here("run", suite, "-a", adapter, "--out", tmp_path / "runs", "--no-report", "--quiet")
    (folder,) = (tmp_path / "runs").iterdir()
    rows = json.loads(run_here("score", folder, "--diff-variants", "exact_match", "--json").out)
    assert all(set(row["scores"]) >= {"default", "strict", "squad"} for row in rows)


MEASURING = """  shop: {kind: serving, dataset: rows, rates: [500.0], requests: 4, baseline: false}
"""


def test_what_a_task_measured_by_itself_is_not_scored(write, run_here, tmp_path: Path) -> None:
    write("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS))
    adapter = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")

    def run(name: str, suite: str) -> Path:
        run_here("run", write(f"{name}.yaml", suite), "-a", adapter, "--out", tmp_path / name, "--no-report", "--quiet")
        (folder,) = (tmp_path / name).iterdir()
        return folder

    both = run("both", SUITE + MEASURING)
    told = json.loads(run_here("score", both, "-m", "exact_match", "--json").out)
    assert [*told["cells"]] == ["qa/clean"]
    assert told["skipped"] == ["shop"]
    assert "no answers to questions: shop" in run_here("score", both, "-m", "exact_match").err
    alone = run("alone", SUITE[: SUITE.index("  qa:")] + MEASURING)
    for wish in ("--metric", "--diff-variants"):
        refused = run_here("score", alone, wish, "exact_match")
        assert refused.code == 2
        assert "holds no answers to questions" in refused.err


def test_asking_for_two_things_or_none_is_a_usage_error(run: Run, run_here) -> None:
    assert run_here("score", run.folder).code == 2
    assert run_here("score", run.folder, "-m", "exact_match", "--diff-variants", "exact_match").code == 2
    assert run_here("score", run.folder, "-m", "exact_match", "--param", "novalue").code == 2


def test_metrics_show_prints_definition_variants_and_source(run_here) -> None:
    said = run_here("metrics", "show", "relaxed_accuracy").out
    for part in ("relaxed_accuracy (sample metric)", "higher is better", "variants:", "pix2struct:", "source:"):
        assert part in said
    card = json.loads(run_here("metrics", "show", "anls", "--json").out)
    assert card["direction"] == "higher"
    assert run_here("metrics", "show", "anl").code == 2


def test_what_cannot_be_scored_here_says_why(run: Run, run_here) -> None:
    refused = run_here("score", run.folder, "-m", "auroc")
    assert refused.code == 2
    assert "`harness score` takes metrics that judge one answer at a time" in refused.err
    refused = run_here("score", run.folder, "-m", "exact_match", "--param", "z=1")
    assert refused.code == 2
    assert "metric 'exact_match': unknown parameter 'z'; known: failures" in refused.err


def test_a_task_made_of_another_is_scored_again_with_the_others_extraction(write, run_here, tmp_path: Path) -> None:
    suite = """
suite: sizes
version: 1
datasets: {charts: {type: charts, limit: 8}}
tasks:
  qa: {kind: qa, dataset: charts, extract: [json_in_prose], metrics: [exact_match]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}
"""
    adapter = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")
    done = run_here("run", write("sizes.yaml", suite), "-a", adapter, "--out", tmp_path / "runs", "--no-report", "-q")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    cells = json.loads(run_here("score", folder, "-m", "exact_match", "--json").out)["cells"]
    assert set(cells) == {"qa/clean", "sweep/clean", "sweep/brightness@1"}
    assert cells["sweep/clean"] == cells["qa/clean"]
    assert cells["qa/clean"]["statuses"] == {"unparsed": 8}


def test_the_record_and_the_report_name_the_revision_of_a_variant(write, run_here, tmp_path: Path) -> None:
    from harness.report.lineage import lineage

    write("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS))
    suite = write("words.yaml", SUITE.replace("[relaxed_accuracy]", "[{metric: anls, variant: lmms-eval, as: near}]"))
    adapter = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")
    done = run_here("run", suite, "-a", adapter, "--out", tmp_path / "runs", "--no-report", "--quiet")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    record = Run(folder).record
    assert record.tasks["qa"].config["metrics"] == [{"metric": "anls", "variant": "lmms-eval@75571cf", "as": "near"}]
    assert lineage(record)["variants of metrics"] == "anls lmms-eval@75571cf"
    told = json.loads(run_here("score", folder, "-m", "anls", "--variant", "vlmevalkit", "--json").out)
    assert told["variant"] == "vlmevalkit@e8e78f0"


def test_a_metric_shows_where_its_variants_come_from(run_here) -> None:
    shown = run_here("metrics", "show", "anls").out
    assert "lmms-eval@75571cf: divides by" in shown
    assert "EvolvingLMMs-Lab/lmms-eval lmms_eval/api/metrics.py\n    commit 75571cfe0fa36ca5" in shown
    listed = {row["name"]: row for row in json.loads(run_here("list", "metrics", "--json").out)}
    assert "pix2struct@945f27e" in listed["anls"]["variants"]
