"""Captions: who describes what it sees, who says the same of everything, and a second model that looks too."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import harness
from harness.errors import SpecError
from harness.record import Run
from harness.tasks.caption import _Shape
from harness.types import Request, Response
from tests.tasks.seeing import COLOURS, NAMES, Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: told
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  told: {kind: caption, dataset: rows, slices: [half], metrics: [rouge_l, cider_d, bleu4]}
gates:
  - {metric: "told/lead[mismatched]", min: 0.2}
  - {metric: "told/lead[constant]", min: 0.2}
  - {metric: told/repetition, max: 0.3}
  - {metric: told/rouge_l, min: 0.5}
  - {metric: told/rouge_l, max_drop: 0.2}
"""
THINGS = {
    "red": "fire engine door",
    "green": "fresh meadow grass",
    "blue": "deep summer sky",
    "yellow": "ripe lemon peel",
    "white": "new winter snow",
    "black": "cold coal dust",
}
SCORED = SUITE.replace("slices:", "scorer: eye.yaml, slices:")

SCORER = """\
import numpy as np

NAMES = {names!r}
COLOURS = {colours!r}


class Eye:
    def __call__(self, prompt, images):
        return ""

    def embed(self, images):
        points = [np.asarray(one.convert("RGB"), float)[0, 0] for one in images]
        seen = [min(NAMES, key=lambda name: abs(point - COLOURS[name]).sum()) for point in points]
        return np.stack([np.eye(len(NAMES), dtype=np.float32)[NAMES.index(name)] for name in seen])

    def embed_text(self, texts):
        return np.array([[float(name in text) for name in NAMES] for text in texts], np.float32) + 1e-3
"""


class Teller(Eye):
    """Describes the colour in words."""

    def say(self, prompt: str, seen: str) -> str:
        return f"{seen} {THINGS[seen]}"


class Stuck(Teller):
    """Describes it, and cannot end."""

    def say(self, prompt: str, seen: str) -> str:
        return f"{super().say(prompt, seen)} " * 6


class Polite(Sightless, Teller):
    """Tells one caption of everything."""


class Mute(Teller):
    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response("") for _ in requests]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, 24, answer=lambda name, i: [f"{name} {THINGS[name]}", f"all {name}"])
    (tmp_path / "eye.py").write_text(SCORER.format(names=NAMES, colours=COLOURS))
    (tmp_path / "eye.yaml").write_text("adapter: eye\ntype: python\ntarget: eye.py:Eye\n")
    return tmp_path


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["told"].metrics.items()}


def test_who_sees_is_ahead_of_other_pictures_captions_and_of_one_for_all(rows: Path) -> None:
    found = values(run(SUITE, Teller, rows))
    assert (found["rouge_l"], found["bleu4"], found["repetition"], found["caption_length"]) == (1.0, 1.0, 0.0, 4.0)
    for control in ("mismatched", "constant"):
        assert found[f"lead[{control}]"] == pytest.approx((found["rouge_l"] or 0) - (found[f"rouge_l[{control}]"] or 0))
        assert (found[f"lead[{control}]"] or 0) > 0.1
        assert (found[f"cider_d[{control}]"] or 0) < (found["cider_d"] or 0)
    assert found["rouge_l[half=second]"] == 1.0


@pytest.mark.parametrize(
    ("broken", "gate"),
    [(Polite, "told/lead[mismatched]"), (Stuck, "told/repetition"), (Mute, "told/rouge_l")],
)
def test_each_way_to_describe_badly_fails_its_own_gate(rows: Path, broken: type[Eye], gate: str) -> None:
    good = run(SUITE, Teller, rows)
    assert {one.metric: one.verdict for one in good.record.gates if not one.rule.startswith("drop")}[gate] == "pass"
    assert verdict(SUITE, broken, good, rows) == "fail"
    judged = run(SUITE, broken, rows).record.gates
    assert "pass" not in [one.verdict for one in judged if one.metric == gate]  # who says nothing was never scored


def test_one_caption_for_all_is_said_to_be_one(rows: Path) -> None:
    (first, *_) = [one.text for one in run(SUITE, Polite, rows).record.tasks["told"].findings]
    assert first.startswith("captions are not shown to be better than those of other pictures")


def test_a_second_model_sees_whether_the_words_fit_the_picture(rows: Path) -> None:
    made, blind = run(SCORED, Teller, rows), run(SCORED, Polite, rows)
    good, bad = values(made), values(blind)
    assert good["clip_score"] == pytest.approx(2.5, abs=0.01)
    assert good["ref_clip_score"] == pytest.approx(2.5 * 2 / 3.5, abs=0.01)
    assert good["clip_score[mismatched]"] < 0.5  # of some other picture that is in the same colour
    assert bad["clip_score"] == pytest.approx(2.5 / 6, abs=0.02)
    assert made.record.tasks["told"].config["scorer"]["type"] == "python"


def test_a_caption_that_is_empty_fits_nothing(rows: Path) -> None:
    found = values(run(SCORED, Mute, rows))
    assert (found["clip_score"], found["rouge_l"], found["caption_length"]) == (0.0, 0.0, 0.0)


def test_captions_are_scored_again_from_the_record_to_the_same_numbers(rows: Path) -> None:
    made = run(SCORED, Teller, rows)
    for name in ("rouge_l", "cider_d"):
        again = harness.score(made, name)
        assert again["told/clean"].value == values(made)[name]
        assert again["told/constant"].value == values(made)[f"{name}[constant]"]


def test_a_run_that_was_stopped_ends_as_one_that_was_not(rows: Path, monkeypatch) -> None:
    continued, whole = resumed(SCORED, rows, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


def test_a_scorer_that_is_not_there_is_refused_at_its_key(rows: Path, bind) -> None:
    with pytest.raises(SpecError, match=r"eyes\.yaml"):
        bind(SCORED.replace("eye.yaml", "eyes.yaml"))


@pytest.mark.parametrize(
    ("text", "again", "runs"),
    [("", 0, 0), ("a b c", 0, 0), ("a b c d", 0, 1), ("a b c d " * 3, 5, 9), ("x " * 9, 5, 6)],
)
def test_repetition_counts_runs_of_four_that_were_said_before(text: str, again: int, runs: int) -> None:
    sums = _Shape().score(text, ["a"]).sums
    assert (sums["repeated"], sums["runs"]) == (again, runs)
