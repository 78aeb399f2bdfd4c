"""A secret that the environment holds is in no file that a run leaves, and in nothing that it prints."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, resume_run
from harness.record import Run, read_run
from harness.suite.adapters import read_adapter
from tests.conftest import Done
from tests.engine.test_resume import broken
from tests.written import written

SECRET = "sk-planted-5f1e9c77d0"  # noqa: S105 - it opens nothing
SUITE = """\
suite: secrets
version: 1
datasets: {charts: {type: charts, limit: 4}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
engine: {max_errors: 0, timeout: 20}
"""
ADAPTER = """\
adapter: server
type: openai
base_url: http://127.0.0.1:9/v1
model: any
api_key_env: PLANTED_API_KEY
retries: 0
"""


def places(*folders: Path) -> list[Path]:
    """Every file in which the secret stands, in any of the ways in which bytes of text are written."""
    forms = [SECRET.encode(), SECRET.encode("utf-16-le"), SECRET[::-1].encode()]
    return [file for file, content in written(*folders).items() if any(form in content for form in forms)]


def test_a_key_in_the_environment_is_written_nowhere(write, tmp_path: Path, run_apart: Callable[..., Done]) -> None:
    pytest.importorskip("httpx")
    write("suite.yaml", SUITE)
    write("server.yaml", ADAPTER)
    environment = {"PLANTED_API_KEY": SECRET, "HARNESS_CACHE": str(tmp_path / "cache"), "HARNESS_DEBUG": "1"}
    command = ("run", "suite.yaml", "-a", "server.yaml", "--cache", "--profile")
    done = run_apart(*command, cwd=tmp_path, env=environment)
    assert done.code == 4  # nobody listens there
    said = [done.out, done.err]
    for more in (("show",), ("resume", "--retry-errors"), ("recover",), ("cache", "stats")):
        done = run_apart(*more, cwd=tmp_path, env=environment)
        said += [done.out, done.err]
    assert "1 problem" not in said[1]
    assert not [text for text in said if SECRET in text]
    assert list((tmp_path / "results" / "runs").glob("*/responses.sqlite"))
    assert places(tmp_path) == []


def test_a_secret_that_is_named_in_a_file_is_refused_before_it_is_written(
    write, run_here, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", SECRET)
    suite = write("suite.yaml", SUITE.replace("limit: 4", "limit: 4, split: '${PLANTED_API_KEY}'"))
    done = run_here("run", suite, "-a", "mock", "--out", tmp_path / "runs")
    assert done.code == 2
    assert SECRET not in done.out + done.err
    assert not (tmp_path / "runs").exists()


ADDRESS = f"https://ann:{SECRET}@example.org/data"
ANSWER = """\
def answer(prompt, images, source):
    return source.partition("@")[2]
"""


@pytest.mark.parametrize("written_as", ["${DATA_ADDRESS}", ADDRESS])
def test_a_password_in_an_address_is_in_no_file_of_a_run_that_is_done(
    write, run_here, monkeypatch, tmp_path, written_as: str
) -> None:
    monkeypatch.setenv("DATA_ADDRESS", ADDRESS)
    write("files/answer.py", ANSWER)
    told = "adapter: own\ntype: python\ntarget: answer.py:answer\nsimulated: true\n"
    adapter = write("files/own.yaml", f"{told}options: {{source: '{written_as}'}}\n")
    suite = write("files/suite.yaml", f"description: 'from {written_as}'\n{SUITE}")
    done = run_here("run", suite, "-a", adapter, "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    assert SECRET not in done.out + done.err
    assert places(tmp_path / "runs") == []
    (folder,) = (tmp_path / "runs").iterdir()
    record = read_run(folder)
    assert record.adapter.config["options"] == {"source": "https://[redacted]@example.org/data"}
    assert record.suite.content["description"] == "from https://[redacted]@example.org/data"


def test_a_run_whose_suite_holds_a_password_is_resumed_with_it(bind, write, tmp_path, monkeypatch) -> None:
    write("answer.py", ANSWER)
    told = f"adapter: own\ntype: python\ntarget: answer.py:answer\nbatch_size: 2\noptions: {{source: '{ADDRESS}'}}\n"
    choice = read_adapter(str(write("own.yaml", told)))
    folder = broken(bind(SUITE), choice, RunOptions(tmp_path / "runs"), monkeypatch, 1)
    _, record = resume_run(folder, RunOptions(), Silent())
    assert record.responses == {"ok": 4}
    assert set(Run(folder).table()["response"].to_pylist()) == {"example.org/data"}
    assert places(folder) == []


RAISES = """\
import os


def answer(prompt, images):
    key = os.environ["PLANTED_API_KEY"]
    if os.environ["HOW"] == "echoes":
        return f"You sent {key}"
    raise RuntimeError(os.environ["HOW"].format(key=key))
"""


ANNOUNCED = (
    "GET https://ann:{key}@host/v1 failed",
    "GET https://host/v1?token={key}&n=1 failed",
    "sent headers: {{'Authorization': 'Bearer {key}'}}",
)


@pytest.mark.parametrize(
    ("how", "known"),
    [*((how, True) for how in ("echoes", "401 for {key}", *ANNOUNCED)), *((how, False) for how in ANNOUNCED)],
)
def test_what_a_model_says_of_a_key_is_written_without_it(
    write, run_here, monkeypatch, tmp_path, how: str, known: bool
) -> None:
    monkeypatch.setenv("PLANTED_API_KEY", SECRET)
    monkeypatch.setenv("HOW", how)
    write("own.py", RAISES if known else RAISES.replace("PLANTED_API_KEY", "PLAIN"))
    monkeypatch.setenv("PLAIN", SECRET)
    if not known:
        monkeypatch.delenv("PLANTED_API_KEY")
    adapter = write("own.yaml", "adapter: own\ntype: python\ntarget: own.py:answer\nsimulated: true\n")
    suite = write("suite.yaml", SUITE.replace("max_errors: 0, ", ""))
    time.sleep(0.06)  # the scrubber looks at the environment once in a while
    done = run_here("run", suite, "-a", adapter, "--out", tmp_path / "runs")
    assert SECRET not in done.out + done.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert places(folder) == []
    said = Run(folder).table().to_pylist()[0]
    assert "[redacted]" in (said["response"] or said["error"])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"options: {{api_key: {SECRET}}}", "api_key"),
        ("options: {headers: [{name: x, Authorization: 'Bearer abcdefgh'}]}", "Authorization"),
        ("options: {text: 'use ghp_abcdefghijklmnopqrstuvwxyz0123456789 here'}", "text"),
        ("options: {text: '-----BEGIN RSA PRIVATE KEY-----'}", "text"),
    ],
)
def test_a_secret_in_a_file_is_refused_at_its_place_and_not_repeated(
    write, run_here, tmp_path, line: str, name: str
) -> None:
    write("own.py", RAISES)
    adapter = write("own.yaml", f"adapter: own\ntype: python\ntarget: own.py:answer\n{line}\n")
    done = run_here("run", write("suite.yaml", SUITE), "-a", adapter, "--out", tmp_path / "runs")
    assert done.code == 2
    assert "own.yaml:4:" in done.err
    assert f"{name!r} holds what looks like a secret" in done.err
    assert "os.environ" in done.err
    assert not any(secret in done.err for secret in (SECRET, "abcdefgh"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("line", ["options: {tokenizer: own, key_column: k, api_key_env: NAME, max_tokens: 5}"])
def test_words_that_only_sound_like_secrets_are_left_alone(write, line: str) -> None:
    write("own.py", RAISES)
    choice = read_adapter(str(write("own.yaml", f"adapter: own\ntype: python\ntarget: own.py:answer\n{line}\n")))
    assert choice.name == "own"


def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(1000) + SECRET.encode() + os.urandom(1000))
    table = pa.table({"said": [f"{SECRET} {n}" for n in range(100)]})
    pq.write_table(table, tmp_path / "rows.parquet", compression="zstd", use_dictionary=False)
    assert sorted(places(tmp_path)) == [tmp_path / "file", tmp_path / "rows.parquet"]
