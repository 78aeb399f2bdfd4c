"""Statistics of sweeps are recomputed for both runs on the same draws."""

import numpy as np
import pytest

from harness.compare.compare import Options, compare
from harness.compare.sweeps import Side, resample, statistics
from harness.report.compare_json import compare_json


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
    task = one.record.tasks["sweep"]
    sides = made_up(len(task.cells), 60)
    draws = [resample(task, *sides, np.arange(60), 200, seed).draws for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_many_units_are_drawn_in_groups_that_vary_as_the_units_do(sweep_runs) -> None:
    task = sweep_runs[0].record.tasks["sweep"]
    before, after = made_up(len(task.cells), 9000)
    statistic = statistics(task)["mean_corruption_error"]
    grouped = resample(task, before, after, np.arange(9000), 1000, 3)
    differences = (before.scores - after.scores)[:, 1:].mean(axis=1)
    expected = differences.std() / np.sqrt(9000)
    assert grouped.without is None
    assert grouped.compare(statistic, -1, 0.0, 0.95).standard_error == pytest.approx(expected, rel=0.12)


def test_a_score_that_is_missing_on_one_side_counts_on_neither(sweep_runs) -> None:
    task = sweep_runs[0].record.tasks["sweep"]
    before, after = made_up(len(task.cells), 50)
    before.scores[:25, 2] = np.nan
    after.scores[:25, 2] = 0.0
    found = resample(task, before, after, np.arange(50), 100, 0)
    columns = 3 * len(task.cells)
    assert found.estimate[2] == pytest.approx(before.scores[25:, 2].mean())
    assert found.estimate[columns + 2] == pytest.approx(after.scores[25:, 2].mean())


def test_crashes_do_not_steady_a_model(sweep_runs) -> None:
    task = sweep_runs[0].record.tasks["sweep"]
    before, _ = made_up(len(task.cells), 60)
    crashed = before.answers.copy()
    crashed[30:, 1:] = -1
    after = Side(np.where(crashed < 0, 0.0, before.scores), crashed)
    found = resample(task, before, after, np.arange(60), 200, 0)
    old, new = found.values(statistics(task)["flip_rate"])
    assert new > old
    assert found.compare(statistics(task)["flip_rate"], -1, 0.05, 0.95).estimate < 0


def test_the_worst_cell_of_two_perfect_runs_claims_no_certainty(sweep_runs) -> None:
    task = sweep_runs[0].record.tasks["sweep"]
    perfect = Side(np.ones((8, len(task.cells))), np.zeros((8, len(task.cells)), np.int64))
    found = resample(task, perfect, perfect, np.arange(8), 200, 0)
    worst = found.compare(statistics(task)["worst_cell"], 1, 0.02, 0.95)
    mean = found.compare(statistics(task)["mean_corruption_error"], -1, 0.02, 0.95)
    assert worst.lower_bound == pytest.approx(mean.lower_bound)
    assert worst.lower_bound < -0.2


def made_up(cells: int, n: int) -> tuple[Side, Side]:
    rng = np.random.default_rng(5)
    sides = [
        Side((rng.random((n, cells)) < share).astype(float), rng.integers(0, 3, (n, cells))) for share in (0.8, 0.7)
    ]
    return sides[0], sides[1]
