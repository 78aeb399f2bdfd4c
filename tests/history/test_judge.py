"""The gate over the history: small steps add up, noise does not."""

from itertools import pairwise
from pathlib import Path

import pytest

from harness.history.commits import Commit
from harness.history.judge import judge
from harness.history.measure import Measured
from harness.history.series import Point, Series, read_series
from tests.history.helpers import Repository

BENCHMARK = "suites.small.qa.relaxed_accuracy_error"


def one(repository: Repository) -> list[Series]:
    return [s for s in read_series(repository.results, repository.commits) if s.benchmark == BENCHMARK]


def test_decay_in_steps_too_small_for_any_pull_request_fails_against_the_last_good_level(recorded) -> None:
    accuracies = [0.90 + 0.001 * (i % 2) for i in range(5)] + [0.90 - 0.008 * i for i in range(1, 13)]
    findings = judge(one(recorded(accuracies)), margin=0.02)
    assert max(abs(a - b) for a, b in pairwise(accuracies)) < 0.02
    good = next(found for found in findings if found.against == "last good level")
    assert good.failed
    assert good.worse_by > 0.05


def test_the_last_release_is_what_a_tag_says(recorded) -> None:
    repository: Repository = recorded([0.9, 0.9, 0.9, 0.8])
    assert {found.against for found in judge(one(repository), 0.02)} == {"last good level"}
    repository.git("tag", "v1.2.0", repository.commits[1].hash)
    repository.git("tag", "nightly-7", repository.commits[2].hash)
    released = next(found for found in judge(one(repository), 0.02) if found.against == "last release")
    assert released.commit == repository.commits[1].hash
    assert released.failed
    assert released.reference == pytest.approx(0.1)


def test_a_difference_within_the_noise_passes(recorded) -> None:
    findings = judge(one(recorded([0.9, 0.9, 0.9, 0.9, 0.885])), margin=0.01)
    assert findings
    assert not any(found.failed for found in findings)


def test_values_of_another_question_are_no_reference(recorded, small_run: Path) -> None:
    from harness.history import record
    from harness.record import read_run
    from tests.history.helpers import altered

    repository = recorded([0.9, 0.9, 0.9, 0.9])
    hash_ = repository.commit("other data", 1_700_100_000)
    other = altered(read_run(small_run), hash_, 0.5).model_copy(update={"datasets": {"charts": "other"}})
    record.add(other, repository.commits[-1], repository.results)
    assert judge(one(repository), 0.02) == []


def throughputs(repository: Repository, small_run: Path, values: list[float]) -> None:
    from harness.history import record
    from harness.record import read_run
    from tests.history.helpers import altered

    for i, value in enumerate(values):
        hash_ = repository.commit(f"throughput {i}", 1_700_200_000 + i * 3600)
        made = altered(read_run(small_run), hash_, value, spread=2.0)
        task = made.tasks["qa"]
        metric = task.metrics["relaxed_accuracy"].model_copy(update={"unit": "answers/s"})
        metrics = {**task.metrics, "throughput": metric}
        del metrics["relaxed_accuracy"]
        tasks = {"qa": task.model_copy(update={"metrics": metrics})}
        record.add(made.model_copy(update={"tasks": tasks}), repository.commits[-1], repository.results)


def test_a_margin_is_in_the_unit_of_a_metric_whose_inverse_is_stored(run_here, repository, small_run: Path) -> None:
    throughputs(repository, small_run, [100.0, 100.0, 100.0, 100.0, 40.0])
    series = [one for one in read_series(repository.results, repository.commits) if "throughput" in one.benchmark]
    assert [one.benchmark for one in series] == ["suites.small.qa.throughput_inverse"]
    (found,) = judge(series, margin=50)
    assert found.failed
    assert (found.reference, found.value, found.unit) == pytest.approx((100, 40, "answers/s"))
    assert found.worse_by == pytest.approx(60)
    assert not any(one.failed for one in judge(series, margin=61))
    done = run_here("history", "gate", "--repository", repository.root, "--margin", "50")
    assert done.code == 1
    assert "100 at" in done.out
    assert "40 at" in done.out
    assert "(answers/s, better when higher)" in done.out


def test_a_metric_that_is_better_when_higher_and_rose_passes(repository, small_run: Path) -> None:
    throughputs(repository, small_run, [40.0, 40.0, 40.0, 100.0])
    series = [one for one in read_series(repository.results, repository.commits) if "throughput" in one.benchmark]
    (found,) = judge(series, margin=0.02)
    assert (found.worse_by, found.failed) == (pytest.approx(-60), False)


def test_the_command_exits_with_one_and_names_the_commits(run_here, recorded) -> None:
    repository = recorded([0.9, 0.9, 0.9, 0.9, 0.7])
    done = run_here("history", "gate", "--repository", repository.root)
    assert done.code == 1
    assert "small/qa/relaxed_accuracy_error on mock (simulated): 0.1 at" in done.out
    assert repository.commits[-1].hash[:8] in done.out
    fine = run_here("history", "gate", "--repository", repository.root, "--margin", "0.5")
    assert fine.code == 0


def test_without_a_history_the_command_says_that_there_is_nothing_to_compare_with(run_here, repository) -> None:
    repository.commit("one", 1_700_000_000)
    done = run_here("history", "gate", "--repository", repository.root)
    assert (done.code, done.out) == (3, "nothing to compare with\n")


def worse(name: str) -> Series:
    """A series whose newest value is worse by 0.03, with p = 0.02 by itself."""
    values = [Measured(value, value - 0.0203, value + 0.0203) for value in (0.1, 0.1, 0.1, 0.13)]
    points = [Point(Commit(f"c{i}", i, "Ada", ""), value, "", "asked", i) for i, value in enumerate(values)]
    return Series(name, "mock", "", "here", "share", tuple(points), name)


def test_what_one_series_alone_shows_is_no_finding_among_many() -> None:
    (alone,) = judge([worse("alone")], margin=0.02)
    assert (alone.p, alone.failed) == (pytest.approx(0.02, abs=0.002), True)
    together = judge([worse(f"s{i}") for i in range(5)], margin=0.02)
    assert [(found.p, found.failed) for found in together] == [(pytest.approx(5 * alone.p), False)] * 5
