"""A ledger of tries: a model that is run until it passes is judged more strictly each time, and says so."""

import json
from pathlib import Path

import pytest

from harness.gates.tries import AGAIN, FILE, level
from harness.record import read_run

SUITE = """\
suite: tried
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, prompt: "{{ question }}", metrics: [exact_match]}
gates:
  - {metric: qa/exact_match, max_drop: 0.05}
"""
ADAPTER = "adapter: {name}\ntype: python\ntarget: answers.py:{name}\n"
MODELS = """\
import pathlib

def sound(prompt, images):
    return "right"

def wavering(prompt, images):
    \"\"\"Loses another part of the rows each day, and as many as the day says.\"\"\"
    day, lost = pathlib.Path("day.txt").read_text().split()
    return "wrong" if (int(prompt.split()[1]) + int(day)) % 100 < int(lost) else "right"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ({"id": f"r{i}", "question": f"row {i}", "answer": "right"} for i in range(200))
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("tried.yaml").write_text(SUITE)
    Path("answers.py").write_text(MODELS)
    for name in ("sound", "wavering"):
        Path(f"{name}.yaml").write_text(ADAPTER.format(name=name))
    assert run_here("run", "tried.yaml", "-a", "sound.yaml", "-q", "--no-report").code == 0
    assert run_here("baseline", "save", "main").code == 0


@pytest.fixture
def gate(run_here):
    def run(day: int, lost: int, *more: object):
        Path("day.txt").write_text(f"{day} {lost}")
        done = run_here("gate", "tried.yaml", "-a", "wavering.yaml", "--baseline", "main", "-q", "--json", *more)
        assert done.code in (0, 1, 3), done.err
        return json.loads(done.out)

    return run


def verdicts(decision) -> list[str]:
    return [one["verdict"] for one in decision["gates"]]


def test_later_tries_have_little_left_to_be_wrong_by() -> None:
    levels = [level(number) for number in range(1, 40)]
    assert levels[0] == 0.05
    assert sum(levels[1:]) <= AGAIN


def test_the_same_answers_are_no_new_try_and_others_are(gate) -> None:
    first, same = gate(1, 1), gate(1, 1)
    assert [one["tries"]["number"] for one in (first, same)] == [1, 1]
    assert verdicts(first) == verdicts(same) == ["pass"]
    assert same["tries"]["level"] == 0.05
    assert same["tries"]["earlier"] == []
    second = gate(2, 1)
    assert (second["tries"]["number"], second["tries"]["level"]) == (2, 0.005)
    assert len(Path("results/runs", FILE).read_text().splitlines()) == 2
    records = [read_run(file.parent) for file in Path("results/runs").glob("*/run.json")]
    assert sorted(one.tries.number for one in records if one.tries) == [1, 1, 2]


def test_a_lucky_try_is_not_enough_where_it_would_have_been_the_first_time(gate, run_here) -> None:
    assert verdicts(gate(1, 4)) == ["inconclusive"]
    second = gate(2, 2)  # at a level of 0.05 two of a hundred are shown to be fewer than five; not at 0.005
    assert verdicts(second) == ["inconclusive"]
    Path("results/runs", FILE).unlink()
    assert verdicts(gate(2, 2)) == ["pass"]
    Path("day.txt").write_text("7 2")
    done = run_here("gate", "tried.yaml", "-a", "wavering.yaml", "-q")
    assert "2nd try of this model against this baseline (" in done.out
    assert "judged at a level of 0.005" in done.out


def test_what_failed_stays_failed_until_the_opposite_is_shown(gate) -> None:
    assert verdicts(gate(1, 20)) == ["fail"]
    second = gate(2, 4)
    assert verdicts(second) == ["fail"]
    assert "and this try of the same model does not show the opposite" in second["gates"][0]["reason"]
    assert verdicts(gate(3, 0)) == ["pass"]


def test_a_look_that_could_not_have_passed_uses_up_nothing(gate) -> None:
    assert verdicts(gate(1, 1, "--limit", "20")) == ["inconclusive"]
    assert gate(1, 1)["tries"]["number"] == 1


def test_a_sequential_gate_is_one_try_and_repeated_it_is_the_same(gate) -> None:
    numbers = [gate(1, 2, "--sequential", "60,200")["tries"]["number"] for _ in range(2)]
    assert numbers == [1, 1]
    assert gate(42, 2, "--sequential", "60,200")["tries"]["number"] == 2


def test_epochs_are_one_try_of_means_against_a_baseline_that_was_made_so_too(gate, run_here) -> None:
    done = run_here("gate", "tried.yaml", "-a", "sound.yaml", "-q", "--epochs", "3")
    assert done.code == 3
    assert "epochs of qa" in done.err
    assert run_here("run", "tried.yaml", "-a", "sound.yaml", "-q", "--no-report", "--epochs", "3").code == 0
    assert run_here("baseline", "save", "main").code == 0
    decision = gate(1, 1, "--epochs", "3")
    assert verdicts(decision) == ["pass"]
    assert decision["tries"]["number"] == 1
    (delta,) = decision["comparison"]["metrics"]
    assert delta["comparison"]["n"] == 200
    early = gate(1, 1, "--epochs", "3", "--sequential", "60,200")
    assert early["looks"]["planned"] == 200


def test_a_ledger_that_cannot_be_read_or_written_stops_nothing(gate, run_here) -> None:
    Path("results/runs", FILE).write_text("no json\n[1]\n{}\n")
    assert gate(1, 1)["tries"]["number"] == 1
    Path("results/runs", FILE).unlink()
    Path("results/runs", FILE).mkdir()
    assert gate(1, 1)["tries"]["number"] == 1
