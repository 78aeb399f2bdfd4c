"""A record agrees with itself, and whatever is changed in it afterwards is named."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harness.comparison.verify import verify
from harness.errors import HarnessError
from harness.gates.baseline import save
from harness.record import Run, read_run
from harness.record.folder import RUN_FILE, SAMPLES_FILE, write_run
from harness.record.seal import digests


@pytest.fixture
def copy(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run, tmp_path / "run"))


def test_a_run_agrees_with_itself_in_every_number(small_run: Path) -> None:
    found = verify(Run(small_run))
    assert found.doubts == ()
    assert found.files >= 1
    record = read_run(small_run)
    assert found.numbers >= sum(len(task.metrics) for task in record.tasks.values()) // 2 > 0


def test_a_baseline_that_was_kept_agrees_too(small_run: Path, tmp_path: Path) -> None:
    kept = save(small_run, "main", tmp_path)
    assert verify(Run(kept.folder)).doubts == ()
    assert (tmp_path / "main").is_dir()


def test_scores_that_were_set_to_nought_are_found_in_each_place_that_reads_them(copy: Path) -> None:
    zeroed(copy)
    found = verify(Run(copy))
    assert {doubt.where for doubt in found.doubts} >= {SAMPLES_FILE, "qa/relaxed_accuracy"}
    assert any("0 from its samples" in doubt.said for doubt in found.doubts)
    with pytest.raises(HarnessError, match="is not the file that"):
        Run(copy).table()


def test_scores_that_were_changed_with_new_checksums_still_do_not_give_the_numbers(copy: Path) -> None:
    zeroed(copy)
    record = read_run(copy)
    write_run(copy, record.model_copy(update={"files": digests(copy)}))
    found = verify(Run(copy))
    assert "qa/relaxed_accuracy" in {doubt.where for doubt in found.doubts}
    assert SAMPLES_FILE not in {doubt.where for doubt in found.doubts}


def test_answers_that_are_not_in_the_samples_are_missed(copy: Path) -> None:
    record = read_run(copy)
    write_run(copy, record.model_copy(update={"responses": {"ok": 1}}))
    assert "responses" in {doubt.where for doubt in verify(Run(copy)).doubts}


def test_a_number_that_was_edited_by_hand_is_refused(copy: Path) -> None:
    file = copy / RUN_FILE
    text = file.read_text()
    file.write_text(text.replace('"cached": 0', '"cached": 1'))
    with pytest.raises(HarnessError, match="its text and its checksum differ"):
        read_run(copy)


def test_a_record_of_before_has_no_checksums_and_is_read(copy: Path) -> None:
    told = json.loads((copy / RUN_FILE).read_text())
    del told["checksum"], told["files"]
    (copy / RUN_FILE).write_text(json.dumps(told))
    found = verify(Run(copy))
    assert (found.files, found.doubts) == (0, ())


@pytest.mark.parametrize("seed", range(30))
def test_no_bit_can_flip_unseen(copy: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    file = copy / rng.choice([RUN_FILE, SAMPLES_FILE])
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    try:
        found = verify(Run(copy))
    except HarnessError:
        return
    assert found.doubts


def test_a_damaged_checksum_makes_no_record_of_before(copy: Path) -> None:
    whole = (copy / RUN_FILE).read_bytes()
    edited = whole.replace(b'"value": 0', b'"value": 1', 1)
    assert edited != whole
    for place in range(len(whole) - 90, len(whole)):
        for bit in range(8):
            (copy / RUN_FILE).write_bytes(edited[:place] + bytes([edited[place] ^ 1 << bit]) + edited[place + 1 :])
            with pytest.raises(HarnessError):
                read_run(copy)


def zeroed(folder: Path) -> None:
    table = pq.read_table(folder / SAMPLES_FILE)
    name = "score.relaxed_accuracy"
    zeros = pc.multiply(table[name], pa.scalar(0.0))
    pq.write_table(table.set_column(table.column_names.index(name), name, zeros), folder / SAMPLES_FILE)


def test_the_command_says_what_does_not_agree(copy: Path, run_here: Callable[..., Any]) -> None:
    done = run_here("verify", str(copy))
    assert done.code == 0
    assert "all agree" in done.out
    zeroed(copy)
    done = run_here("verify", str(copy), "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert "samples.parquet" in {doubt["where"] for doubt in found["doubts"]}
    assert found["numbers"] > 0
