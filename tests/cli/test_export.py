"""``harness export``: a run in the form of another program, which reads again as the same scores."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import harness
from harness.imports import Asked, bring_in
from harness.record import Run
from tests.imports.conftest import LOGS


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_an_export_reads_again_as_the_same_numbers(run_here, tmp_path: Path, format_: str) -> None:
    file = tmp_path / f"out.{format_}"
    done = run_here("export", LOGS / "lm-eval/a", "--to", format_, "-o", file)
    assert (done.code, done.out) == (0, f"{file}: 120 rows\n"), done.err
    asked = Asked(lower=("out_len",), columns={"score": "exact_match,acc,acc_norm,em,out_len"})
    again = Run(bring_in(file, tmp_path / "runs", "table", asked))
    before = harness.load_run(LOGS / "lm-eval/a")
    for name, value in before.metrics.items():
        assert again.metrics[name].value == pytest.approx(value.value)
    rows = again.table().to_pylist()
    assert [row["references"] for row in rows] == [row["references"] for row in before.table().to_pylist()]


def test_a_text_that_a_spreadsheet_would_compute_is_told_apart(run_here, tmp_path: Path, write) -> None:
    log = write("log.csv", 'id,acc,prediction\na,1,"=1+1"\nb,0,@x\nc,1,fine\n')
    assert run_here("export", log, "-o", tmp_path / "o.csv").code == 0
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as opened:
        assert [row["response"] for row in csv.DictReader(opened)] == ["'=1+1", "'@x", "fine"]
    assert run_here("export", log, "--to", "parquet", "-o", tmp_path / "o.parquet").code == 0
    assert pq.read_table(tmp_path / "o.parquet")["response"].to_pylist() == ["=1+1", "@x", "fine"]
    assert run_here("export", log, "-o", log / "x.csv").code == 2


@pytest.mark.parametrize("kind", ["lm-eval", "inspect"])
def test_a_run_of_several_tasks_and_cells_reads_again_as_the_same_numbers(
    run_here, small_run: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "logs"
    done = run_here("export", small_run, "--to", kind, "-o", out)
    assert done.code == 0, done.err
    ours = harness.load_run(small_run)
    counted: dict[tuple[str, str, str], float] = {}
    for log in [out] if kind == "lm-eval" else sorted(out.iterdir()):
        again = Run(bring_in(log, tmp_path / "runs"))
        assert again.record.adapter.simulated
        for task, told in again.record.tasks.items():
            # A log of Inspect has no place for a direction.
            assert not [one for one in told.findings if "better" not in one.text or kind == "lm-eval"]
            for cell, measures in told.cells.items():
                name, _, place = task.partition("@")
                only = next(iter(ours.record.tasks[name].cells))
                for metric, value in measures.metrics.items():
                    counted[name, cell if kind == "lm-eval" else place or only, metric] = value.value
    expected = {
        (task, cell, metric): measures.metrics[metric].value
        for task, told in ours.record.tasks.items()
        for cell, measures in told.cells.items()
        for metric in told.columns
        if metric in measures.metrics
    }
    assert len(expected) > 5
    assert counted == pytest.approx(expected, abs=1e-6)


def test_a_table_of_weights_and_biases_holds_columns_and_rows(run_here, small_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.table.json"
    assert run_here("export", small_run, "--to", "wandb-table", "-o", file).code == 0
    table = json.loads(file.read_text(encoding="utf-8"))
    assert (len(table["columns"]), len(table["data"])) == (table["ncols"], table["nrows"])
    assert {len(row) for row in table["data"]} == {table["ncols"]}
    scores = [row[table["columns"].index("relaxed_accuracy")] for row in table["data"]]
    assert set(scores) <= {0.0, 1.0, None}
    assert run_here("export", small_run, "--to", "inspekt").code == 2
