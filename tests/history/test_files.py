"""Runs in asv's files: asv reads the same values back, and nothing in them splits, negates or loses a series."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest
from asv.results import Results
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.history import commits, files, record, runs
from harness.history.commits import Commit
from harness.history.measure import Measured, as_statistics, from_statistics, measured
from harness.history.series import read_series
from harness.record import RunRecord, read_run
from harness.record.folder import write_run
from harness.record.schema import SelectionRecord
from tests.conftest import ROOT
from tests.history.helpers import Repository, altered

BENCHMARK = "suites.small.qa.relaxed_accuracy_error"


def test_asv_reads_back_every_value_of_every_metric_and_cell(recorded, small_run: Path) -> None:
    repository: Repository = recorded([0.75])
    file = files.result_files(repository.results)[0]
    loaded = Results.load(str(file), machine_name=file.parent.name)
    assert loaded.commit_hash == repository.commits[0].hash
    assert loaded.date == repository.commits[0].date
    for place, found in measured(altered(read_run(small_run), loaded.commit_hash, 0.75)):
        params = loaded.get_result_params(place.benchmark)
        values = loaded.get_result_value(place.benchmark, params)
        adapters, cells = params
        value = values[adapters.index(repr(place.adapter)) * len(cells) + cells.index(repr(place.cell))]
        assert value == pytest.approx(found.value, nan_ok=True)
    assert loaded.benchmark_version[BENCHMARK] == "1"
    assert loaded.get_result_stats(BENCHMARK, loaded.get_result_params(BENCHMARK))[0]["ci_99_a"] < 0.25


def test_asv_writes_our_file_again_without_losing_anything(recorded, tmp_path: Path) -> None:
    repository = recorded([0.75])
    file = files.result_files(repository.results)[0]
    Results.load(str(file)).save(str(tmp_path))
    again = files.read_file(tmp_path / file.parent.name / file.name)
    for name, values in files.read_file(file).items():
        for place, found in values.items():
            assert again[name][place].value == pytest.approx(found.value, nan_ok=True)
            assert again[name][place].low == pytest.approx(found.low, nan_ok=True, rel=1e-4, abs=1e-6)


def test_better_is_always_lower_and_nothing_lies_below_zero(small_run: Path) -> None:
    record_ = read_run(small_run)
    found = {(place.benchmark, place.cell): (place, value) for place, value in measured(record_)}
    for task, body in record_.tasks.items():
        for name, metric in body.metrics.items():
            base, _, cell = name.partition("[")
            suffix = {"higher": "_error" if metric.unit.startswith("share") else "_inverse", "lower": ""}
            place, value = found[f"suites.small.{task}.{base}{suffix[metric.direction]}", cell.removesuffix("]")]
            if metric.value is None:
                assert math.isnan(value.value)
            elif metric.direction == "lower":
                assert value.value == metric.value
            elif suffix["higher"] == "_error":
                assert value.value == pytest.approx(max(0.0, 1 - metric.value))
                assert place.unit == f"1 − {base}"
            else:
                assert value.value == pytest.approx(1 / metric.value)
            assert not value.value < 0
            assert value.low <= value.value <= value.high or math.isnan(value.low)


@given(st.floats(0, 10), st.floats(0, 5), st.floats(0, 5), st.integers(1, 10**6))
def test_an_interval_comes_back_from_asvs_statistics(value: float, below: float, above: float, n: int) -> None:
    told = as_statistics(Measured(value, value - below, value + above, n))
    assert told is not None
    assert told["ci_99_a"] <= told["q_25"] <= value <= told["q_75"] <= told["ci_99_b"]
    back = from_statistics(value, told["ci_99_a"], told["ci_99_b"], told["repeat"])
    assert (back.value, back.n) == (value, n)
    assert back.low == pytest.approx(value - below, abs=1e-9)
    assert back.high == pytest.approx(value + above, abs=1e-9)


def test_an_undefined_metric_is_nan_and_a_failed_commit_is_null(recorded) -> None:
    repository = recorded([0.75, 0.7])
    repository.commit("broken", 1_700_100_000)
    record.add_failure("small", "mock", repository.commits[-1], "ImportError: no", repository.results)
    file = next(f for f in files.result_files(repository.results) if f.name.startswith(repository.commits[-1].hash[:8]))
    loaded = Results.load(str(file))
    params = loaded.get_result_params(BENCHMARK)
    assert loaded.get_result_value(BENCHMARK, params) == [None]
    series = {one.benchmark: one for one in read_series(repository.results, repository.commits)}[BENCHMARK]
    assert [point.value for point in series.points] == pytest.approx([0.25, 0.3, None])
    told = {one.commit: one.status for one in runs.read(repository.results)}
    assert told[repository.commits[-1].hash] == "ImportError: no"


def test_two_adapters_of_one_commit_share_a_file_and_keep_their_values(recorded, small_run: Path) -> None:
    repository = recorded([0.75])
    first = altered(read_run(small_run), repository.commits[0].hash, 0.5)
    other = first.model_copy(update={"adapter": first.adapter.model_copy(update={"name": "other"})})
    record.add(other, repository.commits[0], repository.results)
    (file,) = files.result_files(repository.results)
    values = files.read_file(file)[BENCHMARK]
    assert {adapter: round(value.value or 0, 3) for (adapter, _), value in values.items()} == {
        "mock (simulated)": 0.25,
        "other (simulated)": 0.5,
    }
    told = json.loads((repository.results / "benchmarks.json").read_text())[BENCHMARK]
    assert told["params"][0] == ["'mock (simulated)'", "'other (simulated)'"]


def test_results_of_all_commits_are_of_one_environment_and_one_set_of_parameters(recorded) -> None:
    repository = recorded([0.75, 0.7, 0.8])
    told = [json.loads(file.read_text()) for file in files.result_files(repository.results)]
    assert len({one["env_name"] for one in told}) == 1
    assert len({json.dumps(one["params"]) for one in told}) == 1
    assert not any(one["env_vars"] or one["requirements"] for one in told)


def test_benchmarks_of_asv_itself_stay_beside_ours(recorded) -> None:
    repository = recorded([0.75])
    file = repository.results / "benchmarks.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({"metrics.Metrics.time_x": {"name": "x"}, "suites.gone.x": {}, "version": 2}))
    record.describe(repository.results)
    again = json.loads(file.read_text())
    assert again.pop("metrics.Metrics.time_x") == {"name": "x"}
    assert again == told


def test_a_run_of_no_commit_or_with_local_changes_is_refused(
    repository: Repository, small_run: Path, tmp_path: Path
) -> None:
    repository.commit("one", 1_700_000_000)
    made = altered(read_run(small_run), repository.commits[0].hash, 0.5)
    changes = {
        "not complete": {"status": "failed"},
        "no commit": {"git": None},
        "local changes": {"git": made.git.model_copy(update={"dirty": True})},  # type: ignore[union-attr]
    }
    for number, (said, update) in enumerate(changes.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "run.json").write_text(made.model_copy(update=update).model_dump_json())
        with pytest.raises(UsageError, match=said):
            record.record([folder], repository.results, repository.root)


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"selection": SelectionRecord(only=["qa"])}, "--only"),
        ({"selection": SelectionRecord(sample_ids=["a"])}, "--sample-id"),
        ({"shard": "1/3"}, "--shard"),
    ],
)
def test_a_part_of_a_run_is_refused(
    repository: Repository, small_run: Path, tmp_path: Path, update: dict[str, object], said: str
) -> None:
    repository.commit("one", 1_700_000_000)
    made = altered(read_run(small_run), repository.commits[0].hash, 0.5).model_copy(update=update)
    (tmp_path / "run.json").write_text(made.model_dump_json())
    with pytest.raises(UsageError, match=said):
        record.record([tmp_path], repository.results, repository.root)


def test_a_run_of_fewer_samples_says_so(recorded, small_run: Path) -> None:
    repository: Repository = recorded([0.75])
    hash_ = repository.commit("fewer", 1_700_100_000)
    made = altered(read_run(small_run), hash_, 0.7)
    fewer = made.model_copy(update={"options": {**made.options, "limit": 5}})
    record.add(fewer, repository.commits[-1], repository.results)
    series = {one.benchmark: one for one in read_series(repository.results, repository.commits)}[BENCHMARK]
    assert [point.part for point in series.points] == ["", "at most 5 samples a cell"]
    assert len({point.config for point in series.points}) == 2


def with_names(first: RunRecord, suite: str, tasks: Mapping[str, str]) -> RunRecord:
    """Return a run whose suite and tasks are called something else."""
    return first.model_copy(
        update={
            "suite": first.suite.model_copy(update={"name": suite}),
            "tasks": {new: first.tasks[old] for new, old in tasks.items()},
        }
    )


def test_names_may_hold_dots(repository: Repository, small_run: Path) -> None:
    hash_ = repository.commit("one", 1_700_000_000)
    made = altered(read_run(small_run), hash_, 0.75)
    for suite, tasks in (("charts-1.2", {"qa.v2": "qa", "qa": "qa"}), ("charts-1", {"qa": "qa"})):
        record.add(with_names(made, suite, tasks), repository.commits[0], repository.results)
    series = read_series(repository.results, repository.commits)
    assert {one.short for one in series if not one.cell and one.short.endswith("/relaxed_accuracy_error")} == {
        "charts-1.2/qa.v2/relaxed_accuracy_error",
        "charts-1.2/qa/relaxed_accuracy_error",
        "charts-1/qa/relaxed_accuracy_error",
    }
    assert all(point.run for one in series for point in one.points)


def test_a_task_more_changes_what_was_asked_of_no_other(recorded, small_run: Path) -> None:
    repository: Repository = recorded([0.75])
    hash_ = repository.commit("one task more", 1_700_100_000)
    made = altered(read_run(small_run), hash_, 0.7)
    content = made.suite.content
    content = {**content, "tasks": {**content["tasks"], "more": {"kind": "qa", "dataset": "others"}}}
    more = made.model_copy(
        update={
            "tasks": {**made.tasks, "more": made.tasks["qa"]},
            "datasets": {**made.datasets, "others": "unrelated"},
            "suite": made.suite.model_copy(update={"content": content}),
        }
    )
    record.add(more, repository.commits[-1], repository.results)
    for one in read_series(repository.results, repository.commits):
        assert len({point.config for point in one.points}) == 1


def test_another_data_set_changes_what_its_own_tasks_ask_and_those_made_of_them(recorded, small_run: Path) -> None:
    repository: Repository = recorded([0.75])
    hash_ = repository.commit("other data", 1_700_100_000)
    made = altered(read_run(small_run), hash_, 0.7).model_copy(update={"datasets": {"charts": "other"}})
    record.add(made, repository.commits[-1], repository.results)
    series = read_series(repository.results, repository.commits)
    assert {one.short.split("/")[1] for one in series} == {"qa", "sweep"}
    assert all(len({point.config for point in one.points}) == 2 for one in series)


def test_records_without_hashes_by_task_are_read_as_before_and_joined_to_those_with(recorded, small_run: Path) -> None:
    repository: Repository = recorded([0.75, 0.7, 0.8])
    file = repository.results / runs.FILE
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    oldest = next(line for line in lines if line["commit"] == repository.commits[0].hash)
    del oldest["tasks"], oldest["part"]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    series = read_series(repository.results, repository.commits)
    assert all(len({point.config for point in one.points}) == 1 for one in series)
    for line in lines:
        line.pop("tasks", None)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    series = read_series(repository.results, repository.commits)
    assert {point.config for one in series for point in one.points} == {oldest["config"]}


def test_the_history_of_this_repository_reads_as_it_was_written() -> None:
    results = ROOT / "results" / "asv"
    recorded = [one for one in runs.read(results) if one.run]
    commits = [Commit(one.commit, i, "", "") for i, one in enumerate(recorded)]
    series = read_series(results, commits)
    by_run = {one.run: one for one in recorded}
    assert len({one.short for one in series}) == len({name for one in recorded for name in one.units})
    for one in series:
        for point in one.points:
            assert one.benchmark in by_run[point.run].units
            assert point.config == by_run[point.run].config


def test_the_name_of_the_machine_is_not_in_the_files(recorded) -> None:
    import socket

    repository = recorded([0.75])
    text = "".join(file.read_text() for file in repository.results.rglob("*.json*"))
    assert socket.gethostname() not in text


def test_many_runs_are_recorded_with_the_work_of_one_for_what_all_share(
    monkeypatch: pytest.MonkeyPatch, repository: Repository, small_run: Path
) -> None:
    first, folders = read_run(small_run), []
    for i in range(12):
        hash_ = repository.commit(f"change {i}", 1_700_000_000 + i * 3600)
        folders.append(repository.root / f"run-{i}")
        folders[-1].mkdir()
        write_run(folders[-1], altered(first, hash_, 0.9))
    shared = {(module, name): Mock(wraps=getattr(module, name))
              for module, name in ((commits, "git"), (runs, "read"), (files, "write_benchmarks"))}  # fmt: skip
    for (module, name), counted in shared.items():
        monkeypatch.setattr(module, name, counted)
    assert len(record.record(folders, repository.results, repository.root)) == 12
    assert [counted.call_count for counted in shared.values()] == [1, 3, 1]
    assert len(runs.read(repository.results)) == 12
