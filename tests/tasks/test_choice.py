"""Multiple choice: which option counts as chosen, in which orders, and what a preference for a letter looks like."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import harness
from harness.errors import SpecError
from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import NAMES, Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: choices
version: 1
seed: 3
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  which: {{kind: choice, dataset: rows, slices: [half]{keys}}}
gates:
  - {{metric: which/accuracy, max_drop: 0.3}}
"""


def suite(**keys: Any) -> str:
    return SUITE.format(keys="".join(f", {key}: {value}" for key, value in keys.items()))


def options(name: str, number: int) -> list[str]:
    """Return a row's options, the right one at another place in each."""
    others = [one for one in NAMES if one != name][:3]
    others.insert(number % 4, name)
    return others


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, choices=options)
    return tmp_path


def metrics(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["which"].metrics.items()}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"by": "text"},
        {"by": "likelihood"},
        {"by": "letter_likelihood"},
        {"by": "likelihood", "normalise": "length"},
        {"by": "likelihood", "normalise": "prior"},
        {"orders": "shuffled"},
        {"orders": "circular"},
    ],
)
def test_a_model_that_sees_is_right_in_every_form(rows: Path, keys: dict[str, str]) -> None:
    found = metrics(run(suite(**keys), Eye, rows))
    assert (found["accuracy"], found["accuracy[half=first]"], found["chance"]) == (1.0, 1.0, 0.25)


def test_an_even_chance_is_no_skill_and_a_constant_letter_is_a_bias(rows: Path) -> None:
    class OnlyB(Eye):
        def generate(self, requests: Sequence[Request]) -> list[Response]:
            return [Response("(B)") for _ in requests]

    made = run(suite(orders="circular"), OnlyB, rows)
    found = metrics(made)
    assert (found["accuracy"], found["all_right"]) == (0.25, 0.0)
    assert found["letter_bias"] == pytest.approx(0.75)
    (said,) = [one.text for one in made.record.tasks["which"].findings]
    assert said.startswith("the model prefers B: it is chosen more often than right by 0.750")
    assert metrics(run(suite(orders="circular"), Eye, rows))["letter_bias"] == 0.0


def test_rotations_put_every_option_in_every_place_once(rows: Path, bind) -> None:
    task = bind(suite(orders="circular")).tasks["which"]
    (cell,) = task.cells()
    asked = task.requests(cell, next(iter(task.samples(cell))), oracle=True)
    shown = [[line[3:] for line in one.prompt.splitlines() if line[1:3] == ". "] for one in asked]
    assert [one.part for one in asked] == ["order-0", "order-1", "order-2", "order-3"]
    assert all(sorted(place) == sorted(shown[0]) for place in zip(*shown, strict=True))
    assert [one.oracle.references for one in asked if one.oracle] == [("A",), ("D",), ("C",), ("B",)]


def test_rows_of_one_group_are_right_together_or_not_at_all(tmp_path: Path) -> None:
    class Unsteady(Eye):
        """Does not know yellow."""

        def see(self, image: Image.Image | None) -> str:
            return {"yellow": "red"}.get(super().see(image), super().see(image))

    pictures(tmp_path, choices=options, group=lambda name, i: f"g{i // 2}")
    one = run(suite(), Unsteady, tmp_path).record.tasks["which"].metrics["all_right"]
    assert (one.value, one.n) == (pytest.approx(8 / 12), 12)


def test_options_that_are_letters_stay_where_they_are(bind, write) -> None:
    row = {"question": "Which part?", "answer": "B", "choices": ["A", "B", "C"]}
    write("rows.jsonl", json.dumps(row))
    task = bind(suite(orders="circular").replace("slices: [half]", "slices: []")).tasks["which"]
    (cell,) = task.cells()
    (sample,) = task.samples(cell)
    assert len(task.requests(cell, sample, oracle=False)) == 1
    assert task.score(sample, [Response("B")])["accuracy"].value == 1.0


def test_a_shuffle_depends_on_seed_and_sample_alone(rows: Path, bind) -> None:
    def prompts(text: str) -> list[str]:
        task = bind(text).tasks["which"]
        (cell,) = task.cells()
        return [task.requests(cell, sample, oracle=False)[0].prompt for sample in task.samples(cell)]

    once = prompts(suite(orders="shuffled"))
    assert once == prompts(suite(orders="shuffled"))
    assert once != prompts(suite(orders="shuffled").replace("seed: 3", "seed: 4"))


