"""``harness plan``: how many samples would decide, before there is anything to compare."""

import json
from pathlib import Path

import pytest

SUITE = """\
suite: planned
version: 1
datasets:
  rows: {{type: jsonl, path: rows.jsonl}}
tasks:
  qa: {{kind: qa, dataset: rows, prompt: "{{{{ question }}}}", metrics: [exact_match]}}
{gates}
"""
GATES = "gates:\n  - {metric: qa/exact_match, max_drop: 0.05}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plan(run_here):
    def run(rows: int, *more: object, clusters: int = 0, gates: str = GATES):
        lines = [
            {"id": f"r{i}", "question": f"row {i}", "answer": "yes"}
            | ({"cluster": f"c{i // clusters}"} if clusters else {})
            for i in range(rows)
        ]
        Path("rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        Path("planned.yaml").write_text(SUITE.format(gates=gates))
        done = run_here("plan", "planned.yaml", *more, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def test_below_the_rule_of_three_nobody_can_know(plan, run_here) -> None:
    (gate,) = plan(40)["gates"]
    assert (gate["n"], gate["least"], gate["enough"]) == (40, 59, False)
    assert plan(40, "--margin", "0.02")["gates"][0]["least"] == 149
    done = run_here("plan", "planned.yaml", "--margin", "0.02")
    assert "no fewer than 149 samples can show it, whatever is measured" in done.out


def test_what_passes_and_what_is_found_is_planned_for_the_flips_that_are_assumed(plan) -> None:
    (gate,) = plan(300)["gates"]
    # (1.645 + 0.842)² · 0.1 / 0.05²
    assert gate["to_pass"] == pytest.approx(247, abs=2)
    assert gate["enough"] is True
    assert 40 < gate["to_fail"] < 120


def test_clusters_need_more_samples(plan) -> None:
    (gate,) = plan(300, clusters=3)["gates"]
    assert gate["clusters"] == {"rows": 3.0, "heavy": 3.0}
    assert gate["least"] == 3 * 59
    assert gate["to_pass"] > 3 * 247


def test_a_suite_without_gates_is_planned_at_a_fiftieth(plan) -> None:
    (gate,) = plan(200, gates="")["gates"]
    assert (gate["metric"], gate["margin"], gate["least"]) == ("qa/exact_match", 0.02, 149)


def test_earlier_runs_tell_how_many_answers_change(plan, run_here) -> None:
    plan(200)
    for name, lost in (("old", 0), ("new", 8)):
        code = f"def {name}(prompt, images):\n    return 'no' if int(prompt.split()[1]) < {lost} else 'yes'\n"
        Path(f"{name}.py").write_text(code)
        Path(f"{name}.yaml").write_text(f"adapter: {name}\ntype: python\ntarget: {name}.py:{name}\n")
        assert run_here("run", "planned.yaml", "-a", f"{name}.yaml", "-q", "--no-report").code in (0, 3)
        if name == "old":
            assert run_here("baseline", "save", "main").code == 0
    told = plan(200, "--baseline", "main")
    assert told["other"]
    assert told["gates"][0]["changed"] == pytest.approx(8 / 200)
    assert run_here("plan", "planned.yaml", "--baseline", "nobody").code == 3


def test_a_margin_must_be_above_nothing(run_here, plan) -> None:
    plan(20)
    assert run_here("plan", "planned.yaml", "--margin", "0").code == 2


def test_how_many_labels_would_decide_is_told_by_margin_and_falls_with_a_proxy(plan) -> None:
    found = plan(1000, "--labels")["labels"]
    assert [(one["margin"], one["differing"], one["known"]) for one in found] == [
        (margin, 200, False) for margin in (0.02, 0.05, 0.1)
    ]
    tight, usual, wide = found
    assert usual["labels"] > wide["labels"]
    assert usual["with_proxy"] <= usual["labels"] <= 100
    assert tight["labels"] is None or tight["labels"] > usual["labels"]
    assert plan(1000, "--labels", "--margin", "0.05")["labels"] == [usual]
    assert plan(100, "--labels", "--margin", "0.02")["labels"][0]["labels"] is None


def test_the_table_of_labels_says_what_it_assumes(plan, run_here) -> None:
    plan(400)
    done = run_here("plan", "planned.yaml", "--labels")
    assert "20% of the answers differ" in done.out.replace("\n", " ")
