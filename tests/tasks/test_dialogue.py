"""Dialogues: who forgets, who is led astray by itself, whose pictures come later, and what a wrong turn costs."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import harness
from harness.errors import SpecError
from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: talk
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  talk: {kind: dialogue, dataset: rows, slices: [half]}
gates:
  - {metric: "talk/all_turns_right[own]", min: 0.5}
  - {metric: "talk/turn_accuracy[own]", max_drop: 0.2}
"""


class Talker(Eye):
    """Looks at the picture in each turn, whatever was said before."""

    def say(self, prompt: str, seen: str) -> str:
        last = prompt.rpartition("User: ")[2]
        return ("yes" if seen in last else "no") if "Is it" in last else seen

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response(self.say(one.prompt, self.see(one.images[-1]))) for one in requests]


class Tired(Talker):
    """Looks once; where something was said before, it says that it cannot tell."""

    def say(self, prompt: str, seen: str) -> str:
        return "cannot tell" if "Assistant:" in prompt else super().say(prompt, seen)


class Stubborn(Talker):
    """Begins with a mistake and believes whatever it said: right only where it is led back."""

    def say(self, prompt: str, seen: str) -> str:
        if "Assistant:" not in prompt:
            return "mauve"
        return super().say(prompt, seen) if f"Assistant: {seen}" in prompt else "mauve"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    def turns(name: str, number: int) -> list[dict[str, object]]:
        return [
            {"question": "Which colour?", "answer": name},
            {"question": f"Is it {name}?", "answer": ["yes", "yes."]},
            {"question": "Once more, which?", "answer": name},
        ]

    pictures(tmp_path, 24, turns=turns)
    return tmp_path


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["talk"].metrics.items()}


def test_who_looks_every_time_is_right_in_every_turn(rows: Path) -> None:
    found = values(run(SUITE, Talker, rows))
    assert (found["turn_accuracy[own]"], found["all_turns_right[own]"], found["degradation[own]"]) == (1.0, 1.0, 0.0)
    assert (found["own_answers_cost"], found["turn_accuracy[own][half=first]"]) == (0.0, 1.0)


def test_what_falls_from_turn_to_turn_is_told_by_turn(rows: Path) -> None:
    found = values(run(SUITE, Tired, rows))
    assert [found[f"turn_accuracy[turn={turn}][own]"] for turn in (1, 2, 3)] == [1.0, 0.0, 0.0]
    assert (found["degradation[own]"], found["all_turns_right[own]"]) == (1.0, 0.0)


def test_the_right_answers_before_a_turn_show_what_its_own_cost(rows: Path) -> None:
    found = values(run(SUITE, Stubborn, rows))
    assert found["turn_accuracy[own]"] == 0.0
    assert found["turn_accuracy[given]"] == pytest.approx(2 / 3)
    assert found["own_answers_cost"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("broken", [Tired, Stubborn])
def test_a_model_that_falls_in_later_turns_fails_its_gate(rows: Path, broken: type[Eye]) -> None:
    good = run(SUITE, Talker, rows)
    assert verdict(SUITE, Talker, good, rows) == "pass"
    assert verdict(SUITE, broken, good, rows) == "fail"


def test_pictures_come_with_their_turns(tmp_path: Path) -> None:
    pictures(tmp_path, 6)
    told = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    lines = []
    for at, one in enumerate(told):
        other = told[(at + 1) % 6]
        turns = [
            {"question": "Which?", "answer": one["answer"], "images": 1},
            {"question": "And now?", "answer": other["answer"], "images": 1},
        ]
        row = {"id": one["id"], "images": [one["image"], other["image"]], "question": "", "answer": "", "turns": turns}
        lines.append(json.dumps(row))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    assert values(run(SUITE.replace(", slices: [half]", ""), Talker, tmp_path))["all_turns_right[own]"] == 1.0


def test_questions_about_one_image_are_a_dialogue(tmp_path: Path) -> None:
    pictures(tmp_path, 12, cluster=lambda name, i: f"c{i // 3}")
    made = run(SUITE.replace("dataset: rows, slices: [half]", "dataset: rows, by: cluster"), Sightless, tmp_path)
    found = made.record.tasks["talk"].metrics["turn_accuracy[own]"]
    assert (found.n, found.value) == (4, pytest.approx(1 / 6))


def test_the_last_turn_is_scored_again_from_the_record(rows: Path) -> None:
    again = harness.score(run(SUITE, Talker, rows), "exact_match")["talk/own"]
    assert (again.value, again.n) == (1.0, 24)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(rows: Path, monkeypatch) -> None:
    continued, whole = resumed(SUITE, rows, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("slices: [half]", "turn: '{{ question'"), "no Jinja template"),
        (("slices: [half]", "metrics: [cer]"), "from 0 to 1 where higher is better"),
    ],
)
def test_what_cannot_be_asked_in_turns_is_refused_at_its_key(rows: Path, bind, change, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(*change))


def test_data_without_turns_are_refused_with_the_way_out(tmp_path: Path, bind) -> None:
    pictures(tmp_path, 6)
    with pytest.raises(SpecError, match="gives no `turns`"):
        bind(SUITE)
