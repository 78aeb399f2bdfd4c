"""``harness gate --sequential`` at the command line: sorted rows decide nothing, and what was spared is said."""

import json
from pathlib import Path

import pytest

from harness.record import read_run

SUITE = """\
suite: sorted
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, prompt: "{{ question }}", metrics: [exact_match]}
gates:
  - {metric: qa/exact_match, max_drop: 0.05}
  - {metric: qa/exact_match, min: 0.6}
"""
ADAPTER = "adapter: {name}\ntype: python\ntarget: answers.py:{name}\nbatch_size: 16\n"
MODELS = """\
def sound(prompt, images):
    with open("asked.txt", "a") as asked:
        asked.write(prompt + "\\n")
    return "right" if int(prompt.split()[1]) % 10 else "wrong"

def broken(prompt, images):
    return "wrong" if int(prompt.split()[1]) >= 300 else sound(prompt, images)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here) -> None:
    """Rows that are sorted by what they are about, two models, one of which has lost the last quarter; a baseline."""
    monkeypatch.chdir(tmp_path)
    rows = ({"id": f"r{i}", "question": f"row {i}", "answer": "right"} for i in range(400))
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("sorted.yaml").write_text(SUITE)
    Path("answers.py").write_text(MODELS)
    for name in ("sound", "broken"):
        Path(f"{name}.yaml").write_text(ADAPTER.format(name=name))
    assert run_here("run", "sorted.yaml", "-a", "sound.yaml", "-q", "--no-report").code == 0
    assert run_here("baseline", "save", "main").code == 0
    Path("asked.txt").unlink()


def gate(run_here, name: str, *more: object):
    return run_here("gate", "sorted.yaml", "-a", f"{name}.yaml", "--baseline", "main", "-q", *more)


def test_a_model_that_lost_the_end_of_a_sorted_file_fails_early(run_here) -> None:
    done = gate(run_here, "broken", "--sequential", "auto", "--json")
    assert done.code == 1, done.err
    looks = json.loads(done.out)["looks"]
    assert looks["samples"] < looks["planned"] == 400
    assert looks["spared"] == pytest.approx(1 - looks["samples"] / 400)
    # The head of the file shows nothing.
    assert gate(run_here, "broken", "--limit", "200", "--head").code == 0
    assert gate(run_here, "broken", "--limit", "200").code == 1


def test_a_model_that_did_not_change_passes_early_and_is_asked_nothing_twice(run_here) -> None:
    done = gate(run_here, "sound", "--sequential", "auto")
    assert done.code == 0, done.err
    asked = Path("asked.txt").read_text().splitlines()
    assert len(asked) == len(set(asked)) < 400
    spared = f"{1 - len(asked) / 400:.0%} of the calls spared"
    assert f"decided after {len(asked)} of 400 samples a cell" in done.out
    assert spared in done.out
    (folder,) = [file.parent for file in Path("results/runs").glob("*/run.json") if read_run(file.parent).limit_rule]
    record = read_run(folder)
    assert (record.options["limit"], record.limit_rule) == (len(asked), "drawn")
    assert [one.verdict for one in record.gates] == ["pass", "pass"]
