"""A quick look is the same for every adapter, every task and every way to run it."""

from pathlib import Path

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.looks import draw_of, draw_of_run
from harness.tasks.told import planned_units, told

SUITE = """\
suite: looks
version: 1
seed: 3
datasets:
  charts: {type: charts, limit: 60, questions_per_chart: 3}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy], slices: [style]}
  blind: {kind: blind, of: qa, controls: [blank, mismatched]}
  majority: {kind: majority, of: qa, train: charts}
"""


def ids(folder: Path) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in Run(folder).table().select(["task", "cell", "sample_id"]).to_pylist():
        found.setdefault((row["task"], row["cell"]), []).append(row["sample_id"])
    return found


@pytest.fixture
def looked(bind, tmp_path, write):
    def run(adapter: str = "mock", **options):
        out = RunOptions(tmp_path / "runs", fresh=True, **options)
        return run_suite(bind(SUITE), read_adapter(adapter), out, Silent())

    return run


def test_all_tasks_and_adapters_look_at_the_same_whole_clusters(looked, bind, write) -> None:
    perfect = write("perfect.yaml", "adapter: perfect\ntype: mock\nerror_rate: 0\n")
    folder, record = looked(limit=20)
    found = ids(folder)
    assert record.limit_rule == "drawn"
    assert len({tuple(one) for one in found.values()}) == 1
    (chosen,) = {tuple(one) for one in found.values()}
    assert len(chosen) == 18
    assert list(chosen) != [sample.id for sample in bind(SUITE).tasks["qa"].dataset][:18]
    assert ids(looked(str(perfect), limit=20)[0]) == found
    ranked = ids(looked(limit=20, ranked=True)[0])
    assert {tuple(sorted(one)) for one in ranked.values()} == {tuple(sorted(chosen))}


def test_the_head_is_taken_where_it_is_asked_for_and_everything_where_all_fits(looked, bind) -> None:
    names = [sample.id for sample in bind(SUITE).tasks["qa"].dataset]
    folder, record = looked(limit=7, head=True)
    assert record.limit_rule == "head"
    assert all(one == names[:7] for one in ids(folder).values())
    folder, record = looked(limit=60)
    assert all(one == names for one in ids(folder).values())
    assert looked()[1].limit_rule == ""


def test_what_is_planned_is_what_is_run(looked, bind) -> None:
    suite = bind(SUITE)
    _, record = looked(limit=20)
    draw = draw_of_run(suite, record)
    for name, statistic in told(suite.tasks["qa"]).items():
        assert planned_units(suite.tasks["qa"], statistic, draw) == record.tasks["qa"].metrics[name].total
    assert planned_units(suite.tasks["qa"], told(suite.tasks["qa"])["relaxed_accuracy"], draw_of(suite, None)) == 60
