"""Tables of anybody's: CSV, TSV, JSON Lines and Parquet."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import harness
from harness.errors import UsageError
from harness.imports import opened
from harness.record import Run

ROWS = [
    {"id": f"q{i:02d}", "question": f"What is {i} + 1?", "answer": str(i + 1), "prediction": str(i + (i % 4 != 0)),
     "correct": float(i % 4 != 0), "style": "even" if i % 2 == 0 else "odd"}
    for i in range(40)
]  # fmt: skip


def written(folder: Path, ending: str) -> Path:
    file = folder / f"scores.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    elif ending == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        separator = "\t" if ending == "tsv" else ","
        lines = [[*ROWS[0]], *([str(cell) for cell in row.values()] for row in ROWS)]
        file.write_text("".join(separator.join(line) + "\n" for line in lines))
    return file


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_columns_of_common_names_need_no_map(imported: Callable[..., Run], tmp_path: Path, ending: str) -> None:
    run = imported(written(tmp_path, ending))
    assert run.metrics["samples/correct"].value == pytest.approx(0.75)
    assert run.record.tasks["samples"].columns["correct"].binary
    rows = run.table().to_pylist()
    assert [row["sample_id"] for row in rows] == [row["id"] for row in ROWS]
    assert (rows[3]["prompt"], rows[3]["references"], rows[3]["response"]) == ("What is 3 + 1?", ["4"], "4")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_other_names_are_mapped(imported: Callable[..., Run], tmp_path: Path, ending: str) -> None:
    columns = {"id": "question", "score": "correct,prediction", "tag": "style", "task": "style"}
    run = imported(written(tmp_path, ending), columns=columns, lower=("prediction",))
    assert {*run.record.tasks} == {"even", "odd"}
    assert run.metrics["even/correct"].n == 20
    assert run.metrics["odd/prediction"].direction == "lower"
    assert run.metrics["odd/prediction"].value == pytest.approx(sum(i + 1 for i in range(1, 40, 2)) / 20)
    assert set(run.table()["tag.style"].to_pylist()) == {"even", "odd"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"score": "corect"},
            "has no column 'corect'; its columns are id, question, answer, prediction, correct, style",
        ),
        ({"scor": "correct"}, "unknown role 'scor'; did you mean 'score'"),
    ],
)
def test_a_map_that_names_nothing_is_refused(imported, tmp_path: Path, columns: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        imported(written(tmp_path, "csv"), columns=columns)


def test_a_table_without_known_columns_says_which_it_has(imported: Callable[..., Run], write) -> None:
    with pytest.raises(UsageError, match=r"which column is its id\? its columns are name, points; say --map id=COLUMN"):
        imported(write("odd.csv", "name,points\na,1\n"))
    with pytest.raises(UsageError, match=r"which column is its score\? its columns are id, points"):
        imported(write("odd.csv", "id,points\na,1\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,score\na,1\nb\n", r"odd\.csv:3: 1 cells where the header has 2"),
        ("id,score\na,good\n", r"odd\.csv:2: score is 'good', which is no score"),
        ("id,score\n,1\n", r"odd\.csv:2: a row without id"),
        ("id,score\na,1\na,0\n", r"odd\.csv:3: sample 'a' of task 'samples' stands twice, with other content"),
        ("id,score\n", "holds no sample with a score"),
        ("", "is empty"),
        ('id,score\na,"1\n', "cannot be read as a table"),
        ("id,score\na\0,1\n", r"odd\.csv:2: a byte of zero"),
        ("id,score,epoch\na,1,x\n", r"odd\.csv:2: the epoch is 'x', which is no whole number"),
    ],
)
def test_a_broken_table_is_refused_at_its_line(imported: Callable[..., Run], write, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        imported(write("odd.csv", text))


def test_empty_and_undefined_scores_do_not_count(imported: Callable[..., Run], write) -> None:
    run = imported(write("t.csv", "id,acc\na,1\nb,\nc,nan\nd,true\ne,0\n"))
    value = run.metrics["samples/acc"]
    assert (value.n, value.total, value.value) == (3, 3, pytest.approx(2 / 3))
    assert value.statuses == {"ok": 3, "undefined": 2}


@pytest.mark.parametrize(("policy", "value", "n"), [("origin", 1.0, 2), ("exclude", 1.0, 2), ("wrong", 0.5, 4)])
def test_failures_count_as_asked(imported: Callable[..., Run], write, policy: str, value: float, n: int) -> None:
    text = "id,acc,error\na,1,\nb,1,\nc,,503\nd,0,timeout\n"
    found = imported(write("t.csv", text), failures=policy)
    assert (found.metrics["samples/acc"].value, found.metrics["samples/acc"].n) == (value, n)
    assert found.metrics["samples/acc"].statuses == {"error": 2, "ok": 2}
    assert [row["error"] for row in found.table().to_pylist()] == [None, None, "503", "timeout"]


def test_repeats_are_one_number_a_question(imported: Callable[..., Run], write) -> None:
    run = imported(write("t.csv", "id,acc,epoch\na,1,0\na,0,1\nb,1,0\nb,1,1\nc,0,0\nc,0,1\n"))
    assert run.record.tasks["samples"].epochs == 2
    assert (run.metrics["samples/acc"].value, run.metrics["samples/acc"].n) == (pytest.approx(0.5), 3)


def test_samples_of_one_image_are_drawn_together(imported: Callable[..., Run], write) -> None:
    text = "id,acc,image_id\n" + "".join(f"{i},{i // 4 % 2},im{i // 4}\n" for i in range(80))
    alone = imported(write("t.csv", text.replace("image_id", "unread")))
    together = imported(write("t.csv", text))
    spread = [run.metrics["samples/acc"].high - run.metrics["samples/acc"].low for run in (alone, together)]
    assert spread[1] > 1.5 * spread[0]


def test_values_beyond_a_known_range_are_told(imported: Callable[..., Run], write) -> None:
    run = imported(write("t.csv", "id,acc\na,57\nb,61.5\n"))
    assert run.record.tasks["samples"].columns["acc"].bounds == (None, None)
    assert "acc has values from 57 to 61.5, outside of its range" in run.record.tasks["samples"].findings[0].text
    scaled = imported(write("t.csv", "id,acc\na,57\nb,61.5\n"), bounds={"acc": (0.0, 100.0)})
    assert scaled.record.tasks["samples"].columns["acc"].bounds == (0.0, 100.0)


def test_formulas_and_markup_stay_texts(imported: Callable[..., Run], write, run_here) -> None:
    evil = '=HYPERLINK("http://x";"y")'
    text = f'id,acc,prediction,answer\n=1+1,1,"{evil.replace(chr(34), chr(34) * 2)}",<script>alert(1)</script>\n'
    run = imported(write("t.csv", text + "b,0,x,y\n"))
    row = run.table().to_pylist()[0]
    assert (row["sample_id"], row["response"]) == ("=1+1", evil)
    assert run_here("report", run.folder).code == 0
    assert "<script>alert(1)" not in (run.folder / "report.html").read_text(encoding="utf-8")


def test_the_same_log_always_makes_the_same_record(imported: Callable[..., Run], tmp_path: Path) -> None:
    file = written(tmp_path, "csv")
    first, second = imported(file), Run(opened(file))
    assert first.folder.name == second.folder.name
    assert first.record == second.record
    assert first.table().equals(second.table())
    assert opened(file) == second.folder


def test_a_log_that_was_written_over_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,acc\na,1\nb,0\n")
    before = harness.load_run(tmp_path / "log.csv").metrics["samples/acc"].value
    (tmp_path / "log.csv").write_text("id,acc\na,1\nb,1\nc,1\n")
    assert (before, harness.load_run(tmp_path / "log.csv").metrics["samples/acc"].value) == (0.5, 1.0)


def test_a_shuffled_table_is_paired_by_its_ids(imported: Callable[..., Run], write, tmp_path: Path) -> None:
    head, *lines = written(tmp_path, "csv").read_text().splitlines()
    shuffled = imported(write("other.csv", "\n".join([head, *lines[::-1]]) + "\n"))
    compared = harness.compare(tmp_path / "scores.csv", shuffled)
    assert compared.warnings == ()
    assert (compared.deltas[0].rows, compared.deltas[0].before, compared.deltas[0].after) == (40, 0.75, 0.75)
