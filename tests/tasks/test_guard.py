"""The guard: three tiers over labelled answers, made wrong in ways that a model might get them wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.seeds import Stream
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks import Measures
from harness.tasks.guard import GuardTask
from harness.tasks.guard.corruptions import CORRUPTIONS, Facts

SUITE = """\
suite: s
version: 1
seed: 3
datasets: {charts: {type: charts, limit: 60}}
tasks:
  guard:
    kind: guard
    dataset: charts
    answers: evidence_lines
    flag_below: 1.0
    reject_below: 0.5
"""
FACTS = Facts("C red 41\nB blue 83\nD green 12", ("purple", "bridge", "red", "C"))


@pytest.fixture
def run(bind: Callable[[str], Suite], tmp_path: Path) -> Run:
    folder, _ = run_suite(bind(SUITE), read_adapter("mock"), RunOptions(out=tmp_path), Silent())
    return Run(folder)


@pytest.mark.parametrize("name", CORRUPTIONS)
@given(st.integers(0, 10_000))
def test_a_corruption_is_seeded_and_always_wrong(name: str, seed: int) -> None:
    found = CORRUPTIONS[name]("C red 41", FACTS, Stream(seed))
    assert found is not None
    assert found != "C red 41"
    assert found not in FACTS.evidence
    assert found == CORRUPTIONS[name]("C red 41", FACTS, Stream(seed))


@given(st.integers(0, 10_000))
def test_a_changed_number_is_a_plausible_one_that_the_evidence_does_not_hold(seed: int) -> None:
    found = CORRUPTIONS["number_changed"]("41", FACTS, Stream(seed))
    assert found is not None
    assert found not in ("41", "83", "12")
    assert 41 * 0.58 <= float(found) <= 41 * 1.42


def test_each_corruption_does_what_its_name_says() -> None:
    assert CORRUPTIONS["number_swapped"]("41", FACTS, Stream(1)) in ("83", "12")
    swapped = {CORRUPTIONS["entity_swapped"]("red", FACTS, Stream(seed)) for seed in range(20)}
    assert swapped == {"blue", "green"}
    units = {CORRUPTIONS["unit_error"]("41", FACTS, Stream(seed)) for seed in range(40)}
    assert units == {"4.1", "0.41", "41000", "41 %", "41 k"}
    absent = {CORRUPTIONS["absent_object"]("red", FACTS, Stream(seed)) for seed in range(20)}
    assert absent == {"purple", "bridge"}


@pytest.mark.parametrize(
    ("name", "answer", "facts"),
    [
        ("number_changed", "red", FACTS),
        ("number_swapped", "41", Facts("C red 41", ())),
        ("entity_swapped", "41", FACTS),
        ("unit_error", "0", FACTS),
        ("absent_object", "red", Facts("C red 41", ("red",))),
    ],
)
def test_an_answer_with_nothing_to_make_wrong_is_left_out(name: str, answer: str, facts: Facts) -> None:
    assert CORRUPTIONS[name](answer, facts, Stream(0)) is None


def test_the_guard_needs_no_model_and_leaves_every_answer_with_its_tier(run: Run, bind: Callable[..., Suite]) -> None:
    task = bind(SUITE).tasks["guard"]
    assert isinstance(task, GuardTask)
    assert not isinstance(task, Measures)
    assert task.requires == frozenset()
    rows = run.table().to_pylist()
    assert len(rows) == 60 * 6
    row = next(row for row in rows if row["cell"] == "number_changed")
    assert row["score.guard_score"] < 1
    assert row["score.tier"] in (1, 2)
    assert row["response"]
    assert set(run.record.tasks["guard"].metrics) == {one.name for one in task.statistics()}


def test_what_is_caught_and_what_the_guard_is_blind_to_is_said_corruption_by_corruption(run: Run) -> None:
    found: Mapping[str, Any] = run.record.tasks["guard"].metrics
    assert found["guard_recall[number_changed]"].value == 1.0
    assert found["guard_recall[absent_object]"].value == 1.0
    assert found["guard_recall[number_swapped]"].value == 0.0  # every word and number of it stands in the evidence
    assert found["guard_precision"].value == 1.0
    assert 0.4 < found["guard_recall"].value < 0.9
    assert found["fallback_rate[sound]"].value == 0.0
    assert found["fallback_rate[sound]"].direction == "lower"
    assert found["fallback_rate[hallucinated]"].direction == "higher"
    assert 0.5 < found["auroc"].value < 1
    said = [finding.text for finding in run.record.tasks["guard"].findings]
    assert any("blind to number_swapped" in text for text in said)
    assert all(value.low <= value.value <= value.high for value in found.values() if value.n)
    assert found["guard_precision_reject"].n == 0  # nothing scores so low


def test_confusion_counts_every_answer_once(run: Run) -> None:
    (table,) = run.record.tasks["guard"].tables
    assert table.columns == ["answers", "pass", "flag", "reject", "could not be made"]
    counts = {row[0]: [int(str(count)) for count in row[1:]] for row in table.rows}
    assert all(sum(row) == 60 for row in counts.values())
    assert counts["sound"] == [60, 0, 0, 0]


def test_thresholds_are_swept_with_their_cost(run: Run) -> None:
    sweep, cost = run.record.tasks["guard"].charts
    recall = next(line for line in sweep.lines if line.name == "recall")
    assert [*recall.y] == sorted(y for y in recall.y if y is not None)
    assert recall.y[0] == 0
    least = next(mark for mark in cost.marks if mark.label == "least cost")
    assert least.y == min(y for y in cost.lines[0].y if y is not None)


def test_the_cost_is_that_of_the_decisions_at_the_declared_prevalence(run: Run) -> None:
    (table,) = run.record.tasks["guard"].tables
    wrong = [[int(str(count)) for count in row[1:]] for row in table.rows if row[0] != "sound"]
    passed, flagged, rejected = (sum(row[i] for row in wrong) for i in range(3))
    expected = 0.1 * (10 * passed + flagged) / (passed + flagged + rejected)
    cost = run.record.tasks["guard"].metrics["cost"]
    assert cost.value == pytest.approx(expected)
    assert cost.direction == "lower"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("dataset: chart", "did you mean 'charts'"),
        ("score: groundng_score", "did you mean 'grounding_score'"),
        ("corruptions: [number_change]", "did you mean 'number_changed'"),
        ("flag_below: 0.3", "must score below what is flagged"),
        ("undefined: maybe", "pass"),
    ],
)
def test_a_mistake_is_named(bind: Callable[[str], Suite], change: str, said: str) -> None:
    key = change.partition(":")[0]
    lines = [line for line in SUITE.splitlines() if not line.strip().startswith(f"{key}:")]
    with pytest.raises(SpecError, match=said):
        bind("\n".join([*lines, f"    {change}"]))


def test_data_without_evidence_is_refused(bind: Callable[[str], Suite], write: Callable[..., Path]) -> None:
    write("d.jsonl", '{"question": "q", "answer": "a"}')
    text = SUITE.replace("charts: {type: charts, limit: 60}", "charts: {type: jsonl, path: d.jsonl}")
    with pytest.raises(SpecError, match="have no evidence to check against"):
        bind(text)
