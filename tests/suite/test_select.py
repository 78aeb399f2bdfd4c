"""Some tasks, some samples, several epochs: asked as in the whole, reduced as is said, and recorded."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.adapters.mock import MockAdapter
from harness.engine.options import Silent
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.errors import UsageError
from harness.estimate.reduce import decompose, reducer
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.select import Selection
from harness.tasks import NeedsAdapter
from tests.engine.test_resume import broken, same

SUITE = """\
suite: selected
version: 1
datasets: {charts: {type: charts, limit: 12}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy], temperature: 1.0, slices: [style]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [3]}
gates:
  - {metric: qa/relaxed_accuracy, min: 0.1}
  - {metric: sweep/retained_accuracy, min: 0.1}
"""


@pytest.fixture
def mock(write):
    return read_adapter(str(write("it.yaml", "adapter: it\ntype: mock\nerror_rate: 0.4\nbatch_size: 5\n")))


@pytest.fixture
def execute(bind, mock, tmp_path):
    def run(text: str = SUITE, **keys):
        limit = keys.pop("limit", None)
        options = RunOptions(tmp_path / "runs", fresh=True, limit=limit, selection=Selection(**keys))
        return run_suite(bind(text), mock, options, Silent())

    return run


def rows(folder, *columns):
    return Run(folder).table().select([*columns]).to_pylist()


def test_one_task_is_run_as_in_the_whole_and_the_others_gates_are_left_out(execute) -> None:
    whole, _ = execute()
    part, record = execute(only=("sweep",))
    columns = ("task", "cell", "sample_id", "request_hash", "response", "score.relaxed_accuracy")
    assert rows(part, *columns) == [row for row in rows(whole, *columns) if row["task"] == "sweep"]
    assert [*record.tasks] == ["sweep"]
    assert [gate.metric for gate in record.gates] == ["sweep/retained_accuracy"]
    assert record.selection.only == ["sweep"]


def test_one_sample_is_asked_as_in_the_whole(execute) -> None:
    whole, _ = execute()
    name = rows(whole, "sample_id")[7]["sample_id"]
    part, record = execute(sample_ids=(name,))
    columns = ("task", "cell", "sample_id", "request_hash", "response", "score.relaxed_accuracy")
    assert rows(part, *columns) == [row for row in rows(whole, *columns) if row["sample_id"] == name]
    metric = record.tasks["qa"].metrics["relaxed_accuracy"]
    assert (metric.n, metric.total, metric.coverage) == (1, 1, 1.0)
    assert sum(value.n for key, value in record.tasks["qa"].metrics.items() if "[" in key) == 1


def test_a_name_that_leads_nowhere_is_a_usage_error(execute) -> None:
    with pytest.raises(UsageError, match="no task is called 'qaa'; did you mean 'qa'"):
        execute(only=("qaa",))
    with pytest.raises(UsageError, match=r"no sample .* is called 'gone'"):
        execute(sample_ids=("gone",))
    with pytest.raises(UsageError, match="unknown reducer 'median'"):
        execute(epochs=2, reducer="median")
    with pytest.raises(UsageError, match="pass@3 needs at least 3 epochs"):
        execute(epochs=2, reducer="pass@3")


def test_the_first_epoch_is_the_run_without_epochs_and_the_mean_is_over_questions(execute) -> None:
    once, _ = execute(limit=10)
    folder, record = execute(epochs=3, limit=10)
    columns = ("task", "cell", "sample_id", "request_hash", "response")
    firsts = [
        row | {"sample_id": row["sample_id"][:-2]} for row in rows(folder, *columns) if row["sample_id"].endswith("#0")
    ]
    whole = rows(once, *columns)
    assert firsts == whole
    scores = np.array([row["score.relaxed_accuracy"] for row in rows(folder, "score.relaxed_accuracy")[:30]])
    metric = record.tasks["qa"].metrics["relaxed_accuracy"]
    assert metric.n == 10
    assert metric.value == pytest.approx(scores.mean())
    assert len({row["response"] for row in rows(folder, "response")[:30]}) > 10
    (noise,) = [table for table in record.tasks["qa"].tables if table.name == "noise of 3 epochs"]
    assert 0 < noise.rows[0][5] <= 1  # type: ignore[operator]


def test_a_greedy_model_says_the_same_in_each_epoch_and_that_is_noted(execute) -> None:
    _, record = execute(SUITE.replace("temperature: 1.0, ", ""), epochs=2)
    assert "all 2 answers to each question were the same" in [f.text for f in record.tasks["qa"].findings]
    _, plain = execute(SUITE.replace("temperature: 1.0, ", ""))
    assert record.tasks["qa"].metrics["relaxed_accuracy"].value == plain.tasks["qa"].metrics["relaxed_accuracy"].value


def test_pass_at_k_is_at_least_the_mean_and_reducers_are_part_of_what_is_compared(execute) -> None:
    values = {
        name: execute(epochs=4, reducer=name)[1].tasks["qa"]
        for name in ("mean", "majority", "pass@2", "pass@4", "at_least@4")
    }
    found = {name: task.metrics["relaxed_accuracy"].value for name, task in values.items()}
    assert found["at_least@4"] <= found["mean"] < found["pass@2"] < found["pass@4"]  # type: ignore[operator]
    assert len({task.config_hash for task in values.values()}) == 5


def test_a_run_with_epochs_of_one_task_is_continued(bind, mock, tmp_path, monkeypatch) -> None:
    chosen = Selection(only=("qa",), epochs=2)
    whole, _ = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "whole", selection=chosen), Silent())
    folder = broken(bind(SUITE), mock, RunOptions(tmp_path / "runs", selection=chosen), monkeypatch, 2)
    resume_run(folder, RunOptions(), Silent())
    same(whole, folder)


@pytest.mark.parametrize(
    "other", [{"sample_ids": ("2",)}, {"sample_ids": ("1", "2")}, {"only": ("qa",), "sample_ids": ("1",)}, {}]
)
def test_another_selection_begins_another_run(bind, mock, tmp_path, monkeypatch, other) -> None:
    names = [sample.id for sample in bind(SUITE).datasets["charts"]]
    first, second = (
        Selection(**keys | {"sample_ids": tuple(names[int(place)] for place in keys.get("sample_ids", ()))})
        for keys in ({"sample_ids": ("1",)}, other)
    )
    folder = broken(bind(SUITE), mock, RunOptions(tmp_path / "runs", selection=first), monkeypatch, 1)
    apart, record = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "runs", selection=second), Silent())
    assert apart != folder
    assert record.selection == second.record
    again, record = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "runs", selection=first), Silent())
    assert (again, record.responses) == (folder, {"ok": 3})


def test_one_sample_is_asked_several_times_where_epochs_are_wanted_too(execute) -> None:
    whole, _ = execute()
    name = rows(whole, "sample_id")[7]["sample_id"]
    part, record = execute(only=("qa",), sample_ids=(name,), epochs=3)
    assert [row["sample_id"] for row in rows(part, "sample_id")] == [f"{name}#{epoch}" for epoch in range(3)]
    worths = [row["score.relaxed_accuracy"] for row in rows(part, "score.relaxed_accuracy")]
    metric = record.tasks["qa"].metrics["relaxed_accuracy"]
    assert (metric.n, metric.value) == (1, pytest.approx(np.mean(worths)))


def test_a_task_that_works_with_the_model_gets_it_and_is_not_repeated_when_samples_are_chosen(bind) -> None:
    suite = bind(SUITE)
    name = next(iter(suite.datasets["charts"])).id

    class Working(type(suite.tasks["qa"])):  # type: ignore[misc]
        def attach(self, turn) -> None:
            lent.append(turn)

    lent: list[object] = []
    suite.tasks["qa"].__class__ = Working
    chosen = Selection(sample_ids=(name,), epochs=2).apply(suite).tasks
    assert [isinstance(task, NeedsAdapter) for task in chosen.values()] == [True, False]
    assert [task.count(task.cells()[0]) for task in chosen.values()] == [1, 2]
    chosen["qa"].attach("the model")  # type: ignore[attr-defined]
    assert lent == ["the model"]


def test_a_model_that_cannot_sample_is_not_asked_to(execute, monkeypatch) -> None:
    monkeypatch.setattr(MockAdapter, "capabilities", frozenset({"generate"}))
    with pytest.raises(UsageError, match="task 'qa' needs sample; adapter 'it' can generate"):
        execute()


# Reducers

shapes = st.tuples(st.integers(1, 6), st.integers(2, 5))
binary = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0]))


@given(binary)
def test_pass_at_one_is_the_mean_and_grows_with_k(worths) -> None:
    codes = worths.astype(np.int64) + 1
    repeats = worths.shape[1]
    values = [reducer(f"pass@{k}", repeats)(worths, codes) for k in range(1, repeats + 1)]
    assert np.allclose(values[0], worths.mean(axis=1))
    assert np.allclose(reducer("mean", repeats)(worths, codes), worths.mean(axis=1))
    assert (np.diff(values, axis=0) >= -1e-12).all()
    assert np.array_equal(values[-1], worths.max(axis=1))
    assert np.array_equal(reducer("at_least@1", repeats)(worths, codes), worths.max(axis=1))


def test_pass_at_k_is_the_share_of_draws_with_a_right_answer() -> None:
    # Of the 10 ways to draw 2 of 5 answers, 2 right, 3 have no right one.
    assert reducer("pass@2", 5)(np.array([[1.0, 0, 1, 0, 0]]), np.ones((1, 5), np.int64)) == [0.7]


def test_the_majority_is_of_answers_not_of_scores() -> None:
    worths = np.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1], [math.nan, 0, 0, 1]])
    codes = np.array([[7, 8, 9, 10], [3, 5, 5, 4], [3, 5, 3, 5], [0, 3, 4, 0]])
    assert reducer("majority", 4)(worths, codes).tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(("question", "sampling"), [(0.3, 0.2), (0.0, 0.5), (0.4, 0.0)])
def test_the_decomposition_finds_both_spreads(question: float, sampling: float) -> None:
    draw = np.random.default_rng(3)
    n, repeats = 4000, 5
    means = 0.5 + question * draw.standard_normal((n, 1))
    noise = decompose(means + sampling * draw.standard_normal((n, repeats)))
    assert noise.question_sd == pytest.approx(question, abs=0.03)
    assert noise.sampling_sd == pytest.approx(sampling, abs=0.01)
    total = question**2 / n + sampling**2 / n / repeats
    assert noise.sampling_share == pytest.approx(sampling**2 / n / repeats / total, abs=0.02)


def test_a_decomposition_without_repeats_is_undefined() -> None:
    assert math.isnan(decompose(np.array([[1.0], [0.0]])).sampling_share)
    assert decompose(np.array([[1.0, math.nan], [0.0, 1.0]])).questions == 1
