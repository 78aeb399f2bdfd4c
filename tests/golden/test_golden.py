"""What today's suites give, frozen: values, intervals, verdicts and scores that no change may move by accident."""

import copy

import pytest

from harness.comparison.verify import verify
from harness.record import Run
from tests.golden.differences import differences
from tests.golden.runs import HERE, NAMES, RUNS, Runs, read


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The runs of this module, each made once."""
    return Runs(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", NAMES)
def test_no_number_moved(runs: Runs, name: str) -> None:
    moved = differences(read(name), runs.frozen(name))
    assert not moved, (
        f"{len(moved)} of what tests/golden/{name}.json holds moved:\n  " + "\n  ".join(moved) + "\n"
        f"Where that is meant: python -m tests.golden.write {name}, and say in the commit which number changed and why."
    )


@pytest.mark.parametrize("name", RUNS)
def test_every_run_agrees_with_itself(runs: Runs, name: str) -> None:
    found = verify(Run(runs.folder(name)))
    assert found.doubts == ()
    assert found.numbers


def test_every_frozen_file_is_compared() -> None:
    assert {file.stem for file in HERE.glob("*.json")} == {*NAMES}


def test_a_number_that_moved_is_named_with_its_field() -> None:
    before = read("robustness-mock")
    after = copy.deepcopy(before)
    after["metrics"]["chart-qa/relaxed_accuracy"]["value"] += 1e-6
    after["gates"].popitem()
    said = differences(before, after)
    assert [line.partition(",")[0] for line in said] == [
        "metrics chart-qa/relaxed_accuracy: value",
        "gates severity-sweep/retained_accuracy ≥ 0.5: is gone",
    ]


def test_a_drawn_bound_may_move_by_its_tolerance_and_no_further() -> None:
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "method": "bootstrap", "tolerance": 0.02}
    near, far = {**row, "low": 0.419}, {**row, "low": 0.421}
    assert differences({"metrics": {"m": row}}, {"metrics": {"m": near}}) == []
    assert differences({"metrics": {"m": row}}, {"metrics": {"m": far}}) == ["metrics m: low, 0.4 → 0.421"]


def test_a_number_may_appear_where_there_was_none_and_not_vanish() -> None:
    without, given = {"low": None}, {"low": 0.4}
    assert differences({"metrics": {"m": without}}, {"metrics": {"m": given, "new": given}}) == []
    assert differences({"metrics": {"m": given}}, {"metrics": {"m": without}}) == ["metrics m: low, 0.4 → None"]
