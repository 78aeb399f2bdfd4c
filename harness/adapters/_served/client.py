"""Send requests with bounded concurrency and retries, on an event loop of the client's own."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness.adapters._served.config import ServedConfig
from harness.adapters._served.dialect import Dialect, Listener
from harness.adapters._served.encoded import PLAIN, unpacked
from harness.adapters._served.pace import Pace, backoff, retry_after
from harness.adapters._served.reply import Failure, Reply, read, short
from harness.types import Status

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_LARGEST_ANSWER: Final = 16 << 20
_OWN_CROWD: Final = 3
"""Time-outs of a request that may be put down to the company which it was sent in."""
_SLACK: Final = 1.05
"""A call lasts so many deadlines at most: what was sent at its beginning comes to its own end within it."""


class Secret:
    """Headers with keys. They show themselves nowhere but in the request that they are made for."""

    def __init__(self, headers: Mapping[str, str], values: Sequence[str]) -> None:
        self._headers = headers
        self._values = sorted(filter(None, values), key=len, reverse=True)

    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry the keys."""
        return self._headers

    def hide(self, text: str) -> str:
        """Return ``text`` without the keys, should a server have repeated one."""
        for value in self._values:
            text = text.replace(value, "[key]")
        return text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    result: Reply | Failure
    attempts: int
    took: float | None = None
    """Seconds from when it was first sent to its end."""


@dataclass(slots=True)
class _Call:
    """What all requests of one call know of each other."""

    refused: bool = False
    """The server will answer none of them: none is sent any more."""
    silent: float | None = None
    """Seconds in which one of them waited and the server answered nobody."""


@dataclass(slots=True, eq=False)
class _Sending:
    """One request on its way."""

    body: dict[str, Any]
    call: _Call
    sent: bool = False
    """Whether it went out at least once."""
    task: "asyncio.Task[Outcome] | None" = None
    left: float = 0.0
    """When the call ended that it outlived."""


