"""Statistics of sweeps are recomputed for both runs on the same draws."""

import numpy as np
import pytest

from harness.comparison.compare import Options, compare
from harness.estimate import Comparer, Node, column, mean
from harness.estimate.rows import CellRows, Column, Rows, answers_column
from harness.report.compare_json import compare_json
from harness.tasks.severity import Grid, Point

CELLS = {"clean": Point("", 0), "fog@1": Point("fog", 1), "fog@3": Point("fog", 3)}


def form(cell: str) -> Node:
    return mean(column("m", cell))


STATISTICS = {one.name: one for one in Grid.of(CELLS, form, "m").statistics()}


def made_up(n: int, share: float, seed: int = 5) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return {cell: ((rng.random(n) < share).astype(float), rng.integers(1, 4, n)) for cell in CELLS}


def rows_of(made: dict[str, tuple[np.ndarray, np.ndarray]]) -> Rows:
    place = np.arange(len(made["clean"][0]))
    return Rows({
        cell: CellRows(place, place, {"m": Column.of(scores), "answer": answers_column(answers)})
        for cell, (scores, answers) in made.items()
    })  # fmt: skip


def test_the_values_are_those_of_the_records(sweep_runs) -> None:
    one, other = sweep_runs
    found = {delta.metric: delta for delta in compare(one, other).deltas if delta.task == "sweep"}
    assert set(found) == set(one.record.tasks["sweep"].metrics)
    for metric, delta in found.items():
        assert delta.before == pytest.approx(one.record.tasks["sweep"].metrics[metric].value), metric
        assert delta.after == pytest.approx(other.record.tasks["sweep"].metrics[metric].value), metric


def test_a_frailer_model_is_worse_in_both_directions_of_better(sweep_runs) -> None:
    compared = compare(*sweep_runs)
    retained, error = compared.delta("sweep/retained_accuracy"), compared.delta("sweep/mean_corruption_error")
    assert retained.after < retained.before
    assert error.after > error.before
    assert retained.comparison.estimate < 0
    assert error.comparison.estimate < 0
    assert retained.moved == error.moved == "worse"


def test_pairing_makes_the_interval_narrower_than_two_separate_runs_would(sweep_runs) -> None:
    one, other = sweep_runs
    delta = compare(one, other).delta("sweep/severity_auc")
    widths = [run.record.tasks["sweep"].metrics["severity_auc"] for run in sweep_runs]
    apart = sum(value.high - value.low for value in widths)
    assert delta.comparison.high - delta.comparison.low < apart


def test_a_run_against_itself_is_shown_to_be_no_worse_without_claiming_certainty(sweep_runs) -> None:
    one, _ = sweep_runs
    comparison = (
        compare(one, one, Options(margins={"sweep/retained_accuracy": 0.3})).delta("sweep/retained_accuracy").comparison
    )
    assert comparison.estimate == 0
    assert -0.3 < comparison.lower_bound < 0
    assert comparison.p_less == 1


def test_the_same_comparison_gives_the_same_numbers_and_another_seed_others(sweep_runs) -> None:
    one, other = sweep_runs
    assert compare_json(compare(one, other)) == compare_json(compare(one, other))
    before, after = rows_of(made_up(60, 0.8)), rows_of(made_up(60, 0.7, 6))
    found = [
        Comparer(before, after, (seed,), resamples=200).difference(STATISTICS["retained_accuracy"]).comparison
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_score_that_is_missing_on_one_side_counts_on_neither() -> None:
    before, after = made_up(50, 0.8), made_up(50, 0.7, 6)
    before["fog@3"][0][:25] = np.nan
    after["fog@3"][0][:25] = 0.0
    error = STATISTICS["mean_corruption_error"]
    found = Comparer(rows_of(before), rows_of(after), resamples=100).difference(error)
    for side, told in ((before, found.before), (after, found.after)):
        assert told == pytest.approx(1 - (side["fog@1"][0].mean() + side["fog@3"][0][25:].mean()) / 2)
    assert found.gained == 25


def test_crashes_do_not_steady_a_model() -> None:
    before = made_up(60, 0.8)
    after = {cell: (scores.copy(), answers.copy()) for cell, (scores, answers) in before.items()}
    for cell in ("fog@1", "fog@3"):
        after[cell][0][30:], after[cell][1][30:] = 0.0, 0
    found = Comparer(rows_of(before), rows_of(after), resamples=200).difference(STATISTICS["flip_rate"], 0.05)
    assert found.after > found.before
    assert found.comparison.estimate < 0


def test_the_worst_cell_of_two_perfect_runs_claims_no_certainty() -> None:
    perfect = rows_of({cell: (np.ones(8), np.ones(8, np.int64)) for cell in CELLS})
    comparer = Comparer(perfect, perfect, resamples=200)
    worst = comparer.difference(STATISTICS["worst_cell"], 0.02).comparison
    mean_ = comparer.difference(STATISTICS["mean_corruption_error"], 0.02).comparison
    assert worst.lower_bound == pytest.approx(mean_.lower_bound)
    assert worst.lower_bound < -0.2
