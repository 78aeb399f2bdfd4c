"""A local, read-only server over all runs: the list, each report, any two compared, what is in flight, asv's pages."""

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from harness.errors import HarnessError, UsageError
from harness.record import Run
from harness.record.heads import heads
from harness.report.compare_html import compare_html, compared_pair
from harness.report.content import gather
from harness.report.html import render_html
from harness.report.live import in_flight, live_html
from harness.report.site import Link, Listed, index_html

HOST: Final = "127.0.0.1"
_HTML: Final = "text/html; charset=utf-8"
_NO_MORE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = _HTML
    status: HTTPStatus = HTTPStatus.OK


class Viewer:
    """Answers for addresses. Knows only what lies under its folders, and changes nothing."""

    def __init__(self, runs: Path, history: Path, asv: Path) -> None:
        self._runs = runs
        self._history = history
        self._asv = asv

    def answer(self, address: str) -> Answer:
        """Return what stands at an address."""
        parts = urlsplit(address)
        path = unquote(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            for prefix, page in self._pages().items():
                if path.startswith(prefix):
                    return page(path.removeprefix(prefix), query)
            return self._index() if path == "/" else _missing(path)
        except HarnessError as error:
            return _said(str(error), HTTPStatus.BAD_REQUEST)

    def _pages(self) -> dict[str, Callable[[str, dict[str, str]], Answer]]:
        return {
            "/run/": lambda name, _: _page(render_html(gather(self._run(name)))),
            "/live/": lambda name, _: self._live(name),
            "/compare": self._compare,
            "/history/": lambda name, _: _file(self._history, name),
            "/asv/": lambda name, _: _file(self._asv, name),
        }

    def _index(self) -> Answer:
        listed = [Listed(record, f"/run/{folder.name}") for folder, record in heads(self._runs)]
        live = [Link(folder.name, f"/live/{folder.name}") for folder in in_flight(self._runs)]
        links = []
        if (self._history / "index.html").is_file():
            links.append(Link("history across commits", "/history/index.html"))
        if (self._asv / "index.html").is_file():
            links.append(Link("asv's pages", "/asv/index.html"))
        return _page(index_html(listed[::-1], links, live, served=True))

    def _live(self, name: str) -> Answer:
        for folder in in_flight(self._runs):
            if folder.name == name:
                return _page(live_html(folder))
        run = self._run(name)  # it has finished meanwhile
        return _page(render_html(gather(run)))

    def _compare(self, _: str, query: dict[str, str]) -> Answer:
        baseline, candidate = (Run(self._run(query.get(side, ""))) for side in ("a", "b"))
        return _page(compare_html(compared_pair(baseline, candidate)))

    def _run(self, name: str) -> Path:
        # Names are looked up, never joined to a path: nothing outside the folder can be reached.
        for folder, record in heads(self._runs):
            if name in (folder.name, record.run_id) and name:
                return folder
        raise UsageError(f"there is no run {name!r}")


def send(handler: BaseHTTPRequestHandler, answer: Answer, more: Mapping[str, str] = _NO_MORE) -> None:
    """Send an answer, with the headers that keep it to this server's own page, and ``more`` of them."""
    handler.send_response(answer.status)
    handler.send_header("Content-Type", answer.kind)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.send_header("X-Content-Type-Options", "nosniff")
    for name, value in more.items():
        handler.send_header(name, value)
    handler.send_header("Cross-Origin-Resource-Policy", "same-origin")
    handler.send_header("Cache-Control", "no-store")
    handler.end_headers()
    handler.wfile.write(answer.body)


def server(viewer: Viewer, port: int) -> ThreadingHTTPServer:
    """Return a server on the loopback interface; port 0 takes any that is free."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "harness"
        sys_version = ""

        def do_GET(self) -> None:
            if self.headers.get("Host", "") not in {f"{name}:{bound}" for name in (HOST, "localhost")}:
                # A page elsewhere can point a name of its own at this machine (DNS rebinding); it gets nothing.
                self._send(_said("this server answers to 127.0.0.1 only", HTTPStatus.FORBIDDEN))
                return
            self._send(viewer.answer(self.path))

        def _send(self, answer: Answer) -> None:
            send(self, answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    serving = ThreadingHTTPServer((HOST, port), Handler)
    bound = serving.server_port
    return serving


def _page(text: str) -> Answer:
    return Answer(text.encode("utf-8", "replace"))


def _said(text: str, status: HTTPStatus) -> Answer:
    return Answer(f"{text}\n".encode(), "text/plain; charset=utf-8", status)


def _missing(path: str) -> Answer:
    return _said(f"there is nothing at {path}", HTTPStatus.NOT_FOUND)


def _file(root: Path, name: str) -> Answer:
    """Return a file below ``root``, wherever links and dots point."""
    file = (root / name).resolve()
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        return _missing(name)
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Answer(file.read_bytes(), kind)
