"""Failures are grouped by what was said, whatever differs from sample to sample in it."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.failures import Failures, changes, failures_in, pattern
from harness.record.store import Row
from tests.made_runs import row


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timed out after 1.53 s", "timed out after 2,048 s"),
        ("object at 0x7f01aa", "object at 0xdeadbeef"),
        ("img/a-1.png: truncated", "other/b.jpeg: truncated"),
        ("request req_01Ab9Zq failed", "request req_77Xy12p failed"),
        ("550e8400-e29b-41d4-a716-446655440000 is gone", "123e4567-e89b-12d3-a456-426614174000 is gone"),
        ("connection to 10.0.0.1:8000 failed", "connection to 10.0.0.27:8001 failed"),
    ],
)
def test_ids_numbers_addresses_and_files_make_no_other_reason(one: str, other: str) -> None:
    assert pattern(one) == pattern(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the server answered 401: no", "the server answered 500: no"),
        ("exit code 1", "exit code 137"),
        ("KeyError: 'size'", "KeyError: 'boxes'"),
    ],
)
def test_what_says_what_happened_does(one: str, other: str) -> None:
    assert pattern(one) != pattern(other)


@given(st.text(max_size=80), st.text(max_size=8))
def test_a_pattern_is_made_of_any_text_and_has_no_other_pattern(said: str, sample: str) -> None:
    once = pattern(said, sample)
    assert pattern(once) == once


def failed(sample: str, error: str | None, **changes: object) -> Row:
    return row(sample, None, error=error, **changes)


def test_groups_tell_how_many_where_and_the_first_and_every_failed_row_is_in_one() -> None:
    taken = Failures()
    for one in (
        row("a", 1.0),
        failed("b", "no entry for b after 3 s"),
        failed("c", "no entry for c after 5 s", cell="blur@1"),
        failed("d", None, status="missing"),
        failed("e", "bad.png: cannot be decoded", prompt=None),
        row("f", 1.0, error="metric 'exact_match' raised KeyError: 'x'", scores={"exact_match": (None, "error")}),
        row("g", 1.0, error="metric 'exact_match' has no use for it", scores={"exact_match": (None, "undefined")}),
    ):
        taken.take(one)
    found = taken.grouped()
    assert [(one.count, one.stage, one.status, one.said) for one in found] == [
        (2, "answer", "error", "no entry for b after 3 s"),
        (1, "answer", "missing", "no reason was given"),
        (1, "sample", "error", "bad.png: cannot be decoded"),
        (1, "score", "ok", "metric 'exact_match' raised KeyError: 'x'"),
    ]
    assert found[0].where == {"qa/clean": 1, "qa/blur@1": 1}
    assert found[0].first == {"task": "qa", "cell": "clean", "sample_id": "b"}


def test_what_fails_in_a_task_that_measures_was_asked() -> None:
    taken = Failures({"speed"})
    taken.take(failed("a", "it broke", prompt=None, task="speed"))
    taken.take(failed("a", "it broke", prompt=None))
    assert [(one.stage, one.first["task"]) for one in taken.grouped()] == [("measure", "speed"), ("sample", "qa")]


def test_a_sample_that_is_called_like_a_word_is_no_reason_of_its_own() -> None:
    taken = Failures()
    for name in ("a", "is", "c"):
        taken.take(failed(name, "this is not a picture"))
    assert [(one.count, one.pattern) for one in taken.grouped()] == [(3, "this is not a picture")]


def test_a_judge_that_fails_is_named() -> None:
    parts = [{"role": "", "status": "ok"}, {"role": "judge", "status": "timeout"}]
    taken = Failures()
    taken.take(failed("a", "late", status="timeout", parts=json.dumps(parts)))
    assert taken.grouped()[0].stage == "answer of judge"


def test_endless_reasons_take_no_endless_memory() -> None:
    taken = Failures()
    words = [
        "".join(letters) for letters in zip("abcdefghijklmnopqrstuvwxyz" * 20, "qwertyuiopasdfghj" * 31, strict=False)
    ]
    for i, word in enumerate(dict.fromkeys(words)):
        taken.take(failed(str(i), f"reason {word}"))
    found = taken.grouped()
    assert len(found) == 201
    assert found[0].said == "other reasons"
    assert sum(one.count for one in found) == len(dict.fromkeys(words))


def test_records_of_earlier_versions_are_grouped_from_their_samples() -> None:
    table = pa.table(
        {
            "task": ["qa"] * 3,
            "cell": ["clean"] * 3,
            "sample_id": ["a", "b", "c"],
            "status": ["ok", "error", "ok"],
            "error": [None, "late by 3 s", "metric 'm' raised ValueError: x"],
            "prompt": ["?"] * 3,
            "status.m": ["ok", "error", "error"],
        }
    )
    assert [(one.count, one.stage, one.said) for one in failures_in(table)] == [
        (1, "answer", "late by 3 s"),
        (1, "score", "metric 'm' raised ValueError: x"),
    ]


def test_two_runs_are_compared_reason_by_reason() -> None:
    before, after = Failures(), Failures()
    for sample, said in (("a", "late by 1 s"), ("b", "gone"), ("c", "late by 2 s")):
        before.take(failed(sample, said))
    for sample, said in (("a", "late by 7 s"), ("b", "new")):
        after.take(failed(sample, said))
    told = changes(before.grouped(), after.grouped())
    assert {(one.group.said, one.before, one.after, one.word) for one in told} == {
        ("late by 7 s", 2, 1, "fewer"),
        ("new", 0, 1, "new"),
        ("gone", 1, 0, "gone"),
    }
