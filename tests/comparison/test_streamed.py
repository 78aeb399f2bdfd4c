"""A run that is read a column and a few rows at a time says what one says that is held, to the last character."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.comparison.compare import Options, compare
from harness.record import Run, sources
from harness.record.folder import SAMPLES_FILE, write_run
from harness.report import part
from harness.report.compare_html import Pair, comparisons_html
from harness.report.compare_json import compare_json
from harness.report.compare_markdown import compare_markdown
from harness.report.markdown import markdown
from harness.report.one_answer import answers
from harness.report.paired_samples import paired_data
from harness.report.part import fitting
from harness.report.samples import browser_data

COLOURS = ("red", "green", "blue")
COUNT = 120


def _scores(shift: int) -> list[float | None]:
    return [float((7 * i + shift * (i % 11 == 0)) % 5 > 1) for i in range(COUNT)]


def _rows(**changes: Callable[[int], Any]) -> dict[str, dict[str, Any]]:
    tags = {"tags": lambda i: {"kind": COLOURS[i % 3], "odd": str(i % 2)}}
    said = {"response": lambda i: f"Answer  {i % 13}" if i % 2 else f"answer {i % 13} "}
    return {f"s{i:04d}": {name: of(i) for name, of in (tags | said | changes).items()} for i in range(COUNT)}


def _written(run: Run, table: pa.Table, **changes: Any) -> Run:
    """Write a run's samples in small row groups, and change its task."""
    pq.write_table(table, run.folder / SAMPLES_FILE, row_group_size=16, write_page_checksum=True)
    tasks = {"qa": run.record.tasks["qa"].model_copy(update=changes)}
    write_run(run.folder, run.record.model_copy(update={"tasks": tasks}))
    return Run(run.folder)


def _ordinary(make_run, name: str, shift: int) -> Run:
    run = make_run(name, _scores(shift), _rows())
    return _written(run, run.table())


def _clustered(make_run, name: str, shift: int) -> Run:
    run = make_run(name, _scores(shift), _rows(cluster=lambda i: f"image {i // 4}" if i % 9 else ""))
    return _written(run, run.table())


def _failing(make_run, name: str, shift: int) -> Run:
    scores = [None if i % (19 - 5 * shift) == 3 else score for i, score in enumerate(_scores(shift))]
    run = make_run(name, scores, _rows(error=lambda i: f"late by {i}" if i % 19 == 3 else None))
    return _written(run, run.table())


def _unpaired(make_run, name: str, shift: int) -> Run:
    scores = {f"s{i:04d}": score for i, score in enumerate(_scores(shift)) if shift == 0 or i % 10}
    rows = {
        name: {**row, "request_hash": "f" * 64} if shift and number % 17 == 5 else row
        for number, (name, row) in enumerate(_rows().items())
    }
    run = make_run(name, scores | ({"new": 1.0} if shift else {}), rows)
    return _written(run, run.table().take(list(range(len(scores)))[::-1]))


def _twice(make_run, name: str, shift: int) -> Run:
    """The same id stands twice, with another answer."""
    run = make_run(name, _scores(shift), _rows())
    table = run.table()
    return _written(run, pa.concat_tables([table, table.slice(20, 25), table.slice(3, 9).take([8, 1, 2])]))


def _epochs(make_run, name: str, shift: int) -> Run:
    run = make_run(name, _scores(shift), _rows())
    table = run.table()
    ids = pa.array([f"q{i // 3}#{i % 3 + 1}" for i in range(COUNT)])
    table = table.set_column(table.column_names.index("sample_id"), "sample_id", ids)
    return _written(run, table, epochs=3, reducer="majority")


MAKERS = (_ordinary, _clustered, _failing, _unpaired, _twice, _epochs)


def _said(one: Run, other: Run) -> list[str]:
    """Return everything that is said of two runs and of one."""
    compared = compare(one, other, Options(resamples=100))
    flipping = {flips.task for flips in compared.flips}
    pages = []
    for most in (part.ROWS, 60):
        part.fitting.__kwdefaults__["rows"] = most
        pages.append(paired_data(one, other, flipping))
    shown = fitting(lambda rows: browser_data(other.folder, other.record, rows), other.record, other.source(), rows=40)
    return [
        json.dumps(compare_json(compared)),
        compare_markdown([compared]),
        comparisons_html([Pair(one, other, compared).compared]),
        json.dumps(pages),
        markdown(other.folder),
        json.dumps(shown),
        json.dumps(answers(other, other.table()["sample_id"][7].as_py())),
    ]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.strip("_"))
def test_what_is_read_little_by_little_is_said_as_what_is_held(
    make_run, make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part.fitting, "__kwdefaults__", {**part.fitting.__kwdefaults__})
    one, other = make(make_run, "one", 0), make(make_run, "other", 1)
    held = _said(one, other)
    monkeypatch.setattr(sources, "HELD", 0)
    monkeypatch.setattr(sources, "_AT_ONCE", 7)
    monkeypatch.setattr(sources, "_FEWEST", 1)
    assert _said(Run(one.folder), Run(other.folder)) == held


MEASURED = """
import sys
from pathlib import Path
import pyarrow as pa
from harness.cli import invoke
from harness.record import Run

out = Path(sys.argv[3])
invoke(["compare", *sys.argv[1:3], "--format", "json", "--out", str(out / "compare.json")])
invoke(["show", sys.argv[1], "--answer", "s7"])
peak = pa.default_memory_pool().max_memory()
invoke(["report", sys.argv[1], "--out", str(out / "report.html")])
print("pandas" in sys.modules, peak, Run(Path(sys.argv[1])).table().nbytes)
"""


def test_neither_a_comparison_nor_a_report_holds_the_texts_of_all_rows_or_loads_pandas(
    make_run, tmp_path: Path
) -> None:
    rows, long = 12_000, "a long answer " * 100
    runs = []
    for name, wrong in (("one", 50), ("other", 40)):
        run = make_run(name, [1.0, 0.0])
        few, kinds = run.table(), pa.string()
        changed = {
            "sample_id": pa.array([f"s{i}" for i in range(rows)]),
            "request_hash": pa.array([f"{i:0>64}" for i in range(rows)]),
            "response": pa.array([f"{long}{i % 7}" for i in range(rows)], kinds),
            "prompt": pa.array([f"{i}: {long}" for i in range(rows)], kinds),
        }
        table = few.take([int(i % wrong == 0) for i in range(rows)])
        for column, values in changed.items():
            table = table.set_column(table.column_names.index(column), column, values)
        pq.write_table(table, run.folder / SAMPLES_FILE, row_group_size=4_096, compression="zstd")
        runs.append(str(run.folder))
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, *runs, str(tmp_path)], capture_output=True, text=True, check=True
    )
    pandas, peak, whole = told.stdout.split()[-3:]
    assert pandas == "False"
    assert int(whole) > 32_000_000
    assert int(peak) < int(whole) // 3
