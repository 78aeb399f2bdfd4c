"""Compressed answers: read within a limit, whatever a server sends and however often it packed it."""

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._served.encoded import unpacked
from harness.adapters.openai import OpenAIAdapter
from harness.types import Request, Response, Status

ANSWER = json.dumps({"choices": [{"message": {"content": "42"}}]}).encode()


@given(st.binary(max_size=200))
def test_what_is_packed_once_comes_out_as_it_went_in(content: bytes) -> None:
    assert unpacked(gzip.compress(content), "GZIP ", 300) == content
    assert unpacked(zlib.compress(content), "deflate", 300) == content


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate", "br", "gzip, gzip", "\x00"]))
def test_any_bytes_are_a_sentence_and_no_crash(content: bytes, encoding: str) -> None:
    with pytest.raises(ValueError, match="the server"):
        unpacked(content + b"?", encoding, 100)


class Packs(BaseHTTPRequestHandler):
    body, encoding, asked = b"", "gzip", ""

    def do_POST(self) -> None:
        type(self).asked = self.headers.get("Accept-Encoding", "")
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Encoding", self.encoding)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Packs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def asked(address: str) -> Response:
    adapter = OpenAIAdapter.from_config(OpenAIConfig(base_url=address, model="m"), Path())
    try:
        (response,) = adapter.generate([Request("a", "Which?")])
    finally:
        adapter.close()
    return response


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (gzip.compress(ANSWER), "gzip", None),
        (gzip.compress(b" " * (17 << 20)), "gzip", "unpacks to more than 16 MiB"),
        (gzip.compress(gzip.compress(b" " * (17 << 20))), "gzip, gzip", "asked for a plain one"),
        (gzip.compress(ANSWER)[:-9], "gzip", "ends too early"),
    ],
    ids=["once", "bomb", "twice", "cut"],
)
def test_a_packed_answer_costs_no_more_than_a_plain_one(
    address: str, monkeypatch: pytest.MonkeyPatch, body: bytes, encoding: str, says: str | None
) -> None:
    monkeypatch.setattr(Packs, "body", body)
    monkeypatch.setattr(Packs, "encoding", encoding)
    response = asked(address)
    assert Packs.asked == "identity"
    if says is None:
        assert (response.status, response.text) == (Status.OK, "42")
    else:
        assert says in (response.error or "")
