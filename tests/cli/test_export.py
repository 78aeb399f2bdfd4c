"""``harness export``: a run as a table, which reads again as the same scores."""

import csv
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
