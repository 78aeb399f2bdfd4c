"""A server that speaks the chat-completions API as badly as it can."""

import gzip
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "soak-secret-key-0123456789"
"""What the client sends, and what must be written nowhere."""

_BOMB = gzip.compress(b"0" * 60_000_000, 1)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    draw = random.Random(0)  # noqa: S311 - nobody is to be kept from guessing

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        with suppress(OSError):  # the client went away
            getattr(self, self.draw.choice(_WAYS))()

    def _reply(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, text: str) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()

    def fair(self) -> None:
        self._reply(self._answer("1"), Content_Type="application/json")

    def echo(self) -> None:
        self._reply(self._answer(f"your {self.headers.get('Authorization')}"), Content_Type="application/json")

    def scold(self) -> None:
        self._reply(f"bad request by {self.headers.get('Authorization')}".encode(), 400)

    def bomb(self) -> None:
        self._reply(_BOMB, Content_Encoding="gzip", Content_Type="application/json")

    def nonsense(self) -> None:
        self._reply(b"<html>\xff\x00 not JSON")

    def strange(self) -> None:
        self._reply(json.dumps({"choices": [{"message": {"content": {"a": [1e999]}}}]}).encode())

    def half(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "9000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "9000")
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def deaf(self) -> None:
        time.sleep(2)

    def busy(self) -> None:
        self._reply(b"busy", 429, Retry_After="0")

    def broken(self) -> None:
        self._reply(b"\x1b[31moops", 503)


_WAYS = (*["fair"] * 8, "echo", "scold", "bomb", "nonsense", "strange", "half", "drip", "deaf", "busy", "broken")


@contextmanager
def hostile(seed: int) -> Iterator[str]:
    """Serve until the end of the block, and yield the address."""
    _Handler.draw = random.Random(seed)  # noqa: S311 - see above
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
