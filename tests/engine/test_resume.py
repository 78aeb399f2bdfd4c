"""A run that ends early is continued, and its scores are those of a run that did not."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq
import pytest

from harness.adapters.mock import MockAdapter
from harness.engine.executors import Executor
from harness.engine.merge import merge_runs
from harness.engine.open_run import reopen_run, unfinished
from harness.engine.options import Silent
from harness.engine.plan import Shard
from harness.engine.recover import recover_run
from harness.engine.run import Interrupted, RunOptions, resume_run, run_suite
from harness.errors import UsageError
from harness.hosts.call import Caller
from harness.record import RunRecord, read_run
from harness.record.folder import SAMPLES_FILE, STORE_FILE
from harness.record.lock import Busy, RunLock
from harness.record.store import ResponseStore
from harness.spec.models import EngineSpec
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.suite.bind import Suite
from harness.types import Request, Response, Status

SUITE = """\
suite: resumed
version: 1
datasets: {charts: {type: charts, limit: 12}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness, rotation], severities: [1, 5]}
gates: [{metric: qa/relaxed_accuracy, min: 0.1}]
"""
VARIES = ["batch_seconds", "seconds", "attempts", "former"]


class Power:
    """Goes off after some calls."""

    def __init__(self, calls: int, error: BaseException) -> None:
        self.left = calls
        self.error = error
        self.asked: list[str] = []

    def __call__(self, requests: Sequence[Request]) -> None:
        if not self.left:
            raise self.error
        self.left -= 1
        self.asked += [request.id for request in requests]


class Fragile(MockAdapter):
    power: Power

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        type(self).power(requests)
        return super().generate(requests)


@pytest.fixture
def fragile(plug_in, write) -> Callable[[], AdapterChoice]:
    plug_in("adapters", "fragile", f"{__name__}:Fragile")
    file = write("fragile.yaml", "adapter: fragile\ntype: fragile\nbatch_size: 5\n")
    Fragile.power = Power(1 << 30, RuntimeError())
    return lambda: read_adapter(str(file))


def same(one: Path, other: Path) -> None:
    """Assert that two runs hold the same, apart from times and from what was asked again."""
    tables = [pq.read_table(folder / SAMPLES_FILE) for folder in (one, other)]
    kept = [table.drop_columns([name for name in VARIES if name in table.column_names]) for table in tables]
    assert kept[0].equals(kept[1])
    records = read_run(one), read_run(other)
    for name in ("status", "reason", "tasks", "gates", "responses", "options", "datasets", "suite"):
        assert getattr(records[0], name) == getattr(records[1], name), name


class Breaks(BaseException):
    """Nobody catches it: the process is gone."""


def broken(
    suite: Suite, choice: AdapterChoice, options: RunOptions, monkeypatch: pytest.MonkeyPatch, after: int
) -> Path:
    """Run, and die without a last word after some batches were stored, as a killed process does."""
    from harness.engine.keep import Keeper

    keep, left = Keeper.keep, [after]

    def dying(self: Keeper, answered: Any) -> None:
        if not left[0]:
            raise Breaks
        left[0] -= 1
        keep(self, answered)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", dying)
        with pytest.raises(Breaks):
            run_suite(suite, choice, options, Silent())
    (folder,) = options.out.iterdir()
    return folder


@pytest.mark.parametrize("moment", ["__init__", "remember"])
@pytest.mark.parametrize("how", ["run", "resume", "recover"])
def test_a_run_killed_while_its_store_was_made_is_continued(
    bind, fragile, tmp_path, monkeypatch, moment: str, how: str
) -> None:
    suite, options = bind(SUITE), RunOptions(tmp_path / "runs")

    def dying(store: ResponseStore, path: object, **_: object) -> None:
        if moment == "__init__":
            (next(options.out.iterdir()) / STORE_FILE).touch()
        raise Breaks

    with monkeypatch.context() as patch:
        patch.setattr(ResponseStore, moment, dying)
        with pytest.raises(Breaks):
            run_suite(suite, fragile(), options, Silent())
    (folder,) = options.out.iterdir()
    assert (folder / STORE_FILE).is_file()
    if how == "recover":
        assert recover_run(folder).saved == 0
    again, record = (
        run_suite(suite, fragile(), options, Silent()) if how == "run" else resume_run(folder, options, Silent())
    )
    assert (again, record.status) == (folder, "complete")
    same(run_suite(suite, fragile(), RunOptions(tmp_path / "whole"), Silent())[0], folder)


@pytest.mark.parametrize("after", [0, 1, 4, 17])
def test_the_same_command_continues_an_unfinished_run(bind, fragile, tmp_path, monkeypatch, after: int) -> None:
    whole, _ = run_suite(bind(SUITE), fragile(), RunOptions(tmp_path / "whole"), Silent())
    options = RunOptions(tmp_path / "runs", say=(said := []).append)
    folder = broken(bind(SUITE), fragile(), options, monkeypatch, after)
    Fragile.power = Power(1 << 30, RuntimeError())
    again, record = run_suite(bind(SUITE), fragile(), options, Silent())
    assert again == folder
    assert record.status == "complete"
    stored = [5, 5, 2] * 6
    assert len(Fragile.power.asked) == sum(stored[after:])
    assert [f"{sum(stored[:after])} responses are there" in text for text in said] == ([True] if after else [])
    assert len(record.sessions) == 2
    asking = sum(session.seconds for session in record.sessions)
    assert record.seconds == pytest.approx(asking + record.timings["finish"])
    assert record.cpu_seconds > sum(session.cpu_seconds for session in record.sessions)
    same(whole, folder)
    assert not [*folder.glob("responses.sqlite*"), *folder.glob("*.lock")]


def test_a_folder_is_enough_to_continue_a_run_whatever_became_of_its_files(
    bind, write, fragile, tmp_path, monkeypatch
) -> None:
    file = write("suite.yaml", SUITE)
    from harness.suite.bind import load_suite

    whole, _ = run_suite(load_suite(str(file)), fragile(), RunOptions(tmp_path / "whole", limit=7), Silent())
    folder = broken(load_suite(str(file)), fragile(), RunOptions(tmp_path / "runs", limit=7), monkeypatch, 3)
    file.unlink()
    write("fragile.yaml", "adapter: other\ntype: mock\n")
    again, record = resume_run(folder, RunOptions(), Silent())
    assert (again, record.status) == (folder, "complete")
    same(whole, folder)
    with pytest.raises(UsageError, match="there is nothing to continue"):
        resume_run(folder, RunOptions(), Silent())


def test_a_suite_with_any_character_is_continued_merged_and_recovered(bind, fragile, tmp_path, monkeypatch) -> None:
    odd = r'prompt: "{{ question }} \U0001F642 \x7F \x85 \u2028", metrics'
    suite = SUITE.replace("metrics", odd, 1)
    whole, _ = run_suite(bind(suite), fragile(), RunOptions(tmp_path / "whole"), Silent())
    assert "\U0001f642 \x7f \x85 \u2028" in pq.read_table(whole / SAMPLES_FILE)["prompt"][0].as_py()
    folder = broken(bind(suite), fragile(), RunOptions(tmp_path / "runs"), monkeypatch, 3)
    assert recover_run(folder).saved == 12
    resume_run(folder, RunOptions(), Silent())
    same(whole, folder)
    parts = [
        run_suite(bind(suite), fragile(), RunOptions(tmp_path / "parts", shard=Shard(n, 2)), Silent())[0]
        for n in (1, 2)
    ]
    same(whole, merge_runs(parts, tmp_path / "merged")[0])


def test_a_run_is_continued_where_its_model_lived(bind, fragile, tmp_path: Path, monkeypatch) -> None:
    made: list[tuple[str | None, str | None, int | None]] = []

    def local(choice: AdapterChoice, policy: EngineSpec, options: RunOptions) -> Executor:
        made.append((options.executor, options.ray_address, options.ray_workers))
        return Caller.in_thread(choice.load, policy)

    monkeypatch.setattr("harness.engine.run.make_executor", local)
    options = RunOptions(tmp_path / "runs", executor="ray", ray_address="head:6379", ray_workers=3)
    folder = broken(bind(SUITE), fragile(), options, monkeypatch, 2)
    monkeypatch.setattr("harness.engine.run._Work.execute", _breaks)
    for again in (RunOptions(), RunOptions(executor="local")):
        with pytest.raises(Breaks):
            resume_run(folder, again, Silent())
    assert made == [("ray", "head:6379", 3), ("ray", "head:6379", 3), ("local", None, None)]


def test_a_run_that_was_begun_before_its_executor_was_kept_is_continued(bind, fragile, tmp_path, monkeypatch) -> None:
    folder = broken(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), monkeypatch, 2)
    with ResponseStore(folder / STORE_FILE) as store:
        old = json.loads(store.recall("manifest") or "")
        del old["executor"]
        store.remember({"manifest": json.dumps(old)})
    assert resume_run(folder, RunOptions(), Silent())[1].status == "complete"


def _breaks(*_: object) -> None:
    raise Breaks


def test_another_limit_batch_size_or_seed_begins_another_run(bind, fragile, tmp_path, monkeypatch) -> None:
    out = tmp_path / "runs"
    folder = broken(bind(SUITE), fragile(), RunOptions(out), monkeypatch, 2)
    for suite, options in (
        (SUITE, RunOptions(out, limit=5)),
        (SUITE, RunOptions(out, batch_size=3)),
        (SUITE + "seed: 2\n", RunOptions(out)),
        (SUITE, RunOptions(out, fresh=True)),
    ):
        other, _ = run_suite(bind(suite), fragile(), options, Silent())
        assert other != folder
    assert (folder / STORE_FILE).is_file()


def test_a_run_is_not_continued_on_another_model(bind, fragile, write, tmp_path, monkeypatch) -> None:
    folder = broken(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), monkeypatch, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Fragile, "fingerprint", lambda self: "another")
        other, _ = run_suite(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), Silent())
        assert other != folder
        with pytest.raises(UsageError, match=r"the model of .* changed since it was begun"):
            resume_run(folder, RunOptions(), Silent())


def test_the_second_process_on_a_run_is_told_so(bind, fragile, tmp_path, monkeypatch) -> None:
    folder = broken(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), monkeypatch, 2)
    with reopen_run(folder):
        for attempt in (
            lambda: run_suite(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), Silent()),
            lambda: resume_run(folder, RunOptions(), Silent()),
        ):
            with pytest.raises(Busy, match=r"is being worked on by process \d+ on "):
                attempt()
    assert resume_run(folder, RunOptions(), Silent())[1].status == "complete"


def completed(folder: Path) -> None:
    """Do to a run's folder what the process does that completes the run."""
    for file in folder.glob(f"{STORE_FILE}*"):
        file.unlink()


