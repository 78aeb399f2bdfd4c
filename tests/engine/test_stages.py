"""The benchmark that says where a question's time goes: its stages are places that there are, and time counts once."""

from importlib import import_module

import pytest

from benchmarks.end_to_end import ours
from benchmarks.end_to_end.__main__ import least_of, table_of_stages
from benchmarks.end_to_end.watched import Watch

PLACES = [place for places in ours._STAGES.values() for place in places if not place.startswith("transformers")]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_counted_is_there(place: str) -> None:
    module, _, path = place.partition(":")
    owner = import_module(module)
    for name in path.split("."):
        owner = getattr(owner, name)
    assert callable(owner)


def spin(seconds: float) -> None:
    import time

    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Works:
    def outer(self) -> str:
        spin(0.02)
        return self.inner()

    def inner(self) -> str:
        spin(0.04)
        return "done"


def test_a_stage_within_another_counts_once() -> None:
    watch = Watch()
    for name in ("outer", "inner"):
        watch.count(Works, name, name)
    assert Works().outer() == "done"
    assert watch.stages["inner"] >= 0.04
    assert 0.02 <= watch.stages["outer"] < watch.stages["inner"]


def test_start_up_is_no_part_of_a_further_question() -> None:
    few = {"stages": {"start": 3.0, "model": 1.0, "rest": 0.5}}
    many = {"stages": {"start": 3.4, "model": 2.0, "stored": 0.1, "rest": 0.5}}
    bare = [{"stages": {"start": 3.0, "model": of, "rest": 0.0}} for of in (1.0, 1.8)]
    head, *rows, altogether = table_of_stages([few, many], bare, 100)
    assert [row.split() for row in rows] == [
        ["model", "10.000", "ms", "8.000", "ms"],
        ["stored", "1.000", "ms", "–"],
        ["rest", "0.000", "ms", "0.000", "ms"],
    ]
    assert altogether.split() == ["altogether", "11.000", "ms", "8.000", "ms"]
    assert head.split() == ["harness", "bare", "loop"]


def test_of_several_runs_each_stage_counts_at_its_least() -> None:
    runs = [{"stages": {"model": 1.0, "rest": 0.2}}, {"stages": {"model": 0.9, "rest": 0.3}}]
    assert least_of(runs) == {"model": 0.9, "rest": 0.2}
