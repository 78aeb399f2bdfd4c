"""The gate over the history: small steps add up, noise does not."""

from itertools import pairwise
from pathlib import Path

import pytest

from harness.history.judge import judge
from harness.history.series import Series, read_series
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