def test_looking_for_unfinished_runs_brings_back_no_store_of_one_that_completes_meanwhile(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        (tmp_path / name).mkdir()
        ResponseStore(tmp_path / name / STORE_FILE).close()
        os.utime(tmp_path / name / STORE_FILE, (1e9 - age, 1e9 - age))
    found = unfinished(tmp_path)
    assert next(found) == tmp_path / "new"
    completed(tmp_path / "old")
    assert list(found) == []
    assert list((tmp_path / "old").iterdir()) == []


def test_a_run_that_completes_before_it_can_be_locked_is_left_as_it_is(bind, fragile, tmp_path, monkeypatch) -> None:
    folder = broken(bind(SUITE), fragile(), RunOptions(tmp_path / "runs"), monkeypatch, 2)

    class Late(RunLock):
        def _take(self) -> IO[str]:
            completed(folder)
            return super()._take()

    with monkeypatch.context() as patch:
        patch.setattr("harness.engine.open_run.RunLock", Late)
        with pytest.raises(UsageError, match="there is nothing to continue"):
            reopen_run(folder)
    assert not [*folder.glob(f"{STORE_FILE}*"), *folder.glob("*.lock")]


def test_a_lock_is_free_when_its_holder_is_gone_and_a_removed_lock_file_locks_nobody_out(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(Busy):
        RunLock(tmp_path)
    lock.close()
    lock = RunLock(tmp_path)
    lock.close(remove=True)
    with RunLock(tmp_path), pytest.raises(Busy):
        RunLock(tmp_path)


def test_a_failed_run_is_begun_anew_and_resume_asks_again_what_failed(bind, fragile, tmp_path: Path) -> None:
    suite = bind(SUITE + "engine: {max_errors: 4}\n")
    whole, _ = run_suite(suite, fragile(), RunOptions(tmp_path / "whole"), Silent())
    options = RunOptions(tmp_path / "runs")
    Fragile.power = Power(3, ConnectionError("the server is down"))
    folder, record = run_suite(suite, fragile(), options, Silent())
    assert (record.status, record.responses) == ("failed", {"error": 5, "ok": 12})
    Fragile.power = Power(3, ConnectionError("the server is down"))
    other, _ = run_suite(suite, fragile(), options, Silent())
    assert other != folder
    Fragile.power = Power(1 << 30, RuntimeError())
    again, record = resume_run(folder, RunOptions(), Silent(), retry=(Status.ERROR,))
    assert (again, record.status) == (folder, "complete")
    assert len(Fragile.power.asked) == 72 - 12
    same(whole, folder)


def test_a_failed_run_with_nothing_left_to_ask_stays_failed(bind, fragile, tmp_path: Path) -> None:
    text = SUITE.replace(
        "  sweep: {kind: sweep, of: qa, corruptions: [brightness, rotation], severities: [1, 5]}\n", ""
    )
    suite = bind(text + "engine: {max_errors: 1}\n")
    Fragile.power = Power(2, ConnectionError("the server is down"))
    folder, failed = run_suite(suite, fragile(), RunOptions(tmp_path / "runs"), Silent())
    Fragile.power = Power(1 << 30, RuntimeError())
    again, record = resume_run(folder, RunOptions(), Silent())
    assert again == folder
    assert (record.status, record.reason, record.gates) == ("failed", failed.reason, [])
    assert record.reason == "2 samples failed, more than max_errors (1) allows"
    assert record.responses == {"error": 2, "ok": 10}
    assert resume_run(folder, RunOptions(), Silent(), retry=(Status.ERROR,))[1].status == "complete"


def test_a_run_that_failed_is_not_continued_where_it_broke_off(bind, fragile, tmp_path: Path) -> None:
    Fragile.power = Power(3, ConnectionError("the server is down"))
    folder, _ = run_suite(bind(SUITE + "engine: {max_errors: 4}\n"), fragile(), RunOptions(tmp_path / "runs"), Silent())
    Fragile.power = Power(1 << 30, RuntimeError())
    assert resume_run(folder, RunOptions(), Silent())[1].status == "failed"
    assert Fragile.power.asked == []


def test_an_interrupted_run_says_how_to_continue_it(bind, fragile, tmp_path: Path, monkeypatch) -> None:
    Fragile.power = Power(2, KeyboardInterrupt())
    monkeypatch.setattr("harness.hosts.thread.ThreadHost._serve", _serve_and_stop)
    stop = threading.Event()
    monkeypatch.setattr("harness.engine.run.graceful", lambda: _Given(stop))
    _serve_and_stop.stop = stop  # type: ignore[attr-defined]
    with pytest.raises(Interrupted, match="to continue: harness resume") as caught:
        run_suite(bind(SUITE), fragile(), RunOptions(tmp_path / "runs", grace=0.1), Silent())
    record: RunRecord = read_run(caught.value.folder)
    assert (record.status, record.responses) == ("interrupted", {"ok": 10})
    assert json.loads((caught.value.folder / "run.json").read_text())["gates"] == []


class _Given:
    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop

    def __enter__(self) -> threading.Event:
        return self.stop

    def __exit__(self, *_: object) -> None: ...


def _serve_and_stop(worker: Any, _: Any) -> None:
    """Serve until the adapter says that the user pressed Ctrl-C, and leave that batch unanswered."""
    while (asked := worker._inbox.get()) is not None:
        requests, outbox = asked
        try:
            outbox.put((worker.adapter.generate(requests), None))
        except KeyboardInterrupt:
            _serve_and_stop.stop.set()  # type: ignore[attr-defined]
