"""What answers take: a sample and a right answer, from the cache and not, and which runs are worth it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.front import fronts
from harness.engine.spending import Spending
from harness.errors import SpecError
from harness.estimate.intervals import _turned
from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: dear
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
  spent: {kind: cost, of: qa}
gates:
  - {metric: spent/tokens_per_correct, max: 30}
"""


class Frugal(Eye):
    """Reads ten tokens and writes two."""

    written = 2

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [
            Response(one.text, tokens_in=10, image_tokens=4, tokens_out=self.written)
            for one in super().generate(requests)
        ]


class Blind(Sightless, Frugal):
    """Is right in one question of six, and takes as much for each."""


class Never(Frugal):
    """Takes as much, and is never right."""

    def say(self, prompt: str, seen: str) -> str:
        return "nothing"


class Wordy(Frugal):
    """Is as right, and writes forty."""

    written = 40


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["spent"].metrics.items()}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, 48)
    return tmp_path


def test_amounts_are_by_sample_and_by_right_answer(rows: Path) -> None:
    good, blind = values(run(SUITE, Frugal, rows)), values(run(SUITE, Blind, rows))
    assert (good["right"], good["tokens_per_sample"], good["tokens_per_correct"]) == (1.0, 12.0, 12.0)
    assert (blind["right"], blind["tokens_per_sample"]) == (pytest.approx(1 / 6), 12.0)
    assert blind["tokens_per_correct"] == pytest.approx(72.0)
    assert (blind["image_tokens_per_correct"], blind["images_per_correct"]) == (24.0, 6.0)
    assert (good["seconds_per_sample"] or 0) > 0
    assert good["cost_per_sample"] is None  # the adapter has no prices


@pytest.mark.parametrize(("broken", "said"), [(Blind, "fail"), (Wordy, "fail"), (Never, "inconclusive")])
def test_what_costs_more_a_right_answer_does_not_pass(rows: Path, broken: type[Eye], said: str) -> None:
    good = run(SUITE, Frugal, rows)
    assert verdict(SUITE, Frugal, good, rows) == "pass"
    assert verdict(SUITE, broken, good, rows) == said


def test_the_interval_of_a_right_answers_cost_has_its_value_in_it(rows: Path) -> None:
    found = run(SUITE, Blind, rows).record.tasks["spent"].metrics["tokens_per_correct"]
    assert found.low is not None
    assert found.high is not None
    assert found.low < (found.value or 0) < found.high
    assert found.method.startswith("Gaffke of the reciprocal")


def test_the_interval_covers_what_a_right_answer_costs() -> None:
    rng, true, missed = np.random.default_rng(5), 45 / 0.3, 0
    for _ in range(60):
        right, cost = (rng.random(40) < 0.3) * 1.0, rng.gamma(2, 20, 40) + 5
        low, high, _ = _turned(cost, right, 0.95)
        missed += not low <= true <= high
    assert missed <= 6


def test_a_task_alone_brings_the_one_that_it_reads(rows: Path) -> None:
    assert set(run(SUITE, Frugal, rows, only=["spent"]).record.tasks) == {"qa", "spent"}


def test_repeats_of_a_question_each_take_what_they_take(rows: Path) -> None:
    found = run(SUITE, Frugal, rows, epochs=2).record.tasks["spent"].metrics["tokens_per_correct"]
    assert found.value == 12.0


def test_a_run_that_was_stopped_ends_as_one_that_was_not_but_for_its_seconds(rows: Path, monkeypatch) -> None:
    continued, whole = resumed(SUITE, rows, monkeypatch)
    ignored = {"seconds_per_sample", "seconds_per_correct"}
    kept = [
        {name: one for name, one in made.record.tasks["spent"].metrics.items() if name not in ignored}
        for made in (continued, whole)
    ]
    assert kept[0] == kept[1]


def test_an_answer_from_the_cache_has_tokens_and_no_seconds(rows: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    first, again = (values(run(SUITE, Frugal, rows, fresh=True)) for _ in range(2))
    assert first["tokens_per_sample"] == again["tokens_per_sample"] == 12.0


def test_money_is_by_the_prices_and_seconds_are_a_share_of_the_batch() -> None:
    class Row:
        def __init__(self, batch: int, seconds: float | None) -> None:
            self.tokens_in, self.image_tokens, self.tokens_out = 1_000_000, None, 500_000
            self.batch, self.batch_seconds = batch, seconds

    spent = Spending({"input": 2.0, "output": 8.0, "currency": "USD"})
    for row in (Row(0, 3.0), Row(0, 3.0), Row(0, None), Row(1, 3.0)):
        spent.take(row)  # type: ignore[arg-type]
    spent.fill(1)
    found = spent.columns()
    assert found["cost"].tolist()[:4] == [6.0] * 4
    assert np.array_equal(found["seconds"], [1.5, 1.5, np.nan, 3.0, np.nan], equal_nan=True)


def test_a_run_is_behind_another_for_certain_only_where_intervals_say_so(rows: Path) -> None:
    frugal, wordy, blind = (run(SUITE, model, rows) for model in (Frugal, Wordy, Blind))
    (front,) = fronts([frugal, blind])
    assert front.axes[:2] == ("right", "tokens_per_sample")
    assert "right" not in front.standings[1].open  # one in six is not six in six
    (front,) = fronts([frugal, wordy])
    assert "right" in front.standings[1].open or not front.standings[1].behind  # both are right in all of few
    assert not front.standings[0].behind or front.standings[0].open


def test_the_front_is_told_on_the_command_line(rows: Path) -> None:
    made = [run(SUITE, model, rows).record.run_id for model in (Frugal, Blind)]
    ask = [sys.executable, "-m", "harness", "cost", *made, "--runs", str(rows / "runs")]
    told = subprocess.run([*ask, "--json"], capture_output=True, text=True, check=True).stdout
    assert [one["task"] for one in json.loads(told)] == ["spent"]
    shown = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    assert "tokens_per_sample" in " ".join(shown.split())


def test_a_task_that_is_not_there_is_refused_at_its_key(rows: Path, bind) -> None:
    with pytest.raises(SpecError, match="does not stand before this one"):
        bind(SUITE.replace("of: qa", "of: qb"))
