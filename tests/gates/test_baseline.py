"""A baseline is small, replaces its older self, and is refused as soon as it no longer fits."""

from pathlib import Path

import pytest

from harness.comparison.compare import compare
from harness.comparison.identity import Identity, NoBaseline
from harness.errors import ExitCode, UsageError
from harness.gates import baseline
from harness.record import Run
from harness.report.compare_json import compare_json


def test_comparing_with_a_baseline_is_comparing_with_its_run(sweep_runs, tmp_path: Path) -> None:
    one, other = sweep_runs
    saved = baseline.save(one.folder, "main", tmp_path)
    assert compare_json(compare(Run(saved.folder), other)) == compare_json(compare(one, other))


def test_a_baseline_is_much_smaller_than_its_run(sweep_runs, tmp_path: Path) -> None:
    run = sweep_runs[0].folder
    saved = baseline.save(run, "main", tmp_path)
    assert (saved.folder / "samples.parquet").stat().st_size < 0.7 * (run / "samples.parquet").stat().st_size
    assert sorted(file.name for file in saved.folder.iterdir()) == ["run.json", "samples.parquet"]


def test_saving_again_replaces_and_another_adapter_stands_beside(make_run, tmp_path: Path) -> None:
    root = tmp_path / "baselines"
    baseline.save(make_run("a", [1.0] * 3).folder, "main", root)
    baseline.save(make_run("b", [0.0] * 3).folder, "main", root)
    baseline.save(make_run("c", [0.0] * 3, adapter={"name": "second"}).folder, "main", root)
    assert sorted(one.record.run_id for one in baseline.baselines(root)) == ["b", "c"]
    assert baseline.find("main", "made", "second", False, root).record.run_id == "c"


def test_the_only_baseline_of_a_kind_serves_other_adapters_and_a_choice_is_not_guessed(
    make_run, tmp_path: Path
) -> None:
    root = tmp_path / "baselines"
    baseline.save(make_run("a", [1.0] * 3, adapter={"name": "fp32"}).folder, "main", root)
    baseline.save(make_run("m", [1.0] * 3, adapter={"name": "mock", "simulated": True}).folder, "main", root)
    assert baseline.find("main", "made", "int8", False, root).record.run_id == "a"
    baseline.save(make_run("b", [1.0] * 3, adapter={"name": "fp16"}).folder, "main", root)
    with pytest.raises(NoBaseline, match="has no run on 'int8', but on fp16, fp32, mock; name the one you mean"):
        baseline.find("main", "made", "int8", False, root)


def test_a_run_folder_serves_as_a_baseline(make_run) -> None:
    run = make_run("a", [1.0] * 3)
    assert baseline.find(str(run.folder), "made", "any", False).record.run_id == "a"


def test_no_baseline_is_exit_code_3_and_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoBaseline, match="harness baseline save main") as missing:
        baseline.find("main", "made", "model", False, tmp_path)
    assert missing.value.exit_code == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": {"dataset": "d1"}}, "data of qa"),
        ({"config": {"prompt": "?"}}, "prompt of qa"),
        ({"suite": {"version": 9}}, "suite version: 1 in the baseline, 9"),
    ],
)
def test_a_baseline_that_no_longer_fits_is_refused_with_the_reason(make_run, change, said: str, tmp_path: Path) -> None:
    saved = baseline.save(make_run("a", [1.0] * 3).folder, "main", tmp_path / "baselines")
    with pytest.raises(NoBaseline, match=said):
        baseline.check(saved, Identity.of(make_run("b", [1.0] * 3, **change).record), ["qa"])


def test_a_task_that_the_baseline_lacks_is_a_reason_and_a_gate_elsewhere_is_none(make_run, tmp_path: Path) -> None:
    run = make_run("a", [1.0] * 3)
    saved = baseline.save(run.folder, "main", tmp_path / "baselines")
    baseline.check(saved, Identity.of(run.record), ["qa"])
    with pytest.raises(NoBaseline, match="task 'new' is not in it"):
        baseline.check(saved, Identity.of(run.record), ["new"])


def test_keys_are_equal_where_runs_can_be_compared(make_run, tmp_path: Path) -> None:
    keys = [Identity.of(make_run(name, [1.0], adapter={"name": name}).record).key for name in ("a", "b")]
    other = Identity.of(make_run("c", [1.0], config={"dataset": "d1"}).record).key
    assert keys[0] == keys[1] != other


def test_a_run_that_was_not_completed_is_no_baseline(make_run, tmp_path: Path) -> None:
    run = make_run("a", [1.0], status="interrupted", reason="stopped")
    with pytest.raises(UsageError, match=r"is interrupted \(stopped\); only a complete run can be a baseline"):
        baseline.save(run.folder, "main", tmp_path)


@pytest.mark.parametrize("name", ["../main", "", "a/b", ".hidden", "x" * 81, "*"])
def test_a_name_that_could_leave_the_folder_is_refused(make_run, name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a baseline"):
        baseline.save(make_run("a", [1.0]).folder, name, tmp_path)
    with pytest.raises(UsageError, match="there is no baseline"):
        baseline.remove(name, tmp_path)
    with pytest.raises(NoBaseline):
        baseline.find(name or "nothing", "made", "model", False, tmp_path)


def test_removing_takes_the_name_with_all_its_runs_and_suggests_what_was_meant(make_run, tmp_path: Path) -> None:
    root = tmp_path / "baselines"
    baseline.save(make_run("a", [1.0]).folder, "main", root)
    with pytest.raises(UsageError, match="did you mean 'main'"):
        baseline.remove("mian", root)
    baseline.remove("main", root)
    assert list(root.iterdir()) == []
