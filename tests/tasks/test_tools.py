"""Transcripts of agents: right answers by wrong calls, calls too many, in another order, and files that are broken."""

import json
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import AdapterError, SpecError
from harness.record import Run
from harness.tasks.tools import read_transcript
from tests.tasks.seeing import pictures

SUITE = """\
suite: agents
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  agent: {kind: tools, dataset: rows}
gates:
  - {metric: agent/task_right, min: 0.6}
  - {metric: agent/superfluous_calls, max: 0.2}
"""
WANTED = [("zoom", {"x": 1, "y": 2}), ("read", {"unit": "cm"})]


def message(name: str, arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": json.dumps(arguments)}}]}


def transcript(calls: list[tuple[str, Any]], answer: str) -> list[dict[str, Any]]:
    loop = [one for call in calls for one in (message(*call), {"role": "tool", "content": "done"})]
    return [{"role": "user", "content": "Which colour?"}, *loop, {"role": "assistant", "content": answer}]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, 24, calls=lambda name, i: [{"name": one, "arguments": more} for one, more in WANTED])
    return tmp_path


def play(folder: Path, calls: list[tuple[str, Any]], answer: str | None = None) -> Run:
    """Run the suite on one transcript for all samples, with the right answer by default."""
    told = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    lines = [json.dumps({"id": one["id"], "messages": transcript(calls, answer or one["answer"])}) for one in told]
    (folder / "agent.jsonl").write_text("\n".join(lines))
    (folder / "agent.yaml").write_text("adapter: agent\ntype: recorded\nfile: agent.jsonl\n")
    (folder / "suite.yaml").write_text(SUITE)
    return harness.run(folder / "suite.yaml", str(folder / "agent.yaml"), out=folder / "runs", report=False, fresh=True)


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["agent"].metrics.items()}


NUMBERS = (
    "exact_match",
    "calls_right",
    "task_right",
    "right_tools",
    "right_arguments",
    "call_order",
    "superfluous_calls",
)


@pytest.mark.parametrize(
    ("calls", "answer", "expected"),
    [
        (WANTED, None, (1, 1, 1, 1, 1, 1, 0)),
        ([("zoom", {"y": 2, "x": 1}), ("read", {"unit": "cm"})], None, (1, 1, 1, 1, 1, 1, 0)),
        (WANTED, "mauve", (0, 1, 0, 1, 1, 1, 0)),
        ([], None, (1, 0, 0, 0, 0, 0, 0)),
        (WANTED[::-1], None, (1, 0, 0, 1, 1, 0.5, 0)),
        ([("zoom", {"x": 9}), WANTED[1]], None, (1, 0, 0, 1, 0.5, 1, 0)),
        ([*WANTED, ("read", {"unit": "cm"}), ("erase", {})], None, (1, 0, 0, 1, 1, 1, 0.5)),
    ],
)
def test_each_thing_that_goes_wrong_has_a_number_of_its_own(rows: Path, calls, answer, expected) -> None:
    found = values(play(rows, calls, answer))
    assert [found[name] for name in NUMBERS] == pytest.approx(list(expected))


def test_a_right_answer_without_its_calls_fails_the_gate_and_is_told(rows: Path) -> None:
    made = play(rows, [])
    assert made.record.gates[0].verdict == "fail"
    assert "right more often" in made.record.tasks["agent"].findings[0].text
    assert all(one.verdict == "pass" for one in play(rows, WANTED).record.gates)


def test_the_final_answer_is_scored_again_from_the_record(rows: Path) -> None:
    assert harness.score(play(rows, WANTED), "exact_match")["agent/clean"].value == 1.0


def test_runs_of_two_agents_are_compared(rows: Path) -> None:
    good, bad = play(rows, WANTED), play(rows, WANTED[:1])
    moved = {one.name: one for one in harness.compare(good, bad).deltas}
    assert (moved["agent/right_tools"].before, moved["agent/right_tools"].after) == (1.0, 0.5)


@pytest.mark.parametrize("text", ["", "red", "[1]", "{}", '{"messages": 3}'])
def test_what_is_no_transcript_is_none(text: str) -> None:
    assert read_transcript(text) is None


def test_calls_that_are_broken_are_calls_all_the_same() -> None:
    read = read_transcript('[{"role": "assistant", "tool_calls": [{"function": 3}, {"name": "a", "arguments": "{"}]}]')
    assert read is not None
    assert [tuple(one) for one in read.calls] == [("", ""), ("a", "{")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no answer"),
        ("{", "agent.jsonl:1: not JSON"),
        ('{"id": 3, "answer": "x"}', "the `id` of its sample"),
        ('{"id": "a"}', "no `answer`"),
        ('{"id": "a", "answer": "x"}\n{"id": "a", "answer": "y"}', ":2: the id 'a' stands twice"),
    ],
)
def test_a_file_of_answers_that_is_broken_is_refused_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    from harness.adapters.recorded import RecordedAdapter, RecordedConfig

    (tmp_path / "agent.jsonl").write_text(content)
    with pytest.raises(AdapterError, match=said):
        RecordedAdapter.from_config(RecordedConfig(file="agent.jsonl"), tmp_path)


def test_data_without_calls_are_refused(tmp_path: Path, bind) -> None:
    pictures(tmp_path, 6)
    with pytest.raises(SpecError, match="gives no `calls`"):
        bind(SUITE)
