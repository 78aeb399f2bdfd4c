"""The HTTP server: chat completions over a dynamic batcher, health, Prometheus metrics."""

import asyncio
import contextlib
import functools
import hmac
import ipaddress
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from harness.errors import SampleError
from harness.serve.batcher import Batcher, Closed, QueueFull, TooLate
from harness.serve.budget import Budget, Busy, Share
from harness.serve.messages import Limits, read_body
from harness.serve.parameters import BadRequest, How
from harness.serve.prometheus import Book
from harness.serve.replies import About, as_json, error, events, reply, stopped
from harness.types import Response, Status

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response as HttpResponse

_GRACE: Final = 5.0
"""Seconds beyond a request's time limit that a batch which began in time may take."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is told."""

    model: str
    """The name that clients may give."""
    timeout: float = 60.0
    """Seconds that a request may take; then 504."""
    drain: float = 60.0
    """Seconds that requests have to finish when the server closes."""
    key: str | None = None
    """What `Authorization: Bearer` must hold; None: anybody may ask."""
    limits: Limits = field(default_factory=Limits)
    body_timeout: float = 30.0
    """Seconds in which a body must have come; then 408."""
    bytes_together: int = 256 * 1024 * 1024
    """Of the bodies of all requests in flight; then 429."""
    pixels_together: int = 64_000_000
    """Of the images of all requests in flight; then 429."""
    samples: bool = False
    """Whether the model can sample; else a temperature is refused."""
    fingerprint: str = ""
    """Of the adapter: what clients are told as `system_fingerprint`."""
    hosts: tuple[str, ...] = ()
    """Names of this server in ``Host``, beside loopback's and any address of numbers."""


