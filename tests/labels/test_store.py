"""A label file: strict where it is read, durable where it is written, and of several people."""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.labels import (
    NO_ANSWER,
    AnswerLabel,
    Draw,
    LabelSet,
    LabelWriter,
    PairLabel,
    answer_digest,
    question_key,
    read_labels,
)
from harness.labels.rows import BadRow, label_of
from harness.stats.agreement import krippendorff

AT = "2026-03-01T12:00:00+00:00"
KEY = question_key("s1", "ab" * 32)
A, B = answer_digest("12"), answer_digest("13")


def pair(better: str | None, by: str = "ann", a: str = A, b: str = B, key: str = KEY) -> PairLabel:
    return PairLabel(key, a, b, better, by, AT)  # type: ignore[arg-type]


def value(worth: float | None, by: str = "ann") -> AnswerLabel:
    return AnswerLabel(KEY, A, worth, by, AT, "12")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "labels.jsonl"
    with LabelWriter(file) as out:
        out.append(pair("b"))
        out.append(value(0.5), PairLabel(KEY, A, NO_ANSWER, "a", "bob", AT, Draw("d", 3, 40, 0.02)))
    found = read_labels(file)
    assert len(found) == 3
    assert found.annotators == ["ann", "bob"]
    assert (found.preference(KEY, A, B), found.preference(KEY, B, A), found.value(KEY, A)) == (1.0, -1.0, 0.5)
    assert next(one.draw for one in found if one.by == "bob") == Draw("d", 3, 40, 0.02)


def test_the_last_label_by_a_person_counts_and_may_take_the_first_back() -> None:
    assert LabelSet.of([pair("a"), pair("b")]).preference(KEY, A, B) == 1
    assert LabelSet.of([pair("a"), pair("a", a=B, b=A)]).preference(KEY, A, B) == 1  # turned round, it is one pair
    assert LabelSet.of([pair("a"), pair(None)]).preference(KEY, A, B) is None
    assert len(LabelSet.of([value(1.0), value(None)])) == 0


def test_several_people_make_a_mean_or_a_majority() -> None:
    found = LabelSet.of([pair("a", "ann"), pair("b", "bob"), pair("b", "cat")])
    assert found.preference(KEY, A, B) == pytest.approx(1 / 3)
    assert found.preference(KEY, A, B, "majority") == 1
    assert LabelSet.of([pair("a", "ann"), pair("b", "bob")]).preference(KEY, A, B, "majority") == 0


def test_a_last_line_that_breaks_off_does_not_count_and_the_next_label_stands_on_a_line_of_its_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "labels.jsonl"
    with LabelWriter(file) as out:
        out.append(pair("a"), value(1.0))
    whole = file.read_bytes()
    for end in range(len(whole) - 1, whole.index(b"\n"), -1):
        file.write_bytes(whole[:end])
        kept = len(read_labels(file))
        assert kept == (2 if end == len(whole) - 1 else 1)
        with LabelWriter(file) as out:
            out.append(pair("b", "bob"))
        assert len(read_labels(file)) == kept + 1
        assert all(json.loads(line) for line in file.read_text().splitlines())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("[]", "a label is an object"),
        ("{}", "needs either `answer` and `value`"),
        ("nonsense", "no line of JSON"),
        (json.dumps(value(1.0).plain() | {"value": 1.5}), "`value` must be a number from 0 to 1, not 1.5"),
        (json.dumps(value(1.0).plain() | {"value": True}), "`value` must be a number"),
        (json.dumps(value(1.0).plain() | {"key": "s1"}), "`key` must be a SHA-256"),
        (json.dumps(pair("a").plain() | {"better": "A"}), '`better` must be "a", "b" or "tie"'),
        (json.dumps(pair("a").plain() | {"b": A}), "the same answer"),
        (json.dumps(pair("a").plain() | {"by": " "}), "`by` must name whoever"),
        (json.dumps(pair("a").plain() | {"at": "yesterday"}), "`at` must be a date"),
        (json.dumps(pair("a").plain() | {"draw": {"design": "d", "number": 5, "of": 4, "chance": 1}}), "`draw` must"),
    ],
)
def test_a_row_that_is_no_label_is_named_by_file_and_line(tmp_path: Path, row: str, said: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(f"{json.dumps(pair('a').plain())}\n\n{row}\n")
    with pytest.raises(UsageError) as caught:
        read_labels(file)
    assert str(caught.value).startswith(f"{file}:3:1: ")
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read labels from .*: No such file"):
        read_labels(tmp_path / "labels.jsonl")
    with pytest.raises(UsageError, match="cannot write labels to"):
        LabelWriter(tmp_path)


def _write(file: Path, by: str) -> None:
    with LabelWriter(file) as out:
        for i in range(40):
            out.append(PairLabel(question_key(f"s{i}", None, "?"), A, B, "tie", by, AT))


def test_several_processes_append_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=_write, args=(file, by)) for by in ("ann", "bob", "cat")]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert len(read_labels(file)) == 120


def test_a_label_that_was_written_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.labels.test_store import *\n"
        "out = LabelWriter(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    out.append(PairLabel(question_key(f's{i}', None, '?'), A, B, 'a', 'ann', AT)); print(i, flush=True)\n"
    )
    file = tmp_path / "labels.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(30)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    assert len(read_labels(file)) >= len(told)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["key", "answer", "value", "a", "b", "better", "by", "at", "draw", "text"]), one)))  # fmt: skip
def test_whatever_a_line_holds_it_is_a_label_or_a_sentence(found: object) -> None:
    with contextlib.suppress(BadRow):
        assert label_of(found).by


def test_alpha_is_that_of_the_textbook() -> None:
    gap = None  # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C and D: four observers
    told = [
        (1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3),
        (gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap),
    ]
    things = [[float(one) for one in column if one is not None] for column in zip(*told, strict=True)]
    assert krippendorff(things).alpha == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(things, "interval").alpha == pytest.approx(0.849, abs=5e-4)


def test_agreement_of_those_who_agree_is_not_certain_and_of_one_person_unknown() -> None:
    same = krippendorff([[0.0, 0.0], [1.0, 1.0]] * 10)
    assert same.alpha == 1
    assert 0.5 < same.low < 0.9
    alone = LabelSet.of([pair("a")]).agreement()
    assert (alone.units, alone.people) == (0, 1)
    assert alone.alpha != alone.alpha


def test_agreement_covers_the_truth_of_people_who_guess_now_and_then() -> None:
    import numpy as np

    rng = np.random.default_rng(5)
    truth = krippendorff(_judged(rng, 20_000)).alpha
    found = [krippendorff(_judged(rng, 60), seed=i) for i in range(50)]
    inside = sum(one.low <= truth <= one.high for one in found)
    assert 43 <= inside <= 50


def _judged(rng, n: int):  # type: ignore[no-untyped-def]
    import numpy as np

    truth = rng.integers(-1, 2, n)
    said = np.where(rng.random((n, 2)) < 0.2, rng.integers(-1, 2, (n, 2)), truth[:, None])
    return said.astype(float)
