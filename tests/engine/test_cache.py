"""Answers are taken from the cache only where the same model saw the same request, whole and undamaged."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from harness.adapters.mock import MockAdapter
from harness.engine.ask import Asker, Model
from harness.engine.cache import CacheError, ResponseCache, _checksum, keys
from harness.engine.options import Silent
from harness.engine.plan import Batch
from harness.engine.prepare import Prepared
from harness.engine.run import RunOptions, run_suite
from harness.hosts.call import Called
from harness.locate import CACHE_VARIABLE, cache_folder
from harness.record import Run, RunRecord
from harness.suite.adapters import read_adapter
from harness.types import Finish, Request, Response, Sample, Status

VECTOR = np.array([0.1, -2.5], np.float32)
ASKED = Request("1", "?")


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    return ResponseCache(tmp_path / "cache")


def same(one: Response, other: Response) -> bool:
    vectors = (one.vector is None and other.vector is None) or np.array_equal(one.vector, other.vector)  # type: ignore[arg-type]
    names = ("text", "status", "tokens_in", "image_tokens", "tokens_out", "finish")
    return bool(vectors) and all(getattr(one, name) == getattr(other, name) for name in names)


def test_answers_come_back_as_they_were_and_failures_are_not_kept(cache: ResponseCache) -> None:
    embed = Request("b", "", ask="embed")
    given = {
        b"a": (ASKED, Response("yes\ud800", tokens_in=1, tokens_out=2, finish=Finish.LENGTH)),
        b"b": (embed, Response(None, value=VECTOR)),
        b"c": (ASKED, Response(None, Status.ERROR, "no")),
    }
    cache.put("model", given)
    found = cache.get([b"a", b"b", b"c", b"d"], [ASKED, embed, ASKED, ASKED])
    assert same(found[0], given[b"a"][1])  # type: ignore[arg-type]
    assert same(found[1], given[b"b"][1])  # type: ignore[arg-type]
    assert found[2:] == [None, None]
    assert cache.stats().entries == 2


def test_an_entry_of_an_earlier_version_says_nothing_of_its_end(cache: ResponseCache) -> None:
    cache.put("model", {b"a": (ASKED, Response("yes", tokens_out=2))})
    entry = json.dumps(["yes", None, None, None, 2]).encode()
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("update entries set value = ?, checksum = ?", (entry, _checksum(b"a", entry)))
    (found,) = cache.get([b"a"], [ASKED])
    assert found == Response("yes", tokens_out=2)


def test_a_key_knows_the_model_the_request_and_where_it_matters_the_whole_batch() -> None:
    alone = keys("m", ["x", "y"], batch_invariant=True)
    assert keys("m", ["y", "x"], batch_invariant=True) == alone[::-1]
    assert not set(keys("n", ["x", "y"], batch_invariant=True)) & set(alone)
    together = keys("m", ["x", "y"], batch_invariant=False)
    for other in (["x", "z"], ["x"], ["y", "x"], ["x", "y", "y"]):
        assert not set(keys("m", other, batch_invariant=False)) & {*together, *alone}
    assert len(set(keys("m", ["x", "x"], batch_invariant=False))) == 2


@pytest.mark.parametrize("damage", ["value", "checksum", "key"])
def test_a_damaged_entry_is_dropped_not_answered(cache: ResponseCache, damage: str) -> None:
    cache.put("model", {b"a": (ASKED, Response("yes")), b"b": (ASKED, Response("no"))})
    other = sqlite3.connect(cache.path)
    change = {
        "value": "update entries set value = cast(replace(value, 'yes', 'yas') as blob) where key = x'61'",
        "checksum": "update entries set checksum = x'00' where key = x'61'",
        "key": "update entries set key = x'63' where key = x'61'",
    }
    other.execute(change[damage])
    other.commit()
    other.close()
    if damage != "key":
        assert cache.verify() == 1
        assert cache.get([b"a"], [ASKED]) == [None]
    else:
        assert cache.get([b"c"], [ASKED]) == [None]
    assert cache.stats().entries == 1
    assert cache.get([b"b"], [ASKED])[0] == Response("no")


def test_the_cache_stays_within_its_size_and_what_was_used_last_stays(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path, max_bytes=10_000)
    cache.put("model", {b"kept": (ASKED, Response("k" * 100))})
    for i in range(400):
        cache.put("model", {b"%d" % i: (ASKED, Response("x" * 100))})
        assert cache.get([b"kept"], [ASKED]) != [None]
        assert cache.stats().bytes <= 10_000 + 10_000 // 64 + 200
    assert cache.get([b"399"], [ASKED]) != [None]
    assert cache.get([b"0"], [ASKED]) == [None]


def test_a_file_that_is_no_database_is_said_and_cleared(run_here, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    (tmp_path / "responses.sqlite").write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises(CacheError, match="harness cache clear"):
        ResponseCache(tmp_path)
    assert run_here("cache", "stats").code == 4
    assert "removed" in run_here("cache", "clear").out
    assert "0 answers" in run_here("cache", "stats").out


def test_one_variable_names_the_folder_of_everything_cached_and_its_old_name_still_does(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "old"))
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    with pytest.warns(FutureWarning, match="HARNESS_CACHE_DIR is called HARNESS_CACHE now"):
        assert cache_folder() == tmp_path / "old"
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "new"))
    assert cache_folder() == tmp_path / "new"


# In a run


class Real(MockAdapter):
    """Says that it is real, and counts what it is asked."""

    simulated = False
    asked = 0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        type(self).asked += len(requests)
        return [Response(str(len(request.prompt)), tokens_in=1) for request in requests]


SUITE = """\
suite: cached
version: 1
datasets: {charts: {type: charts, limit: 10}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""


@pytest.fixture
def execute(plug_in, write, bind, tmp_path: Path) -> Callable[..., tuple[RunRecord, list[float | None]]]:
    plug_in("adapters", "real", f"{__name__}:Real")

    def run(suite: str = SUITE, rate: float = 0.1, **options) -> tuple[RunRecord, list[float | None]]:
        Real.asked = 0
        file = write("real.yaml", f"adapter: real\ntype: real\nbatch_size: 4\nerror_rate: {rate}\n")
        chosen = RunOptions(tmp_path / "runs", cache=tmp_path / "cache", fresh=True, **options)
        folder, record = run_suite(bind(suite), read_adapter(str(file)), chosen, Silent())
        return record, Run(folder).table()["batch_seconds"].to_pylist()

    return run


def test_the_second_run_asks_nothing_and_comes_to_the_same_scores(execute) -> None:
    first, times = execute()
    assert (Real.asked, first.cached) == (10, 0)
    assert None not in times
    second, times = execute()
    assert (Real.asked, second.cached) == (0, 10)
    assert times == [None] * 10
    assert second.tasks == first.tasks


def test_another_prompt_or_another_model_is_asked(execute) -> None:
    execute()
    execute(SUITE.replace("kind: qa,", 'kind: qa, prompt: "{{ question }} Briefly.",'))
    assert Real.asked == 10
    execute(rate=0.2)  # part of the fingerprint
    assert Real.asked == 10
    execute()
    assert Real.asked == 0


def test_only_what_is_missing_is_asked(execute) -> None:
    execute(limit=6, head=True)
    record, _ = execute()
    assert (Real.asked, record.cached) == (4, 6)


def test_where_answers_depend_on_their_batch_only_whole_batches_are_known(execute, monkeypatch) -> None:
    monkeypatch.setattr(Real, "batch_invariant", False)
    execute(limit=6, head=True)
    record, _ = execute()
    assert (Real.asked, record.cached) == (6, 4)


def test_a_simulation_is_never_cached(execute, monkeypatch) -> None:
    monkeypatch.setattr(Real, "simulated", True)
    execute()
    record, _ = execute()
    assert (Real.asked, record.cached) == (10, 0)


def test_a_cache_that_breaks_is_left_alone_and_said_once(tmp_path: Path, bind) -> None:
    task = bind(SUITE).tasks["qa"]
    said: list[str] = []
    cache = ResponseCache(tmp_path)
    model = Model(lambda requests: Called(tuple(Response("a") for _ in requests), 0.1), "f", False, True, 1)
    asker = Asker(model, {}, cache, said.append)
    ready = Prepared(Batch(0, task, task.cells()[0], (Sample("1", "?", ()),)), (((ASKED, "h"),),), (None,))
    assert not asker(ready).works[0].parts[0].cached
    assert asker(ready).works[0].parts[0].cached
    cache.close()
    assert asker(ready).works[0].responses == [Response("a")]
    assert asker(ready).works[0].responses == [Response("a")]
    assert len(said) == 1
    assert "going on without it" in said[0]
