"""Variants that must not change an answer: who agrees, who contradicts himself, and who is right in all of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.errors import SpecError
from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import Eye, pictures, resumed, run, verdict

SUITE = """\
suite: same
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
  same:
    kind: consistent
    of: qa
    paraphrases: ["Look. {{ question }}"]
    crops: [0.5]
    sizes: [2]
    negation: {find: 'Is it (\\w+) [?]', put: 'Is it not \\1 ?'}
gates:
  - {metric: same/agreement, max_drop: 0.3}
  - {metric: same/contradiction, max: 0.3}
"""
NO_QUESTIONS = SUITE.replace("    negation: {find: 'Is it (\\w+) [?]', put: 'Is it not \\1 ?'}\n", "").replace(
    "  - {metric: same/contradiction, max: 0.3}\n", ""
)


class Agreeable(Eye):
    """Says yes to whatever is asked, and red where it is told to look."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        seen = super().generate(requests)
        return [
            Response("yes" if one.prompt.startswith("Is ") else "red" if "Look" in one.prompt else answer.text)
            for one, answer in zip(requests, seen, strict=True)
        ]


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["same"].metrics.items()}


@pytest.fixture
def polar(tmp_path: Path) -> Path:
    """Half of the questions are yes/no: is it the colour that it is, or red?"""
    rows = pictures(tmp_path, 48)
    lines = rows.read_text().splitlines()
    for i in range(0, 48, 2):
        colour = ("red", "blue", "white")[i // 2 % 3] if i % 4 else "red"
        right = "yes" if colour == ("red", "blue", "white")[i // 2 % 3] else "no"
        lines[i] = f'{{"id": "s{i:02d}", "image": "{i}.png", "question": "Is it {colour} ?", "answer": "{right}"}}'
    rows.write_text("\n".join(lines))
    return tmp_path


def test_a_model_that_sees_agrees_with_itself_and_is_right_in_every_variant(polar: Path) -> None:
    found = values(run(SUITE, Eye, polar))
    assert (found["agreement"], found["right_in_all"], found["both_right"], found["contradiction"]) == (1, 1, 1, 0)
    assert found["agreement[size@2]"] == found["exact_match[paraphrase@1]"] == found["exact_match[negated]"] == 1.0


def test_one_that_always_says_yes_contradicts_itself_and_is_found_out(polar: Path) -> None:
    good = run(SUITE, Eye, polar)
    made = run(SUITE, Agreeable, polar)
    found = values(made)
    assert (found["contradiction"], found["both_right"]) == (1.0, 0.0)
    assert found["agreement[crop@0.5]"] == 1.0
    assert found["agreement[paraphrase@1]"] is not None
    assert found["agreement[paraphrase@1]"] < 0.3
    assert made.record.tasks["same"].metrics["contradiction"].n == 24
    (said,) = [one.text for one in made.record.tasks["same"].findings]
    assert said.startswith("the model contradicts itself: 1.000")
    assert verdict(SUITE, Agreeable, good, polar) == "fail"
    assert verdict(SUITE, Eye, good, polar) == "pass"


def test_a_rows_own_paraphrases_and_negation_are_asked_and_rows_without_left_out(tmp_path: Path) -> None:
    def facts(name: str, i: int) -> dict[str, object]:
        return {"paraphrases": ["What hue?", "What shade?"][: i % 3]}

    pictures(tmp_path, facts=facts)
    text = NO_QUESTIONS.replace('paraphrases: ["Look. {{ question }}"]', "own_paraphrases: 2")
    metrics = run(text, Eye, tmp_path).record.tasks["same"].metrics
    assert (metrics["agreement[own@1]"].n, metrics["agreement[own@2]"].n) == (16, 8)
    assert metrics["agreement[own@2]"].value == 1.0


def test_an_answer_that_fails_is_not_the_same_and_spelling_is_no_difference(tmp_path: Path) -> None:
    class Shaky(Eye):
        def generate(self, requests: Sequence[Request]) -> list[Response]:
            told = super().generate(requests)
            return [
                Response(
                    ""
                    if "Look" in one.prompt
                    else f" {answer.text}.".upper()
                    if one.images[0].width > 12
                    else answer.text
                )
                for one, answer in zip(requests, told, strict=True)
            ]

    pictures(tmp_path)
    found = values(run(NO_QUESTIONS, Shaky, tmp_path))
    assert (found["agreement[paraphrase@1]"], found["agreement[size@2]"]) == (0.0, 1.0)


def test_multiple_choice_is_asked_again_with_its_options(tmp_path: Path) -> None:
    pictures(tmp_path, choices=lambda name, i: ["red", "green", "blue", "yellow", "white", "black"])
    text = NO_QUESTIONS.replace("{kind: qa, dataset: rows, metrics: [exact_match]}", "{kind: choice, dataset: rows}")
    made = run(text, Eye, tmp_path)
    assert (values(made)["agreement"], values(made)["accuracy[crop@0.5]"]) == (1.0, 1.0)
    assert harness.score(made, "exact_match")["same/size@2"].value == 1.0


def test_crops_keep_the_size_and_sizes_change_it(bind, tmp_path: Path) -> None:
    pictures(tmp_path, 2)
    task = bind(NO_QUESTIONS).tasks["same"]
    shown = {
        cell.id: task.requests(cell, next(iter(task.samples(cell))), oracle=False)[0].images[0] for cell in task.cells()
    }
    assert {name: image.size for name, image in shown.items()} == {
        "clean": (12, 10), "paraphrase@1": (12, 10), "crop@0.5": (12, 10), "size@2": (24, 20),
    }  # fmt: skip
    assert all(isinstance(image, Image.Image) for image in shown.values())


def test_a_run_that_was_stopped_ends_as_one_that_was_not(polar: Path, monkeypatch) -> None:
    continued, whole = resumed(SUITE, polar, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("crops: [0.5]", "crops: [1.0]"), "not above 0 and below 1"),
        (("find: 'Is it (\\w+) [?]'", "find: '('"), "not a regular expression"),
        (("find: 'Is it (\\w+) [?]'", "find: 'Was .*'"), "no yes/no question of the dataset fits it"),
        (('["Look. {{ question }}"]', '["{{ answer }}"]'), "answer"),
    ],
)
def test_what_makes_no_variant_is_refused_at_its_line(polar: Path, bind, change, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(*change))
