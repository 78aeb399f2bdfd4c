"""A secret that the environment holds is in no file that a run leaves, and in nothing that it prints."""

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Done
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
    environment = {"PLANTED_API_KEY": SECRET, "HARNESS_CACHE_DIR": str(tmp_path / "cache"), "HARNESS_DEBUG": "1"}
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


def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(1000) + SECRET.encode() + os.urandom(1000))
    table = pa.table({"said": [f"{SECRET} {n}" for n in range(100)]})
    pq.write_table(table, tmp_path / "rows.parquet", compression="zstd", use_dictionary=False)
    assert sorted(places(tmp_path)) == [tmp_path / "file", tmp_path / "rows.parquet"]
