"""The gate over the history: a step and decay fail, noise does not, and no single measurement fails a commit."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from harness.history import record
from harness.history.commits import Commit
from harness.history.judge import Finding, Margins, judge
from harness.history.measure import Measured
from harness.history.series import Point, Series, read_series
from harness.record import read_run
from tests.history.helpers import Repository, altered

BENCHMARK = "suites.small.qa.relaxed_accuracy_error"
LEVEL = [100.0, 101.0, 99.0, 100.5, 99.5, 100.0]
"""A series in ms with a standard deviation of 0.71."""


def one(repository: Repository) -> list[Series]:
    return [s for s in read_series(repository.results, repository.commits) if s.benchmark == BENCHMARK]


def made(earlier: Sequence[float], *newest: float, unit: str = "ms", samples: int = 0, name: str = "s",
         tags: Mapping[int, str] = MappingProxyType({})) -> Series:  # fmt: skip
    """A series whose newest commit was measured once or more."""
    commits = [Commit(f"c{i}", i, "Ada", "", (tags[i],) if i in tags else ()) for i in range(len(earlier) + 1)]
    points = [
        Point(commit, Measured(value, n=samples), "", "asked", place)
        for place, (commit, value) in enumerate(zip(commits, [*earlier, newest[-1]], strict=True))
    ]
    points[-1] = replace(points[-1], before=tuple(newest[:-1]))
    return Series(name, "mock", "", "here", unit, tuple(points), name)


def last(series: Series, margins: Margins | None = None) -> Finding:
    (found,) = judge([series], margins)
    return found


def test_the_reference_is_the_median_of_the_last_level_and_its_spread_the_error() -> None:
    found = last(made([120.0, 120.1, 119.9, 120.0, *LEVEL], 106.0, 106.0))
    assert (found.against, found.points, found.reference, found.margin) == ("last level", 6, 100.0, 5.0)
    assert (found.worse_by, found.outcome) == (pytest.approx(6), "fail")
    # From a t distribution with 5 degrees of freedom: 6 / (0.7071 √(7/6)) = 7.856.
    assert found.p == pytest.approx(0.000271, rel=0.01)


def test_one_measurement_fails_nothing_and_the_second_decides() -> None:
    assert last(made(LEVEL, 120.0)).outcome == "again"
    assert last(made(LEVEL, 120.0, 119.0)).outcome == "fail"
    spared = last(made(LEVEL, 120.0, 100.0))
    assert (spared.outcome, spared.reason) == ("ok", "the second measurement does not confirm it")
    assert last(made(LEVEL, 120.0, 119.0, 100.0, 119.0)).outcome == "fail"  # later ones count together
    assert last(made(LEVEL, 100.0, 120.0)).outcome == "ok"


def test_four_points_are_no_verdict_and_a_level_of_five_gives_one() -> None:
    four = last(made(LEVEL[:4], 200.0, 200.0))
    assert (four.outcome, four.reason) == ("undecided", "4 points of this level: no verdict before 5")
    assert last(made(LEVEL[:5], 200.0, 200.0)).outcome == "fail"


def test_a_margin_is_absolute_for_shares_and_relative_for_the_rest() -> None:
    shares = [0.1, 0.101, 0.099, 0.1, 0.1005]
    assert last(made(shares, 0.13, 0.13, unit="1 − accuracy")).outcome == "fail"
    assert last(made(shares, 0.119, 0.119, unit="share")).outcome == "ok"
    assert last(made(shares, 0.119, 0.119, unit="s")).outcome == "fail"
    assert last(made(LEVEL, 104.9, 104.9)).outcome == "ok"
    assert last(made(LEVEL, 104.9, 104.9), Margins(relative=0.04)).outcome == "fail"


def test_a_level_that_never_varied_is_no_certainty() -> None:
    level = [0.1] * 8
    steady = last(made(level, 0.18, 0.18, unit="share", samples=25))  # two answers of 25
    assert (steady.outcome, steady.p) == ("ok", pytest.approx(0.1, abs=0.01))
    assert last(made(level, 0.18, 0.18, unit="share", samples=400)).outcome == "fail"
    size = last(made([350.0] * 8, 368.0, 368.0, unit="MiB"))
    assert size.outcome == "fail"
    assert size.p > 1e-7
    assert last(made([0.0] * 8, 3.0, 3.0, unit="ms")).reason == "a share of 0 is no margin: no verdict"


def test_what_one_series_alone_shows_is_no_finding_among_many() -> None:
    noisy = [100.0, 103.0, 97.0, 101.5, 98.5, 100.0]
    alone = last(made(noisy, 107.0, 107.0))
    assert (alone.p, alone.outcome) == (pytest.approx(0.015, abs=0.005), "fail")
    together = judge([made(noisy, 107.0, 107.0, name=f"s{i}") for i in range(10)])
    assert [(found.p, found.outcome) for found in together] == [(pytest.approx(10 * alone.p), "ok")] * 10


def family(rng: np.random.Generator, noise: Callable[[int], np.ndarray], factor: float = 1.0) -> list[Finding]:
    """Judge a commit that was measured twice, in ten series of which the first became slower by ``factor``."""
    series = []
    for i in range(10):
        values = 10 * np.exp(noise(int(rng.integers(20, 50))))
        values[-2:] *= factor if i == 0 else 1.0
        series.append(made(list(map(float, values[:-2])), float(values[-2]), float(values[-1]), name=f"s{i}"))
    return judge(series)


@pytest.mark.parametrize("noise", ["normal", "heavy tails"])
def test_where_nothing_changed_at_most_three_in_a_hundred_commits_fail(noise: str) -> None:
    rng = np.random.default_rng(17)
    draw = {"normal": lambda n: 0.03 * rng.normal(size=n), "heavy tails": lambda n: 0.02 * rng.standard_t(4, n)}[noise]
    failed = [any(found.outcome == "fail" for found in family(rng, draw)) for _ in range(40)]
    assert np.mean(failed) <= 0.03


def test_a_fifth_slower_is_found_at_once_among_ten_series_that_vary_by_three_percent() -> None:
    rng = np.random.default_rng(18)
    found = [family(rng, lambda n: 0.03 * rng.normal(size=n), 1.2)[0].outcome == "fail" for _ in range(25)]
    assert np.mean(found) >= 0.8


def test_decay_in_steps_too_small_for_any_gate_fails_against_the_best_level() -> None:
    steps = [0.1 + 0.015 * step + 0.001 * (i % 2) for step in range(4) for i in range(8)]
    assert max(b - a for a, b in pairwise(steps)) < 0.02
    judged = {found.against: found for found in judge([made(steps, 0.146, 0.146, unit="share")])}
    assert {against: found.outcome for against, found in judged.items()} == {"last level": "ok", "best level": "fail"}
    assert judged["best level"].worse_by == pytest.approx(0.0455)


def test_a_step_down_that_was_released_is_no_reference_any_more() -> None:
    down = [*LEVEL, *(value + 20 for value in LEVEL)]
    assert [(f.against, f.outcome) for f in judge([made(down, 120.0, 120.0)])] == [
        ("last level", "ok"), ("best level", "fail"),
    ]  # fmt: skip
    assert [(f.against, f.outcome) for f in judge([made(down, 120.0, 120.0, tags={4: "v1.0"})])] == [
        ("last level", "ok"), ("last release", "fail"),
    ]  # fmt: skip
    (kept,) = judge([made(down, 120.0, 120.0, tags={8: "v1.1"})])
    assert (kept.against, kept.outcome) == ("last level", "ok")


def test_the_last_release_is_what_a_tag_says() -> None:
    down = [*LEVEL, *(value + 20 for value in LEVEL), *(value + 40 for value in LEVEL)]
    tags = {1: "v1.2.0", 8: "v1.3.0", 14: "nightly-7"}
    released = next(f for f in judge([made(down, 140.0, tags=tags)]) if f.against == "last release")
    assert (released.commit, released.reference) == ("c8", 120.0)


def test_values_of_another_question_are_no_reference(recorded, small_run: Path) -> None:
    repository = recorded([0.9, 0.9, 0.9, 0.9])
    hash_ = repository.commit("other data", 1_700_100_000)
    other = altered(read_run(small_run), hash_, 0.5).model_copy(update={"datasets": {"charts": "other"}})
    record.add(other, repository.commits[-1], repository.results)
    assert judge(one(repository)) == []


def throughputs(repository: Repository, small_run: Path, values: list[float]) -> None:
    for i, value in enumerate(values):
        hash_ = repository.commit(f"throughput {i}", 1_700_200_000 + i * 3600)
        made = altered(read_run(small_run), hash_, value, spread=2.0)
        task = made.tasks["qa"]
        metric = task.metrics["relaxed_accuracy"].model_copy(update={"unit": "answers/s"})
        metrics = {**task.metrics, "throughput": metric}
        del metrics["relaxed_accuracy"]
        tasks = {"qa": task.model_copy(update={"metrics": metrics})}
        record.add(made.model_copy(update={"tasks": tasks}), repository.commits[-1], repository.results)


def test_a_relative_margin_is_of_the_metric_itself_where_its_inverse_is_stored(
    run_here, repository, small_run: Path
) -> None:
    throughputs(repository, small_run, [100.0, 101.0, 99.0, 100.0, 100.0, 40.0])
    series = [one for one in read_series(repository.results, repository.commits) if "throughput" in one.benchmark]
    assert [one.benchmark for one in series] == ["suites.small.qa.throughput_inverse"]
    found = last(series[0])
    assert found.outcome == "again"
    assert (found.reference, found.value, found.unit) == pytest.approx((100, 40, "answers/s"))
    assert (found.worse_by, found.margin) == pytest.approx((60, 5))
    assert last(series[0], Margins(relative=0.61)).outcome == "ok"
    done = run_here("history", "gate", "--repository", repository.root)
    assert done.code == 3
    assert "100 (median of 5 to" in done.out
    assert "(answers/s, better when higher)" in done.out


def test_a_metric_that_is_better_when_higher_and_rose_passes(repository, small_run: Path) -> None:
    throughputs(repository, small_run, [40.0, 40.0, 40.0, 40.0, 40.0, 100.0])
    series = [one for one in read_series(repository.results, repository.commits) if "throughput" in one.benchmark]
    found = last(series[0])
    assert (found.worse_by, found.outcome) == (pytest.approx(-60), "ok")


def again(repository: Repository, small_run: Path, value: float, run: str) -> None:
    """Record the newest commit once more."""
    commit = repository.commits[-1]
    other = altered(read_run(small_run), commit.hash, value).model_copy(update={"run_id": run})
    record.add(other, commit, repository.results)


def test_the_command_fails_a_commit_only_when_a_second_run_of_it_is_recorded_that_agrees(
    run_here, recorded, small_run: Path
) -> None:
    repository = recorded([0.9] * 8 + [0.4])
    gate = ("history", "gate", "--repository", repository.root, "--metric", "small/qa/relaxed_accuracy_error")
    once = run_here(*gate)
    assert once.code == 3
    assert "measured once; measure it again" in once.out
    assert "recorded by hand: run it again, then harness history record RUN" in once.err
    assert "not measured" not in run_here(*gate, "--no-remeasure").err
    again(repository, small_run, 0.4, f"small-mock-{repository.commits[-1].hash[:8]}")  # the same run is no second one
    assert run_here(*gate).code == 3
    again(repository, small_run, 0.42, "the second")
    twice = run_here(*gate)
    assert twice.code == 1
    assert "0.1 (median of 8 to" in twice.out
    assert "→ 0.6, again 0.58 at " + repository.commits[-1].hash[:8] in twice.out
    told = json.loads(run_here(*gate, "--json").out)
    assert [one["again"] for one in told if one["failed"]] == [pytest.approx(0.58)]
    assert run_here(*gate, "--margin", "0.6").code == 0


def test_recording_the_same_two_runs_over_and_over_leaves_two_measurements(recorded, small_run: Path) -> None:
    repository = recorded([0.9, 0.5])
    for run in ("a", "b", "a", "b"):
        again(repository, small_run, {"a": 0.6, "b": 0.7}[run], run)
    (series,) = one(repository)
    assert series.points[-1].measured == pytest.approx((0.5, 0.4, 0.3))


def test_without_a_history_the_command_says_that_there_is_nothing_to_compare_with(run_here, repository) -> None:
    repository.commit("one", 1_700_000_000)
    done = run_here("history", "gate", "--repository", repository.root)
    assert (done.code, done.out) == (3, "nothing to compare with\n")
