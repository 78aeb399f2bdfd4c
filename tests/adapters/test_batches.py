"""The Batch API against a server on loopback that answers files when it is told to, and forgets nothing it was paid."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.adapters._openai import batches
from harness.adapters._openai.config import OpenAIConfig
from harness.adapters.openai import OpenAIAdapter
from harness.record import Run
from harness.types import Finish, Generation, Request, Response, Status
from tests.conftest import Done

pytest.importorskip("httpx")
SUITE = """\
suite: asked
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
"""


@dataclass
class Server:
    """What the API has of one account."""

    url: str = ""
    ready: bool = True
    status: str = "completed"
    files: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    paid: list[str] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    drops: bool = False
    """Whether the answer to the making of a batch is lost on the way."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if self.faults:
            return self.faults.pop(0), {"error": {"message": "busy"}}
        if (method, path) == ("POST", "/v1/files"):
            assert b'name="purpose"\r\n\r\nbatch' in body
            name = f"file-{len(self.files)}"
            self.files[name] = re.search(rb"\r\n\r\n(\{.*?\})\n\r\n", body, re.DOTALL)[1].decode()
            return 200, {"id": name}
        if (method, path) == ("POST", "/v1/batches"):
            told = json.loads(body)
            assert (told["endpoint"], told["completion_window"]) == ("/v1/chat/completions", "24h")
            job = {**told, "id": f"batch_{len(self.jobs)}", "status": "in_progress"}
            self.jobs[job["id"]] = job
            return (-1, None) if self.drops else (200, job)
        if path.startswith("/v1/batches?"):
            return 200, {"data": list(self.jobs.values())}
        if path.startswith("/v1/batches/"):
            return 200, self.look(self.jobs[path.rpartition("/")[2]])
        return 200, self.files[path.split("/")[3]]

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        if not self.ready or job["status"] != "in_progress":
            return job
        if self.status == "failed":
            return job | {"status": "failed", "errors": {"data": [{"message": "Enqueued token limit reached"}]}}
        good, bad = [], []
        for line in self.files[job["input_file_id"]].splitlines():
            asked = json.loads(line)
            number = int(asked["body"]["messages"][-1]["content"][0]["text"].rstrip("?"))
            if self.status == "expired" and number >= 3:
                continue
            self.paid.append(asked["custom_id"])
            if number == 1:
                error = {"status_code": 400, "body": {"error": {"message": "bad image"}}}
                bad.append({"custom_id": asked["custom_id"], "response": error})
                continue
            choice = {"message": {"content": str(number)}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 2}
            whole = {"choices": [choice], "usage": usage, "model": "m-2026", "system_fingerprint": "fp_1"}
            good.append({"custom_id": asked["custom_id"], "response": {"status_code": 200, "body": whole}})
        self.files[f"{job['id']}-out"] = "\n".join(map(json.dumps, reversed(good)))
        self.files[f"{job['id']}-bad"] = "\n".join(map(json.dumps, bad))
        job |= {"status": self.status, "output_file_id": f"{job['id']}-out", "error_file_id": f"{job['id']}-bad"}
        self.jobs[job["id"]] = job
        return job


@pytest.fixture
def server() -> Iterator[Server]:
    account = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, found = account.answer(self.command, self.path, body)
            if code < 0:
                self.close_connection = True
                return
            content = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - its name is the library's

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield account
    http.shutdown()
    http.server_close()


Load = Callable[..., OpenAIAdapter]


@pytest.fixture
def load(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def make(**keys: Any) -> OpenAIAdapter:
        told = {"base_url": server.url, "model": "m", "batch_api": True, "batch_poll": 0.01, "deadline": 0.2}
        return OpenAIAdapter.from_config(OpenAIConfig(**{**told, "backoff": 0.01, **keys}), tmp_path)

    return make


def ask(*numbers: int) -> list[Request]:
    return [Request(str(n), f"{n}?", generation=Generation(4)) for n in numbers]


def notes(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "batches").glob("*"))


def told(found: list[Response]) -> list[tuple[str | None, Status]]:
    return [(one.text, one.status) for one in found]