def test_the_prior_takes_away_what_is_likely_without_the_question(rows: Path) -> None:
    class Fond(Eye):
        """Finds red likely whatever it is asked."""

        def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
            known = super().score_text(request, candidates)
            return [value / 9 + 3 * (text == "red") - 3 for value, text in zip(known, candidates, strict=True)]

    plain, normed = (metrics(run(suite(by="likelihood", normalise=one), Fond, rows)) for one in ("none", "prior"))
    assert plain["accuracy"] is not None
    assert plain["accuracy"] < 0.5
    assert normed["accuracy"] == 1.0


def test_a_longer_option_is_no_less_likely_by_length(tmp_path: Path) -> None:
    class ByLetter(Eye):
        def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
            return [-float(len(text)) * (1 if text == "yellow" else 1.1) for text in candidates]

    row = {"question": "?", "image": "0.png", "answer": "B", "choices": ["red", "yellow"]}
    pictures(tmp_path).write_text(json.dumps(row))
    plain, normed = (
        metrics(
            run(suite(by="likelihood", slices="[]", normalise=one).replace(", slices: [half]", ""), ByLetter, tmp_path)
        )
        for one in ("none", "length")
    )
    assert (plain["accuracy"], normed["accuracy"]) == (0.0, 1.0)


def test_wrong_options_are_drawn_from_answers_of_the_same_kind_and_never_right(tmp_path: Path, bind) -> None:
    pictures(tmp_path)
    task = bind(suite(distractors=3, distractors_by="half")).tasks["which"]
    (cell,) = task.cells()
    for sample in task.samples(cell):
        choices = list(sample.facts["choices"])  # type: ignore[arg-type]
        assert len(set(choices)) == 4
        assert choices["ABCD".index(sample.references[0])] == NAMES[int(sample.id[1:]) % 6]
    assert metrics(run(suite(distractors=3), Eye, tmp_path))["accuracy"] == 1.0


def test_a_question_without_its_right_option_is_not_asked_and_counts_nowhere(tmp_path: Path) -> None:
    pictures(tmp_path, choices=lambda name, i: [] if i == 0 else ["grey", "brown"] if i == 1 else options(name, i))
    made = run(suite(), Eye, tmp_path)
    one = made.record.tasks["which"].metrics["accuracy"]
    assert (one.value, one.n, one.statuses) == (1.0, 22, {"ok": 22, "undefined": 2})


def test_an_answer_that_names_no_option_is_unparsed_and_wrong(rows: Path) -> None:
    class Rambles(Eye):
        def generate(self, requests: Sequence[Request]) -> list[Response]:
            return [Response("Hard to say.") for _ in requests]

    one = run(suite(), Rambles, rows).record.tasks["which"].metrics["accuracy"]
    assert (one.value, one.statuses) == (0.0, {"unparsed": 24})


def test_a_planted_blindness_fails_the_gate_and_the_same_model_passes(rows: Path) -> None:
    good = run(suite(), Eye, rows)
    assert verdict(suite(), Sightless, good, rows) == "fail"
    assert verdict(suite(), Eye, good, rows) == "pass"


def test_a_run_that_was_stopped_ends_as_one_that_was_not(rows: Path, monkeypatch) -> None:
    continued, whole = resumed(suite(orders="circular"), rows, monkeypatch)
    assert continued.record.tasks == whole.record.tasks
    assert continued.record.responses == whole.record.responses


def test_stored_choices_are_scored_again_whatever_the_order_was(rows: Path) -> None:
    made = run(suite(orders="shuffled"), Eye, rows)
    again = harness.score(made, "exact_match")["which/clean"]
    assert (again.value, again.n) == (1.0, 24)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"by": "likelihood", "orders": "circular"}, "the prompt shows no options"),
        ({"normalise": "prior"}, "no likelihood to normalise"),
        ({"by": "sound"}, "by"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_line(rows: Path, bind, keys: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(suite(**keys))


def test_data_without_options_say_how_to_get_some(tmp_path: Path, bind) -> None:
    pictures(tmp_path)
    with pytest.raises(SpecError, match="dataset 'rows' gives no options"):
        bind(suite())
