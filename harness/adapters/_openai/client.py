"""Send requests with bounded concurrency and retries, on an event loop of the client's own."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._openai.encoded import unpacked
from harness.adapters._openai.pace import Pace, backoff, retry_after
from harness.adapters._openai.reply import Failure, Reply, read, short
from harness.types import Status

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_LARGEST_ANSWER: Final = 16 << 20


class Secret:
    """A key. It shows itself nowhere but in the header that it is made for."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def hide(self, text: str) -> str:
        """Return ``text`` without the key, should a server have repeated it."""
        return text.replace(self._value, "[key]") if self._value else text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    result: Reply | Failure
    attempts: int


class Client:
    """Asks one server. Its methods may be called from any thread, and from one thread at a time."""

    def __init__(self, config: OpenAIConfig, secret: Secret) -> None:
        self._config = config
        self._secret = secret
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="harness-openai")
        self._thread.start()
        self._http, self.pace = self._run(self._open())

    def ask(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Return one outcome a body, in order, within the deadline."""
        return self._run(self._ask_all(bodies))

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._run(self._http.aclose())
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

    async def _open(self) -> "tuple[httpx.AsyncClient, Pace]":
        import httpx

        most = self._config.concurrency
        http = httpx.AsyncClient(
            headers={**self._secret.headers(), "User-Agent": "vlm-harness", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self._config.timeout),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            follow_redirects=False,
        )
        return http, Pace(most)

    async def _ask_all(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        tasks = [asyncio.create_task(self._ask(body)) for body in bodies]
        if not tasks:
            return []
        try:
            await asyncio.wait(tasks, timeout=self._config.deadline)
        finally:
            for task in tasks:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [result if isinstance(result, Outcome) else self._late(result) for result in results]

    def _late(self, error: BaseException) -> Outcome:
        if isinstance(error, asyncio.CancelledError):
            said = f"no answer within the batch's deadline of {self._config.deadline:g} s"
            return Outcome(Failure(said, retry=False, status=Status.TIMEOUT), 0)
        return Outcome(Failure(self._clean(f"{type(error).__name__}: {error}"), retry=False), 0)

    async def _ask(self, body: dict[str, Any]) -> Outcome:
        for attempt in range(self._config.retries + 1):
            async with self.pace.slot() as sent:
                result = await self._attempt(body)
                if isinstance(result, Reply):
                    self.pace.succeeded()
                    return Outcome(result, attempt + 1)
                failure = result
                wait = self._wait(failure, attempt)
                if failure.busy:
                    self.pace.busy(sent, None if wait is None else failure.wait)
            if wait is None:
                break
            await asyncio.sleep(wait)
        return Outcome(self._final(failure, attempt + 1), attempt + 1)

    def _wait(self, failure: Failure, attempt: int) -> float | None:
        """Return seconds until the next try, None if there is none."""
        if not failure.retry or attempt == self._config.retries or (failure.wait or 0.0) > self._config.max_wait:
            return None
        pause = backoff(attempt, self._config.backoff, self._config.max_wait)
        return pause if failure.wait is None else failure.wait + pause * 0.1

    def _final(self, failure: Failure, attempts: int) -> Failure:
        said = self._clean(failure.said)
        if failure.wait is not None and failure.wait > self._config.max_wait:
            said += f"; it asks to wait {failure.wait:g} s, longer than max_wait ({self._config.max_wait:g} s)"
        elif failure.retry:
            said += f" ({attempts} attempts)"
        return Failure(said, retry=False, status=failure.status, finish=failure.finish)

    def _clean(self, text: str) -> str:
        return short(self._secret.hide(text))

    async def _attempt(self, body: dict[str, Any]) -> Reply | Failure:
        import httpx

        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._exchange(body)
        except (TimeoutError, httpx.TimeoutException):
            said = f"no answer within {self._config.timeout:g} s"
            return Failure(said, retry=True, status=Status.TIMEOUT)
        except httpx.TransportError as error:
            said = f"the connection to {self._config.base_url} failed: {type(error).__name__}: {error}"
            return Failure(said, retry=not isinstance(error, httpx.UnsupportedProtocol))

    async def _exchange(self, body: dict[str, Any]) -> Reply | Failure:
        url = f"{self._config.base_url}/chat/completions"
        content = bytearray()
        async with self._http.stream("POST", url, json=body) as response:
            async for chunk in response.aiter_raw():  # as it comes: httpx would unpack without a limit
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    return Failure(f"the server sent more than {_LARGEST_ANSWER >> 20} MiB", retry=False)
            encoding = response.headers.get("Content-Encoding", "")
            try:
                answer = unpacked(bytes(content), encoding, _LARGEST_ANSWER)
            except ValueError as cause:
                return Failure(str(cause), retry=False)
            return read(response.status_code, answer, retry_after(response.headers.get("Retry-After")))
