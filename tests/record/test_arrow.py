"""Arrow arrays without pandas: from lists and back, whatever is null, and wherever a slice begins."""

import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.arrow import array, as_numpy, constant, unsigned, where

WORDS = st.lists(st.none() | st.sampled_from(["", "a", "ä", "b" * 30]), max_size=40)
ANY = st.integers(-(2**31), 2**31 - 1)


@given(WORDS, st.data())
def test_rows_with_a_text_are_those_that_hold_it(words: list[str | None], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(["", "a", "ä"]))
    expected = [i for i, word in enumerate(words) if word == text]
    for kind in (pa.string(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table({"word": array(words, kind), "row": array([*range(len(words))], pa.int64())})
        assert where(table, "word", text)["row"].to_pylist() == expected
        assert where(table.slice(1), "word", text)["row"].to_pylist() == [i for i in expected if i > 0]


@given(st.lists(st.none() | ANY, max_size=40), st.integers(0, 5))
def test_numbers_come_back_with_another_for_null(values: list[int | None], start: int) -> None:
    for kind, missing in ((pa.int64(), -1), (pa.int32(), -1), (pa.float64(), math.nan)):
        whole = pa.chunked_array([array(values, kind), array(values[:3], kind)])
        for one in (array(values, kind), array(values, kind).slice(min(start, len(values))), whole):
            expected = [missing if value is None else value for value in one.to_pylist()]
            np.testing.assert_array_equal(as_numpy(one, missing), expected)
    truth = pa.array([None if value is None else value > 0 for value in values], pa.bool_())
    assert as_numpy(truth, 0).tolist() == [bool(value) for value in truth.to_pylist()]
    assert as_numpy(truth.slice(1), 1).tolist() == [value is not False for value in truth.to_pylist()[1:]]


def test_bytes_and_marks_and_constants() -> None:
    assert array([b"\xff", None, b""], pa.binary()).to_pylist() == [b"\xff", None, b""]
    numbers = np.array([[1, 2], [3, 2**64 - 1]], np.uint64)
    assert unsigned(numbers[:, 1]).to_pylist() == [2, 2**64 - 1]
    assert constant("a", pa.string()) == pa.scalar("a", pa.string())


@pytest.mark.parametrize("answers", ["right", "wrong"])
def test_a_run_and_its_report_import_nothing_heavy(answers: str, write) -> None:
    write("rows.jsonl", '{"id": "a", "question": "q", "answer": "x"}\n{"id": "b", "question": "p", "answer": "x"}\n')
    write("s.yaml", "suite: s\nversion: 1\ndatasets: {d: {type: jsonl, path: rows.jsonl}}\n"
          "tasks: {t: {kind: qa, dataset: d, metrics: [exact_match]}}\n")  # fmt: skip
    rate = 0 if answers == "right" else 1
    adapter = write("m.yaml", f"adapter: m\ntype: mock\nerror_rate: {rate}\n")
    code = f"""
import sys, harness
run = harness.run("s.yaml", r"{adapter}")
assert (run.folder / "report.html").is_file()
print(sorted({{"pandas", "scipy", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=adapter.parent)
    assert done.stdout.strip() == "[]", done.stdout
