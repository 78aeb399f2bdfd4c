"""The page on which people label, on this machine alone.

Whoever can open it can label in somebody's name, so that it answers only to whoever has its address: a token in the
path, which no other page can guess and no address line sends on. What changes something is a POST of JSON from the page
itself: another site's form cannot make one, and its scripts are refused by ``Origin``.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any, Final, cast

from harness.errors import HarnessError
from harness.report import page
from harness.report.label_pictures import Pictures
from harness.report.label_session import CHOICES, Choice, Session
from harness.report.label_write import Writing
from harness.report.serve import HOST, Answer, send

_TEMPLATE: Final = "label.html.j2"
_JSON: Final = "application/json"
_LONGEST: Final = 1 << 14
"""Bytes of a request's body."""
_ALONE: Final = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
"""No page may show this one inside it, and none learns its address."""


class Labelling:
    """Answers for addresses below the token.

    Args:
        session: whose labels are kept, or who writes right answers down.
        pictures: of what is asked.
        told: what the page says where all is labelled: the command that uses the labels.
        simulated: whether the answers are no model's.
    """

    def __init__(self, session: Session | Writing, pictures: Pictures, told: str, *, simulated: bool = False) -> None:
        self.token = secrets.token_urlsafe(24)
        self._session = session
        self._pictures = pictures
        self._told = told
        self._simulated = simulated
        self._lock = Lock()

    def get(self, path: str) -> Answer:
        """Return what stands at a path below the token."""
        if path == "":
            return Answer(self._page().encode("utf-8", "replace"))
        if path == "state":
            with self._lock:
                return self._state()
        _, _, number = path.rpartition("/")
        if path.startswith("picture/") and number.isdecimal() and len(number) < 5:
            with self._lock:
                current = self._session.current
            found = current and self._pictures.png(current.about, int(number))
            if found:
                return Answer(found, "image/png")
        return _said("there is nothing here", HTTPStatus.NOT_FOUND)

    def post(self, path: str, body: bytes) -> Answer:
        """Keep a label or take the last back; return what to ask then."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, Mapping):
            return _said("send a JSON object", HTTPStatus.BAD_REQUEST)
        try:
            with self._lock:
                if path == "undo":
                    self._session.undo()
                elif path != "label" or not self._keep(told):
                    wanted = (
                        "an answer, or null" if self._session.mode == "write" else f"a choice: {', '.join(CHOICES)}"
                    )
                    return _said(f"send a question and {wanted}", HTTPStatus.BAD_REQUEST)
                return self._state()
        except HarnessError as cause:
            return _said(str(cause), HTTPStatus.INSUFFICIENT_STORAGE)

    def _keep(self, told: Mapping[str, Any]) -> bool:
        """Keep a label or a written answer; return whether it is one."""
        question, answer = told.get("question"), told.get("answer", ...)
        if not isinstance(question, str):
            return False
        if isinstance(self._session, Writing):
            if answer is not None and not isinstance(answer, str):
                return False
            self._session.write(question, answer)
            return True
        if told.get("choice") not in CHOICES:
            return False
        self._session.choose(question, cast("Choice", told["choice"]))
        return True

    def _state(self) -> Answer:
        told: dict[str, Any] = self._session.state()
        if (current := self._session.current) is not None:
            strip = self._pictures.strip(current.about)
            told["pictures"] = self._pictures.count(current.about)
            told["frames"] = {"times": strip.times, "of": strip.of, "seconds": strip.seconds, "why_not": strip.why_not}
        return Answer(json.dumps(told).encode(), _JSON)

    def _page(self) -> str:
        template = page.environment().get_template(_TEMPLATE)
        return template.render(
            by=self._session.by, mode=self._session.mode, told=self._told, why_not=self._pictures.why_not,
            simulated=self._simulated,
        )  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    """Lets through what comes from the page of one server."""

    labelling: Labelling
    hosts: frozenset[str]
    server_version = "harness"
    sys_version = ""

    def do_GET(self) -> None:
        path = self._below()
        if path is not None:
            self._send(self.labelling.get(path))

    def do_POST(self) -> None:
        path = self._below()
        if path is None:
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST:
            self._send(_said("that is no label", HTTPStatus.BAD_REQUEST))
            return
        body = self.rfile.read(int(length))
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind != _JSON or self.headers.get("Origin", "") not in self._own() or self._elsewhere():
            self._send(_said("labels come from this server's own page alone", HTTPStatus.FORBIDDEN))
            return
        self._send(self.labelling.post(path, body))

    def _own(self) -> set[str]:
        return {f"http://{host}" for host in self.hosts}

    def _elsewhere(self) -> bool:
        return self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"

    def _below(self) -> str | None:
        """Return the path below the token; answer for itself where there is none."""
        if self.headers.get("Host", "") not in self.hosts:
            # A page elsewhere can point a name of its own at this machine (DNS rebinding); it gets nothing.
            self._send(_said("this server answers to 127.0.0.1 only", HTTPStatus.FORBIDDEN))
            return None
        token, slash, path = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.labelling.token.encode()):
            self._send(_said("open the address that `harness label` printed", HTTPStatus.FORBIDDEN))
            return None
        return path

    def _send(self, answer: Answer) -> None:
        send(self, answer, _ALONE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def label_server(labelling: Labelling, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the page on the loopback interface; port 0 takes any that is free."""

    class Ours(_Handler):
        pass

    serving = ThreadingHTTPServer((HOST, port), Ours)
    serving.daemon_threads = True
    Ours.labelling = labelling
    Ours.hosts = frozenset(f"{name}:{serving.server_port}" for name in (HOST, "localhost"))
    return serving


def _said(text: str, status: HTTPStatus) -> Answer:
    return Answer(f"{text}\n".encode(), "text/plain; charset=utf-8", status)
