"""Questions with a wrong premise: who objects to everything, to nothing, or where it should."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import Eye, pictures, resumed, run, verdict

SUITE = """\
suite: premises
version: 1
seed: 2
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  premises:
    {kind: premise, dataset: rows, objects: answers, per_image: 2, question: "How large is the {{ object }} one?"}
gates:
  - {metric: premises/premises_caught, max_drop: 0.3}
  - {metric: premises/premise_accuracy, min: 0.7}
"""


class Doubter(Eye):
    """Says so where the picture does not show what it is asked about."""

    def say(self, prompt: str, seen: str) -> str:
        (name,) = re.findall(r"the (\w+) one", prompt)
        return "Quite large." if name == seen else f"I do not see a {name} one in the picture."


class Trusting(Eye):
    """Takes everybody at their word."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response("Quite large.") for _ in requests]


class Denying(Eye):
    """Objects to everything: looks perfect where only wrong premises are asked about."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response("There is none.") for _ in requests]


class Mute(Eye):
    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response("") for _ in requests]


def values(made: Run) -> tuple[float | None, ...]:
    found = made.record.tasks["premises"].metrics
    return tuple(found[name].value for name in ("premise_accuracy", "premises_caught", "premises_denied"))


@pytest.mark.parametrize(
    ("model", "expected"),
    [(Doubter, (1.0, 1.0, 0.0)), (Trusting, (0.5, 0.0, 0.0)), (Denying, (0.5, 1.0, 1.0)), (Mute, (0.0, 0.0, 0.0))],
)
def test_who_doubts_where_it_should_is_told_from_who_always_or_never_does(
    tmp_path: Path, model: type[Eye], expected: tuple[float, ...]
) -> None:
    pictures(tmp_path)
    assert values(run(SUITE, model, tmp_path)) == expected


def test_the_finding_says_what_is_taken_for_granted_and_what_is_denied(tmp_path: Path) -> None:
    pictures(tmp_path)
    told = [run(SUITE, model, tmp_path).record.tasks["premises"].findings for model in (Doubter, Trusting, Denying)]
    said = [[one.text for one in found] for found in told]
    assert said[0] == []
    assert said[1][0].startswith("it objects to 0.000 [0.000")
    assert said[2][0].startswith("it says of 1.000 [")


def test_a_model_that_began_to_trust_fails_the_gates(tmp_path: Path) -> None:
    pictures(tmp_path)
    good = run(SUITE, Doubter, tmp_path)
    assert verdict(SUITE, Trusting, good, tmp_path) == "fail"
    assert verdict(SUITE, Doubter, good, tmp_path) == "pass"


def test_a_run_that_was_killed_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path)
    continued, whole = resumed(SUITE, tmp_path, monkeypatch, Doubter)
    assert values(continued) == values(whole)


def test_as_many_premises_are_right_as_wrong(bind, tmp_path: Path) -> None:
    pictures(tmp_path)
    task = bind(SUITE).tasks["premises"]
    samples = [sample for cell in task.cells() for sample in task.samples(cell)]
    assert [one.references[0] for one in samples].count("none") == len(samples) / 2
    assert all(one.question.startswith("How large is the ") for one in samples)
