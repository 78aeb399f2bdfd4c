"""Rows of every layout, written as JSON lines and read again, are the same rows with the same pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.data import write_rows
from harness.data.jsonl import JsonlConfig, JsonlDataset
from harness.types import Sample
from tests.data.test_layouts import LAYOUTS, SETS, Set, opened


def same(sample: Sample) -> tuple[object, ...]:
    facts = {name: value for name, value in sample.facts.items() if value is not None}
    return (sample.question, sample.references, sample.evidence, dict(sample.tags), facts)


def pixels(sample: Sample) -> Sequence[object]:
    return [np.asarray(image.load()).tolist() for image in sample.images]


@pytest.mark.parametrize("known", SETS, ids=str)
def test_what_is_written_reads_again_as_the_same_rows(known: Set, tmp_path: Path) -> None:
    before = [*opened(known.type, known.path, **known.keys)]
    written = write_rows(before, tmp_path)
    kept = [one for one in before if one.problem is None and one.clip is None and one.references]
    assert written.count + written.left_out.total() == len(before)
    assert written.count >= len(kept) - written.left_out["rows whose picture is missing"]
    if not written.count:
        return
    keys = written.keys()
    assert keys.pop("type") == "jsonl"
    again = {one.id: one for one in JsonlDataset.from_config(JsonlConfig(**keys), tmp_path, (tmp_path,))}
    assert len(again) == written.count
    for one in kept:
        if one.id in again:
            assert same(again[one.id]) == same(one)
            assert pixels(again[one.id]) == pixels(one)


def test_a_converted_set_and_a_sample_of_it_are_reached_from_the_command_line(run_here, tmp_path: Path) -> None:
    done = run_here("data", "convert", LAYOUTS / "MMBench", "-o", tmp_path / "all")
    assert done.code == 0, done.err
    assert 'type: "jsonl"' in done.out
    assert run_here("data", "check", tmp_path / "all/rows.jsonl").code == 0
    few = run_here("data", "sample", tmp_path / "all/rows.jsonl", 1, "-o", tmp_path / "few", "--by", "category")
    assert (few.code, len((tmp_path / "few/rows.jsonl").read_text().splitlines())) == (0, 1), few.err
    wrong = run_here("data", "sample", tmp_path / "all/rows.jsonl", 1, "-o", tmp_path / "none", "--by", "categori")
    assert (wrong.code, "did you mean 'category'?" in wrong.err) == (2, True)
    again = run_here("data", "sample", tmp_path / "all/rows.jsonl", 1, "-o", tmp_path / "few")
    assert (again.code, "not empty" in again.err) == (2, True)
