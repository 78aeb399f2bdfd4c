"""Labels of questions that are asked several times: a label is one, however many rows have its answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.comparison.asked import asked_answers, asked_pairs
from harness.comparison.labelled import WithLabels
from harness.comparison.labelled_run import run_by_people
from harness.comparison.once import Rows, by_things, things_of
from harness.labels import AnswerLabel, LabelSet
from harness.record import Run
from harness.report.label_session import plan_of
from harness.stats.labelled import by_labels

AT = "2026-03-01T12:00:00+00:00"
SUITE = """\
suite: asked
version: 1
datasets:
  charts: {type: charts, limit: 40}
tasks:
  qa: {kind: qa, dataset: charts, temperature: 0.8, metrics: [exact_match]}
gates:
  - {metric: qa/exact_match, min: 0.5}
"""


def rows(seed: int, count: int, labelled: int, two: bool) -> Rows:
    rng = np.random.default_rng(seed)
    drawn = np.zeros(count, bool)
    drawn[rng.permutation(count)[:labelled]] = True
    values = rng.choice([-1.0, 0.0, 1.0] if two else [0.0, 0.5, 1.0], count)
    truth = np.where(drawn, values, np.nan)
    proxy = values + rng.normal(0, 0.5, count)
    return Rows(truth, drawn, np.ones(count, bool), rng.uniform(0.5, 1.5, count), proxy, np.arange(count) // 2)


def repeated(one: Rows, times: np.ndarray) -> Rows:
    told = (one.truth, one.drawn, one.differ, one.weights, one.proxy, one.clusters)
    return Rows(*(np.repeat(values, times) for values in told))  # type: ignore[arg-type]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 999),
    count=st.integers(6, 60),
    share=st.floats(0.2, 0.9),
    epochs=st.integers(1, 5),
    two=st.booleans(),
)
def test_questions_asked_several_times_and_answered_alike_say_what_they_say_asked_once(
    seed: int, count: int, share: float, epochs: int, two: bool
) -> None:
    one = rows(seed, count, max(2, int(share * count)), two)
    margin = 0.1 if two else None
    once = by_labels(
        one.truth,
        one.drawn,
        differ=one.differ,
        weights=one.weights,
        proxy=one.proxy,
        clusters=one.clusters,
        margin=margin,
    )
    things = np.repeat(np.arange(count), epochs)
    found = by_things(repeated(one, np.full(count, epochs)), things, 0.95, margin)
    for name in ("estimate", "low", "high", "lower_bound", "p_noninferior"):
        assert getattr(found.comparison, name) == pytest.approx(getattr(once.comparison, name), nan_ok=True)
    assert (found.labelled, found.differing, found.rows) == (once.labelled, once.differing, count * epochs)
    if not two:
        assert found.more_within(0.1) == once.more_within(0.1)


@settings(max_examples=30)
@given(seed=st.integers(0, 999), count=st.integers(4, 40))
def test_where_all_is_labelled_the_estimate_is_the_mean_over_rows(seed: int, count: int) -> None:
    times = np.random.default_rng(seed).integers(1, 6, count)
    one = rows(seed, count, count, two=False)
    found = by_things(repeated(one, times), np.repeat(np.arange(count), times), 0.95, None)
    assert found.comparison.estimate == pytest.approx(float(np.average(one.truth, weights=times)))
    assert found.comparison.low <= found.comparison.estimate <= found.comparison.high


def test_rows_that_cannot_be_labelled_are_each_their_own() -> None:
    assert things_of(np.array([1, 2]), ["x", "x"], 4).tolist() == [0, 1, 1, 2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """A simulated model that samples, asked three times."""
    here = tmp_path_factory.mktemp("epochs")
    (here / "asked.yaml").write_text(SUITE)
    (here / "wavers.yaml").write_text("adapter: wavers\ntype: mock\nerror_rate: 0.4\n")

    def made(reducer: str) -> Run:
        told = {"out": here / reducer, "report": False, "epochs": 3, "reducer": reducer}
        return harness.run(here / "asked.yaml", here / "wavers.yaml", **told)  # type: ignore[arg-type]

    return made


def labels_of(run: Run) -> LabelSet:
    (asked,) = asked_answers(run)
    right = dict(zip(asked.names, asked.side.samples.column("score.exact_match").to_pylist(), strict=True))
    of = dict(zip(asked.names, asked.answers, strict=True))
    return LabelSet.of(AnswerLabel(*of[name], value, "ann", AT) for name, value in right.items())


def test_one_answer_given_in_three_epochs_is_asked_about_once_and_its_label_holds_for_all(
    run: Callable[[str], Run],
) -> None:
    made = run("mean")
    (asked,) = asked_answers(made)
    assert len(asked.names) == 120
    assert len({one.split("#")[0] for one in asked.side.samples.text("sample_id").to_pylist()}) == 40
    assert len({key for key, _ in asked.answers}) == 40, "each time has another seed, and the question is the same"
    distinct = len(set(asked.names))
    assert 40 < distinct < 120
    plan = plan_of([made], LabelSet(), 500, "ann")
    assert (len(plan.questions), plan.differing) == (distinct, distinct)
    (found,) = run_by_people(made, WithLabels(labels_of(made)))
    assert (found.found.labelled, found.found.differing, found.found.rows) == (distinct, distinct, 120)
    assert found.own is not None
    assert found.own.n == 40
    assert found.mean.estimate == pytest.approx(found.own.value)


def test_the_first_answers_have_the_labels_of_a_run_without_epochs(run: Callable[[str], Run], tmp_path: Path) -> None:
    made = run("mean")
    folder = made.folder.parent.parent
    once = harness.run(folder / "asked.yaml", folder / "wavers.yaml", out=tmp_path, report=False)
    (plain,), labels = asked_answers(once), labels_of(made)
    assert all(labels.value(*one) is not None for one in plain.answers)


def test_a_reducer_that_makes_another_number_is_told_and_lends_no_bound(run: Callable[[str], Run]) -> None:
    made = run("pass@2")
    (found,) = run_by_people(made, WithLabels(labels_of(made)))
    assert found.own is None
    assert "the score is pass@2 of 3 answers to each question: another number" in found.notes[-1]
    (pairs,) = asked_pairs(made, run("mean"))
    assert pairs.sides[1].record.epochs == 3
