"""What a bisection asks: a commit that comes to the same as an earlier one asks nothing."""

import json
from pathlib import Path

import pytest

from tests.repositories import begin, commit

SUITE = """\
suite: sums
version: 1
datasets:
  sums: {type: jsonl, path: sums.jsonl}
tasks:
  add: {kind: qa, dataset: sums, prompt: "{{ question }}", metrics: [exact_match]}
gates:
  - {metric: add/exact_match, max_drop: 0.02}
"""
MODEL = """\
from rules import add


def answer(prompt, images):
    return add(prompt)
"""
RIGHT = "def add(prompt):\n    return str(eval(prompt))\n"


def test_commits_that_change_words_alone_ask_nothing_and_the_verdict_is_the_same(
    tmp_path: Path, run_here, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": f"q{i}", "question": f"{i} + {7 * i % 11}", "answer": str(i + 7 * i % 11)} for i in range(200)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "adapter.yaml").write_text("adapter: tiny\ntype: python\ntarget: model.py:answer\n")
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "rules.py").write_text(RIGHT)
    begin(tmp_path)
    monkeypatch.chdir(tmp_path)
    commits = [commit(tmp_path, "All is well")]
    for place in range(15):
        (tmp_path / "README.md").write_text(f"words {place}\n")
        if place == 9:  # beside what the adapter's file names: code decides
            (tmp_path / "rules.py").write_text(RIGHT.replace("eval(prompt)", "eval(prompt) + 1"))
        commits.append(commit(tmp_path, f"Change {place}"))
    done = run_here("bisect", "suite.yaml", "-a", "adapter.yaml", "--good", commits[0])
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines()[-1] == f"first bad commit: {commits[10]}"
    assert "200 questions beside the good commit's; 4 of 5 commits asked nothing" in done.err
    assert f"(as {commits[15][:12]}, nothing asked)" in done.out