class Client:
    """Asks one server. Its methods may be called from any thread, and from several at a time.

    All that its requests share lives on the thread of its event loop alone.
    """

    def __init__(
        self,
        config: ServedConfig,
        secret: Secret,
        dialect: Dialect,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._secret = secret
        self._dialect = dialect
        self._url = f"{config.base_url}{dialect.path()}"
        self._query = {**dialect.query(), **config.query}
        self._flying: dict[bytes, list[_Sending]] = {}
        """What was under way when its call ended, by what was asked: who asks for it again waits for it on."""
        self._loop = asyncio.new_event_loop() if loop is None else loop
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="harness-served")
        self._thread.start()
        self._http = self._run(self._open(config.most))
        self.pace = Pace(config.most, eager=config.concurrency == "auto", now=self._loop.time)

    def ask(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Return one outcome a body, in order.

        Each request has its own deadline, from when it is first sent. A call takes hardly longer than one deadline:
        what was not sent by then, or not long ago, comes back as a failure that is ``later``, and is to be asked for
        again; what is under way goes on meanwhile.
        """
        return self._run(self._ask_all(bodies))

    def connect(self, most: int | None) -> "httpx.AsyncClient":
        """Return connections for :meth:`once`, at most so many at a time."""
        return self._run(self._open(most))

    def once(self, http: "httpx.AsyncClient", content: bytes, made: Callable[[Outcome], T]) -> "Future[T]":
        """Send a body at once and once, whatever became of others: for a load, whose pace is not the client's to set.

        Args:
            http: of :meth:`connect`.
            content: the body, :func:`encoded`.
            made: what to make of its outcome, on the client's own thread.
        """

        async def send() -> T:
            start = self._loop.time()
            result = await self._attempt(http, content, self._config.deadline)
            result = self._final(result, 1) if isinstance(result, Failure) else result
            return made(Outcome(result, 1, self._loop.time() - start))

        return asyncio.run_coroutine_threadsafe(send(), self._loop)

    def disconnect(self, http: "httpx.AsyncClient") -> None:
        """Close connections of :meth:`connect`."""
        self._run(http.aclose())

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl-C above all: what is under way must not go on
            future.cancel()
            raise

    async def _open(self, most: int | None) -> "httpx.AsyncClient":
        import httpx

        return httpx.AsyncClient(
            headers={
                **self._secret.headers(),
                "User-Agent": "vlm-harness",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
            },
            timeout=httpx.Timeout(self._config.timeout),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            follow_redirects=False,
        )

    async def _end(self) -> None:
        await _cancel([one for same in self._flying.values() for one in same])
        await self._http.aclose()

    async def _ask_all(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        call = _Call()
        await self._forget()
        asked = [self._taken(body, call) for body in bodies]
        for one in asked:
            one.task = one.task or asyncio.create_task(self._ask(one))
        tasks = [one.task for one in asked if one.task]
        if not tasks:
            return []
        try:
            await asyncio.wait(tasks, timeout=self._config.deadline * _SLACK)
        except BaseException:
            await _cancel(asked)
            raise
        waiting = [one for one in asked if one.task and not one.task.done()]
        for one in waiting:
            if one.sent:
                one.left = self._loop.time()
                self._flying.setdefault(_key(one.body), []).append(one)
        await _cancel([one for one in waiting if not one.sent])
        return [self._outcome(one) for one in asked]

    def _taken(self, body: dict[str, Any], call: _Call) -> _Sending:
        """Return the same request where it is still under way, and take it out; else a new one."""
        same = self._flying.get(_key(body)) if self._flying else None
        if not same:
            return _Sending(body, call)
        one = same.pop()
        one.call = call
        return one

    async def _forget(self) -> None:
        """Let go of what nobody asked for again within the time in which it must have come to its own end."""
        late = self._loop.time() - self._config.deadline * _SLACK
        old = [one for same in self._flying.values() for one in same if one.left < late]
        if old:
            kept = {key: [one for one in same if one.left >= late] for key, same in self._flying.items()}
            self._flying = {key: same for key, same in kept.items() if same}
            await _cancel(old)

    def _outcome(self, one: _Sending) -> Outcome:
        task = one.task
        if task is None or not task.done() or task.cancelled():
            return self._unsent(one) or Outcome(_LATER, 0)
        if (error := task.exception()) is not None:
            return Outcome(Failure(self._clean(f"{type(error).__name__}: {error}"), retry=False), 0)
        return task.result()

    async def _ask(self, one: _Sending) -> Outcome:
        attempt = crowds = tried = 0
        spent = 0.0
        first: float | None = None
        content = encoded(one.body)
        while True:
            async with self.pace.slot() as sent:
                if (early := self._unsent(one)) is not None:
                    return early
                one.sent = True
                first = sent if first is None else first
                tried += 1
                result = await self._attempt(self._http, content, self._config.deadline - spent)
                spent += self._loop.time() - sent
                if isinstance(result, Reply):
                    self.pace.succeeded(sent, self._config.timeout)
                    return Outcome(result, tried, self._loop.time() - first)
                failure = result
                one.call.refused |= failure.hopeless
                wait = self._wait(failure, attempt, spent)
                if failure.busy:
                    self.pace.busy(sent, None if wait is None else failure.wait)
                late = failure.status is Status.TIMEOUT
                if late and self.pace.crowded(sent):
                    # It waited behind others of ours: fewer at a time, once the server is through with these.
                    self.pace.busy(sent, min(self._config.timeout, self._config.max_wait), late=True)
                    if crowds < _OWN_CROWD and self.pace.answered_since(self._loop.time() - 2 * self._config.deadline):
                        crowds, spent = crowds + 1, 0.0
                        continue
                if late and wait is None and not self.pace.answered_since(sent - spent):
                    one.call.silent = spent  # before the next one has its turn
            if wait is None:
                break
            if one.call.refused:
                return Outcome(_LATER, tried)
            await asyncio.sleep(wait)
            spent += wait
            attempt += 1
        took = None if first is None else self._loop.time() - first
        return Outcome(self._final(failure, attempt + 1), tried, took)

    def _unsent(self, one: _Sending) -> Outcome | None:
        """Return what becomes of a request whose turn came, where it is not to be sent."""
        if one.call.refused:
            return Outcome(_LATER, 0)
        if one.sent or one.call.silent is None:
            return None
        said = f"never sent: the server answered nothing for {round(one.call.silent, 1):g} s"
        return Outcome(Failure(said, retry=False, status=Status.MISSING), 0)

    def _wait(self, failure: Failure, attempt: int, spent: float) -> float | None:
        """Return seconds until the next try, None if there is none."""
        if not failure.retry or attempt == self._config.retries or (failure.wait or 0.0) > self._config.max_wait:
            return None
        pause = backoff(attempt, self._config.backoff, self._config.max_wait)
        pause = pause if failure.wait is None else failure.wait + pause * 0.1
        return pause if spent + pause < self._config.deadline else None

    def _final(self, failure: Failure, attempts: int) -> Failure:
        said = self._clean(failure.said)
        if failure.wait is not None and failure.wait > self._config.max_wait:
            said += f"; it asks to wait {failure.wait:g} s, longer than max_wait ({self._config.max_wait:g} s)"
        elif failure.retry:
            said += f" ({attempts} attempts)"
        return replace(failure, said=said, retry=False)

    def _clean(self, text: str) -> str:
        return short(self._secret.hide(text))

    async def _attempt(self, http: "httpx.AsyncClient", content: bytes, left: float) -> Reply | Failure:
        import httpx

        limit = min(self._config.timeout, left)
        try:
            async with asyncio.timeout(limit):
                return await self._exchange(http, content)
        except (TimeoutError, httpx.TimeoutException):
            cut = limit < self._config.timeout
            within = f"its deadline of {self._config.deadline:g} s" if cut else f"{self._config.timeout:g} s"
            return Failure(f"no answer within {within}", retry=not cut, status=Status.TIMEOUT)
        except httpx.TransportError as error:
            said = f"the connection to {self._config.base_url} failed: {type(error).__name__}: {error}"
            said += "; does the server run there?"
            return Failure(said, retry=not isinstance(error, httpx.UnsupportedProtocol))

    async def _exchange(self, http: "httpx.AsyncClient", body: bytes) -> Reply | Failure:
        content = bytearray()
        listener, start = self._dialect.listener(), self._loop.time()
        async with http.stream("POST", self._url, content=body, params=self._query or None) as response:
            told = response.headers
            encoding = told.get("Content-Encoding", "")
            if not told.get("Content-Type", "").startswith("text/event-stream"):
                listener = None  # an error, or a server that does not send in pieces
            try:
                async for chunk in response.aiter_raw():  # as it comes: httpx would unpack without a limit
                    content += chunk
                    if len(content) > _LARGEST_ANSWER:
                        return Failure(f"the server sent more than {_LARGEST_ANSWER >> 20} MiB", retry=False)
                    if listener and encoding in PLAIN:
                        listener.feed(chunk, self._loop.time() - start)
            except ValueError as cause:
                return Failure(f"the server's answer cannot be read: {cause}", retry=True)
            try:
                answer = unpacked(bytes(content), encoding, _LARGEST_ANSWER)
            except ValueError as cause:
                return Failure(str(cause), retry=False)
            if listener is not None:
                return self._heard(listener, answer, encoding in PLAIN)
            return read(response.status_code, answer, retry_after(told.get("Retry-After")), self._dialect.reply)

    def _heard(self, listener: Listener, answer: bytes, timed: bool) -> Reply | Failure:
        """Return the answer that came in pieces."""
        try:
            if not timed:
                listener.feed(answer, None)
            whole = listener.whole()
        except (ValueError, RecursionError) as cause:
            return Failure(f"the server's answer cannot be read: {cause}", retry=True)
        found = read(200, json.dumps(whole).encode(), None, self._dialect.reply)
        return replace(found, seconds=listener.seconds()) if isinstance(found, Reply) else found


def encoded(body: dict[str, Any]) -> bytes:
    """Return a body as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


_LATER: Final = Failure("it was not sent, or not answered yet", retry=False, status=Status.MISSING, later=True)


def _key(body: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).digest()


async def _cancel(requests: Sequence[_Sending]) -> None:
    tasks = [one.task for one in requests if one.task]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
