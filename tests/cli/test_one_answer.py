"""``harness show --answer``: one answer from its prompt to its price, whatever the record holds of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from tests.conftest import Done
from tests.edited import sign


def test_an_answer_is_told_from_what_was_sent_to_what_it_took(
    small_run: Path, run_apart: Callable[..., Done], run_here: Callable[..., Done]
) -> None:
    row = Run(small_run).table().slice(0, 1).to_pylist()[0]
    name = f"{row['task']}/{row['cell']}/{row['sample_id']}"
    done = run_apart("show", small_run, "--answer", name, cwd=small_run.parent)
    assert done.code == 0, done.err
    for part in (name, row["prompt"], row["response"], "max_new_tokens", "attempts", "relaxed_accuracy"):
        assert part in done.out
    (told,) = json.loads(run_here("show", small_run, "--answer", name, "--json").out)
    assert told["sent"] == json.loads(row["sent"])
    assert told["read"] == [["clean@1", row["response"]]]
    assert (told["attempts"], told["price"]) == (1, None)


def test_a_sample_of_many_cells_is_told_of_each_and_an_unknown_one_names_the_nearest(
    small_run: Path, run_here: Callable[..., Done]
) -> None:
    identity = Run(small_run).table()["sample_id"][0].as_py()
    done = run_here("show", small_run, "--answer", identity, "--json")
    asked = [one["sample"] for one in json.loads(done.out)]
    assert len(asked) == sum(one == identity for one in Run(small_run).table()["sample_id"].to_pylist()) > 1
    wrong = run_here("show", small_run, "--answer", identity + "x")
    assert (wrong.code, identity in wrong.err) == (2, True)


def test_a_record_that_kept_less_and_a_text_that_would_steer_the_terminal_do_no_harm(
    small_run: Path, tmp_path: Path, run_here: Callable[..., Done]
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(small_run, folder)
    table = Run(folder).table().drop_columns(["sent", "seconds", "attempts"])
    hostile = pa.array(["\x1b[2J\u202eevil"] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index("response"), "response", hostile), folder / SAMPLES_FILE)
    sign(folder)
    done = run_here("show", folder, "--answer", table["sample_id"][0].as_py())
    assert done.code == 0
    assert "not recorded" in done.out
    assert "\x1b[2J" not in done.out
    assert "\u202e" not in done.out
