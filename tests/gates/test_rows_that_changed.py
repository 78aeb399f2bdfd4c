"""A baseline whose data were edited since is compared row by row; what has no partner is named and never hidden."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.cli import invoke

SUITE = """\
suite: edited
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
gates: [{metric: qa/exact_match, max_drop: 0.1}]
"""
ROWS = [{"id": f"r{i}", "question": f"Q {i}?", "answer": "yes"} for i in range(100)]


@dataclass
class Done:
    """What a command did."""

    exit_code: int
    stdout: str
    output: str


Gate = Callable[..., Done]


@pytest.fixture
def gate(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gate:
    """Save a baseline over ``ROWS``; then judge the same model over other rows."""
    monkeypatch.chdir(tmp_path)
    write("suite.yaml", SUITE)
    write("m.yaml", "adapter: m\ntype: python\ntarget: model.py:answer\n")
    write("model.py", "def answer(prompt, images):\n    return 'yes'\n")
    write("rows.jsonl", lines(ROWS))
    record = harness.run("suite.yaml", "m.yaml", out="runs", report=False)
    assert invoke(["baseline", "save", "main", str(record.folder)]) == 0
    capsys.readouterr()

    def judge(text: str | bytes, *options: str) -> Done:
        write("rows.jsonl", text)
        arguments = ["gate", "suite.yaml", "-a", "m.yaml", "-q", "-o", "runs", "-B", "100", *options]
        code = invoke(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.out + said.err)

    return judge


def lines(rows: list[dict[str, Any]], end: str = "\n", **style: Any) -> str:
    return "".join(json.dumps(row, **style) + end for row in rows)


def test_line_ends_order_spelling_and_appended_rows_do_not_cost_the_baseline(gate: Gate) -> None:
    more = [*ROWS, {"id": "new", "question": "New?", "answer": "no"}]
    for text in (lines(ROWS, "\r\n").encode(), lines(ROWS[::-1]), lines(ROWS, separators=(",", ":"), sort_keys=True)):
        done = gate(text, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["comparison"]["unpaired"] == []
    told = json.loads(gate(lines(more), "--json").stdout)
    assert told["verdict"] == "pass"
    assert "n = 100" in told["gates"][0]["reason"]
    assert told["gates"][0]["reason"].endswith("; 1 sample not in the baseline: new")
    assert [(one["new"], one["missing"], one["lost"]) for one in told["comparison"]["unpaired"]] == [(["new"], [], 0.0)]


def test_rows_that_are_gone_or_changed_are_refused_before_the_model_is_asked_unless_a_share_may(gate: Gate) -> None:
    edited = [{**row, "answer": "no"} if row["id"] == "r7" else row for row in ROWS if row["id"] != "r9"]
    runs = len(list(Path("runs").iterdir()))
    done = gate(lines(edited))
    assert done.exit_code == 3
    assert "data of qa: 1 row differs: r7 (reference); 1 is missing: r9: 2.00% of 100" in done.output
    assert len(list(Path("runs").iterdir())) == runs
    told = json.loads(gate(lines(edited), "--json", "--allow-missing", "0.02").stdout)
    (one,) = told["gates"]
    assert one["verdict"] == "pass"
    assert "n = 98" in one["reason"]
    assert "missing from the candidate: r9" in one["reason"]
    assert "with other content under the same id: r7 (reference)" in one["reason"]
    assert (told["comparison"]["allow_missing"], told["comparison"]["unpaired"][0]["changed"]) == (
        0.02,
        {"r7": ["reference"]},
    )
    assert gate(lines(edited), "--allow-missing", "0.01").exit_code == 3


def test_an_edited_reference_never_pairs_with_the_old_one_in_a_comparison(gate: Gate) -> None:
    edited = [{**row, "answer": "no"} if row["id"] == "r7" else row for row in ROWS]
    gate(lines(edited), "--allow-missing", "1")
    newest = max(Path("runs").glob("*/run.json"), key=lambda file: file.stat().st_mtime_ns).parent
    compared = harness.compare("baselines/main/edited-m", newest)
    assert compared.deltas[0].comparison is not None
    assert (compared.deltas[0].comparison.n, compared.deltas[0].before, compared.deltas[0].after) == (99, 1.0, 1.0)
    assert compared.warnings == ("qa: 1 sample with other content under the same id: r7 (reference)",)


def test_what_only_cuts_slices_may_change(gate: Gate) -> None:
    tagged = [{**row, "tags": {"half": str(i % 2)}} for i, row in enumerate(ROWS)]
    assert gate(lines(tagged)).exit_code == 0


def test_a_baseline_that_keeps_no_marks_is_refused_where_the_data_differ(gate: Gate) -> None:
    Path("baselines/main/edited-m/marks.parquet").unlink()
    done = gate(lines(ROWS[:-1]), "--allow-missing", "1")
    assert done.exit_code == 3
    assert "data of qa" in done.output
    assert gate(lines(ROWS[::-1])).exit_code == 0


@pytest.mark.parametrize("share", ["-0.1", "1.5", "much"])
def test_a_share_is_a_number_from_0_to_1(gate: Gate, share: str) -> None:
    assert gate(lines(ROWS), "--allow-missing", share).exit_code == 2