def test_answers_come_by_their_names_failed_rows_cost_themselves_and_notes_go_in_the_end(
    load: Load, server: Server, tmp_path: Path
) -> None:
    server.faults = [503, 429]
    adapter = load(prices={"input": 1.0, "output": 2.0})
    assert adapter.batch_size == 1000
    found = adapter.answer(ask(2, 1, 0, 2))  # the same twice is asked twice, as ever
    assert told([one.response for one in found]) == [("2", "ok"), (None, "error"), ("0", "ok"), ("2", "ok")]
    assert "bad image" in (found[1].response.error or "")
    assert [one.cost for one in found] == [14e-6, None, 14e-6, 14e-6]
    assert (found[0].response.finish, found[0].served) == (Finish.STOP, "m-2026 fp_1")
    assert (len(server.jobs), len(server.paid), len(notes(tmp_path))) == (1, 4, 1)
    adapter.close()
    assert notes(tmp_path) == []


def test_a_batch_that_is_not_done_stops_the_run_and_is_found_again_however_it_is_grouped(
    load: Load, server: Server, tmp_path: Path
) -> None:
    server.ready = False
    adapter = load()
    (first, *_) = found = adapter.generate(ask(0, 2, 3))
    assert all(one.hopeless for one in found)
    assert re.search(r"batch_0 is in_progress \(0 of 3\); `harness resume` waits", first.error or "")
    del adapter  # as if it was killed: nothing is closed
    server.ready = True
    again = load()
    assert told(again.generate(ask(2))) + told(again.generate(ask(3, 0, 4))) == [(str(n), "ok") for n in (2, 3, 0, 4)]
    assert (len(server.jobs), len(server.paid)) == (2, 4)  # only the new one was sent
    again.close()
    assert notes(tmp_path) == []


def test_a_batch_whose_making_was_not_heard_of_is_found_by_its_mark(load: Load, server: Server) -> None:
    server.drops = True
    assert load(retries=0).generate(ask(5))[0].hopeless  # as when the program dies while it waits
    assert told(load(retries=1).generate(ask(6))) == [("6", "ok")]
    server.drops = False
    assert told(load().generate(ask(5))) == [("5", "ok")]
    assert (len(server.jobs), len(server.paid)) == (2, 2)


def test_what_a_batch_did_not_come_to_failed_and_one_that_failed_as_a_whole_is_sent_again(
    load: Load, server: Server
) -> None:
    server.status = "expired"
    first = load()
    found = first.generate(ask(0, 3))
    assert told(found) == [("0", "ok"), (None, "error")]
    assert "ended (expired) before it came to this request" in (found[1].error or "")
    first.close()
    server.status = "failed"
    (response,) = load().generate(ask(7))
    assert response.hopeless
    assert "batch_1 failed: Enqueued token limit reached" in (response.error or "")
    server.status = "completed"
    assert told(load().generate(ask(7))) == [("7", "ok")]


def test_requests_are_divided_over_files_and_one_that_fits_into_none_says_so(
    load: Load, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST", 600)
    monkeypatch.setattr(batches, "MOST", 2)
    huge = Request("x", "0" * 700 + "?", generation=Generation(4))
    found = load().generate([*ask(0, 2, 3, 4, 5), huge])
    assert told(found[:5]) == [(str(n), "ok") for n in (0, 2, 3, 4, 5)]
    assert "a batch takes 600; lower `max_pixels`" in (found[5].error or "")
    assert len(server.jobs) == 3


def test_a_run_waits_in_two_sessions_and_pays_once(
    load: Load, server: Server, tmp_path: Path, run_here: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "question": f"{n}?", "answer": str(n)} for n in (0, 2, 3, 4, 5, 6)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE)
    keys = "batch_api: true\nbatch_poll: 0.01\ndeadline: 0.1\nprices: {input: 1, output: 1}\n"
    (tmp_path / "a.yaml").write_text(f"adapter: a\ntype: openai\nbase_url: {server.url}\nmodel: m\n{keys}")
    server.ready = False
    done = run_here("run", "suite.yaml", "-a", "a.yaml", "--out", "runs")
    assert done.code == 4, done.out
    assert "waits for it on" in " ".join((done.out + done.err).split())
    server.ready = True
    (folder,) = (tmp_path / "runs").iterdir()
    done = run_here("resume", folder)
    assert done.code == 0, done.err
    record = Run(folder).record
    assert record.tasks["qa"].metrics["exact_match"].value == 1.0
    assert record.spent is not None
    assert (record.spent.cost, len(server.paid), len(server.jobs)) == (72e-6, 6, 1)
    assert notes(tmp_path) == []


def test_a_stream_of_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="`stream` has no meaning with `batch_api`"):
        OpenAIConfig(base_url="http://x/v1", model="m", batch_api=True, stream=True)
