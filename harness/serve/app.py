"""The HTTP server: chat completions over a dynamic batcher, health, Prometheus metrics."""

import asyncio
import contextlib
import hmac
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from harness.errors import SampleError
from harness.serve.batcher import Batcher, Closed, QueueFull, TooLate
from harness.serve.messages import BadRequest, Limits, read_body, reply
from harness.serve.prometheus import Book
from harness.types import Status

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


def make_app(batcher: Batcher, settings: Settings) -> "Starlette":
    """Return the application; when it shuts down, it answers what waits and closes the batcher."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    server = _Server(batcher, settings)

    async def health(request: "HttpRequest") -> "HttpResponse":
        return JSONResponse({"status": "closing" if server.closing else "ok"}, 503 if server.closing else 200)

    async def models(request: "HttpRequest") -> "HttpResponse":
        return JSONResponse({"object": "list", "data": [{"id": settings.model, "object": "model"}]})

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
        Route("/metrics", metrics),
        Route("/v1/chat/completions", server.complete, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class _Server:
    def __init__(self, batcher: Batcher, settings: Settings) -> None:
        self.closing = False
        self.book = Book()
        self._batcher = batcher
        self._settings = settings
        self._numbers = count(1)

    async def complete(self, http: "HttpRequest") -> "HttpResponse":
        """Answer one chat completion."""
        start = time.perf_counter()
        code, body, headers = await self._guarded(self._answer, http)
        self.book.request(code, time.perf_counter() - start)
        from starlette.responses import Response

        # What a model writes, or a client sends, may hold half of a UTF-16 pair, which no UTF-8 can carry.
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return Response(content, code, headers, "application/json")

    async def _guarded(self, answer: Callable[["HttpRequest"], Awaitable[Any]], http: "HttpRequest") -> Any:
        """Turn every failure into a status and a sentence."""
        try:
            return 200, await answer(http), {}
        except BadRequest as cause:
            return 400, _error(str(cause), "invalid_request_error"), {}
        except _RefusedError as cause:
            return cause.code, _error(str(cause), "invalid_request_error"), {}
        except QueueFull as cause:
            return 429, _error(str(cause), "overloaded"), {"Retry-After": str(math.ceil(cause.wait))}
        except (TooLate, TimeoutError):
            said = f"no answer within {self._settings.timeout:g} s"
            return 504, _error(said, "timeout"), {}
        except Closed as cause:
            return 503, _error(str(cause), "closing"), {"Retry-After": "5"}
        except SampleError as cause:
            return 422, _error(str(cause), "invalid_request_error"), {}
        except Exception as cause:  # noqa: BLE001 - a model may raise anything; the server goes on
            return 500, _error(f"the model failed: {type(cause).__name__}", "server_error"), {}

    async def _answer(self, http: "HttpRequest") -> dict[str, Any]:
        self._authorise(http)
        identity = f"{next(self._numbers):08d}"
        body = await self._body(http)
        request = await asyncio.to_thread(read_body, body, identity, self._settings.limits)
        future = self._batcher.submit(request, self._settings.timeout)
        done = await asyncio.wait_for(asyncio.wrap_future(future), self._settings.timeout + _GRACE)
        self.book.answer(done.batch, done.queued, done.computed)
        if done.response.status is Status.TIMEOUT:
            raise TooLate
        if done.response.status is not Status.OK or done.response.text is None:
            raise SampleError(done.response.error or "the model gave no answer")
        return reply(identity, self._settings.model, int(time.time()), done.response)

    def _authorise(self, http: "HttpRequest") -> None:
        key = self._settings.key
        given = http.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if key is not None and not hmac.compare_digest(given, key.encode()):
            raise _RefusedError(401, "the key is missing or wrong")
        # A browser sends JSON to another site only after asking; so a page on the web cannot use this server.
        if http.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise _RefusedError(415, "the body must be application/json")

    async def _body(self, http: "HttpRequest") -> Any:
        limit = self._settings.limits.body
        received = bytearray()
        async for chunk in http.stream():
            received += chunk
            if len(received) > limit:
                raise _RefusedError(413, f"the body is larger than {limit:,} bytes")
        try:
            return json.loads(received)
        except (ValueError, RecursionError) as cause:
            raise BadRequest(f"the body is not JSON: {cause}") from cause


class _RefusedError(Exception):
    def __init__(self, code: int, said: str) -> None:
        self.code = code
        super().__init__(said)


def _error(said: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": said, "type": kind}}