def make_app(batcher: Batcher, settings: Settings) -> "Starlette":
    """Return the application; when it shuts down, it answers what waits and closes the batcher."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    server = _Server(batcher, settings)

    async def health(request: "HttpRequest") -> "HttpResponse":
        return JSONResponse({"status": "closing" if server.closing else "ok"}, 503 if server.closing else 200)

    one = {"id": settings.model, "object": "model", "created": server.started, "owned_by": "harness"}
    one["root"] = settings.model  # vLLM's benchmark client reads it

    async def models(request: "HttpRequest") -> "HttpResponse":
        return JSONResponse({"object": "list", "data": [one]})

    async def model(request: "HttpRequest") -> "HttpResponse":
        name = request.path_params["name"]
        return JSONResponse(one) if name == settings.model else JSONResponse(_unknown(name), 404)

    async def metrics(request: "HttpRequest") -> "HttpResponse":
        return PlainTextResponse(server.book.render(batcher), media_type="text/plain; version=0.0.4")

    @contextlib.asynccontextmanager
    async def lifespan(app: "Starlette") -> AsyncIterator[None]:
        yield
        server.closing = True
        await asyncio.to_thread(batcher.close, True, settings.drain)

    routes = [
        Route("/health", health),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        Route("/metrics", metrics),
        Route("/v1/chat/completions", server.complete, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(_OwnName, hosts=settings.hosts)])


class _OwnName:
    """Answers only who calls this server by a name of its own.

    A page elsewhere can point a name of its own at this machine (DNS rebinding); an address of numbers it cannot.
    """

    def __init__(self, app: Any, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse

        if scope["type"] == "http":
            told = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not self._is_own(told):
                said = f"this server is not called {told!r:.80}; `harness serve --allow-host NAME` gives it a name"
                await JSONResponse(error(said, "invalid_request_error"), 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_own(self, told: str) -> bool:
        name = told.rpartition("]")[0].removeprefix("[") if told.startswith("[") else told.partition(":")[0]
        if name.lower() in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class _Server:
    def __init__(self, batcher: Batcher, settings: Settings) -> None:
        self.closing = False
        self.book = Book()
        self._batcher = batcher
        self._settings = settings
        self._budget = Budget({"bytes": settings.bytes_together, "pixels": settings.pixels_together})
        self._numbers = count(1)
        self.started = int(time.time())

    async def complete(self, http: "HttpRequest") -> "HttpResponse":
        """Answer one chat completion."""
        start = time.perf_counter()
        code, content, headers = await self._guarded(self._answer, http)
        self.book.request(code, time.perf_counter() - start)
        from starlette.responses import Response as Reply

        if isinstance(content, bytes):  # events
            return Reply(content, code, {"Cache-Control": "no-cache"}, "text/event-stream")
        return Reply(as_json(content), code, headers, "application/json")

    async def _guarded(self, answer: Callable[["HttpRequest"], Awaitable[Any]], http: "HttpRequest") -> Any:
        """Turn every failure into a status and a sentence."""
        try:
            return 200, await answer(http), {}
        except BadRequest as cause:
            return 400, error(str(cause), "invalid_request_error", cause.parameter), {}
        except _UnknownModel as cause:
            return 404, _unknown(str(cause)), {}
        except _RefusedError as cause:
            return cause.code, error(str(cause), "invalid_request_error"), {}
        except (QueueFull, Busy) as cause:
            return 429, error(str(cause), "overloaded"), {"Retry-After": str(math.ceil(cause.wait))}
        except (TooLate, TimeoutError):
            said = f"no answer within {self._settings.timeout:g} s"
            return 504, error(said, "timeout"), {}
        except Closed as cause:
            return 503, error(str(cause), "closing"), {"Retry-After": "5"}
        except SampleError as cause:
            return 422, error(str(cause), "invalid_request_error"), {}
        except Exception as cause:  # noqa: BLE001 - a model may raise anything; the server goes on
            return 500, error(f"the model failed: {type(cause).__name__}", "server_error"), {}

    async def _answer(self, http: "HttpRequest") -> dict[str, Any] | bytes:
        self._authorise(http)
        with self._budget.share() as share:
            return await self._held(http, share)

    async def _held(self, http: "HttpRequest", share: Share) -> dict[str, Any] | bytes:
        identity = f"{next(self._numbers):08d}"
        try:
            body = await asyncio.wait_for(self._body(http, share), self._settings.body_timeout)
        except TimeoutError as cause:
            said = f"the body did not come within {self._settings.body_timeout:g} s"
            raise _RefusedError(408, said) from cause
        self._known_model(body)
        hold = functools.partial(share.take, "pixels")
        limits, samples = self._settings.limits, self._settings.samples
        asked = await asyncio.to_thread(read_body, body, identity, limits, hold, samples)
        future = self._batcher.submit(asked.request, self._settings.timeout)
        done = await asyncio.wait_for(asyncio.wrap_future(future), self._settings.timeout + _GRACE)
        self.book.answer(done.batch, done.queued, done.computed)
        if done.response.status is Status.TIMEOUT:
            raise TooLate
        if done.response.status is not Status.OK or done.response.text is None:
            raise SampleError(done.response.error or "the model gave no answer")
        return self._written(identity, done.response, asked.how)

    def _written(self, identity: str, response: Response, how: How) -> dict[str, Any] | bytes:
        about = About(identity, self._settings.model, int(time.time()), self._settings.fingerprint)
        answer = stopped(response, how.stop)
        return b"".join(events(about, answer, how.usage)) if how.stream else reply(about, answer)

    def _known_model(self, body: Any) -> None:
        name = body.get("model") if isinstance(body, dict) else None
        if name not in (None, self._settings.model):
            raise _UnknownModel(f"{name:.80}" if isinstance(name, str) else repr(name)[:80])

    def _authorise(self, http: "HttpRequest") -> None:
        key = self._settings.key
        given = http.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if key is not None and not hmac.compare_digest(given, key.encode()):
            raise _RefusedError(401, "the key is missing or wrong")
        # A browser sends JSON to another site only after asking; so a page on the web cannot use this server.
        if http.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise _RefusedError(415, "the body must be application/json")

    async def _body(self, http: "HttpRequest", share: Share) -> Any:
        limit = self._settings.limits.body
        received = bytearray()
        async for chunk in http.stream():
            if len(received) + len(chunk) > limit:
                raise _RefusedError(413, f"the body is larger than {limit:,} bytes")
            share.take("bytes", len(chunk))
            received += chunk
        try:
            return json.loads(received)
        except (ValueError, RecursionError) as cause:
            raise BadRequest(f"the body is not JSON: {cause}") from cause


class _RefusedError(Exception):
    def __init__(self, code: int, said: str) -> None:
        self.code = code
        super().__init__(said)


class _UnknownModel(Exception):
    """Its text is the name that the client gave."""


def _unknown(name: str) -> dict[str, Any]:
    return error(f"there is no model {name!r} here", "invalid_request_error", "model", "model_not_found")
