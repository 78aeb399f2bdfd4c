"""An adapter whose model stands behind HTTP: everything but how its API is spoken."""

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

from pydantic import BaseModel

from harness.adapters._qwen2_vl.decoding import Stopwatch
from harness.adapters._served.client import Client, Outcome, Secret, encoded
from harness.adapters._served.config import FromEnvironment, ServedConfig
from harness.adapters._served.cost import Estimate, RuleCounter, cost, estimate
from harness.adapters._served.dialect import Dialect
from harness.adapters._served.reply import Failure, Reply, TokenLogprob
from harness.adapters._served.sender import Sender
from harness.adapters._sure import sure
from harness.errors import AdapterError, HopelessError, SampleError
from harness.extras import install
from harness.traces import Trace
from harness.types import Request, Response, Status

_CODE_VERSION: Final = 1
_NO_INFLUENCE: Final = frozenset(
    {
        "api_key_env",
        "concurrency",
        "timeout",
        "deadline",
        "retries",
        "backoff",
        "max_wait",
        "prices",
        "pixels_per_token",
        "image_tokens",
        "stream",
        "batch_api",
        "batch_poll",
    }
)
"""Keys that cannot change an answer, only whether and when it comes."""
_LATER: Final = frozenset({"headers", "query", "api_version"})
"""Keys that count where they are set: fingerprints from before there were such keys stay."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with what the server told beside it."""

    response: Response
    logprobs: tuple[TokenLogprob, ...] | None
    """Of each token of the answer; None where the server offers none."""
    cost: float | None
    attempts: int
    """How often the request was sent; 0 where it never was."""

    @property
    def reasoning_tokens(self) -> int | None:
        """Of the tokens written, those that the model only thought; None where the server does not say."""
        return self.response.reasoning_tokens

    @property
    def served(self) -> str:
        """What the server says that it runs: its name of the model, and its fingerprint where it has one."""
        return self.response.served


@dataclass(slots=True)
class Usage:
    """What an adapter has used since it was loaded."""

    requests: int = 0
    failed: int = 0
    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reasoning_tokens: int = 0
    """Of ``tokens_out``, as far as the server says."""
    cost: float = 0.0
    """By the declared prices; 0 without them."""
    served: set[str] = field(default_factory=set)
    """What the server said that it runs; more than one where it changed meanwhile."""

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self.requests += 1
        self.failed += answer.response.status is not Status.OK
        self.attempts += answer.attempts
        self.tokens_in += answer.response.tokens_in or 0
        self.tokens_out += answer.response.tokens_out or 0
        self.reasoning_tokens += answer.reasoning_tokens or 0
        self.cost += answer.cost or 0.0
        if answer.served:
            self.served.add(answer.served)


class Asker(Protocol):
    """Whoever sends bodies to a server and brings the answers."""

    def ask(self, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Return one outcome a body, in order."""
        ...

    def close(self) -> None:
        """Let go of the server."""
        ...


class ServedAdapter:
    """A model behind HTTP. Nobody but the server knows its weights: see ``version`` in its configuration."""

    Config: ClassVar[type[BaseModel]] = ServedConfig
    simulated: bool = False

    def __init__(self, config: ServedConfig, secret: Secret, dialect: Dialect) -> None:
        self.batch_size = config.batch_size
        self.lanes = config.lanes
        self.batch_invariant = config.batch_invariant
        self.capabilities = frozenset({"generate", "sample"})
        self.usage = Usage()
        self._counting = threading.Lock()
        self._config = config
        self._dialect = dialect
        self._client: Asker | None = self._made(config, secret, dialect)

    @classmethod
    def dialect(cls, config: Any) -> Dialect:
        """Return how the server is spoken to."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> Self:
        """Get ready to ask. Nothing is sent yet.

        Raises:
            AdapterError: if httpx or a key is missing.
        """
        if find_spec("httpx") is None:
            raise AdapterError(f"servers are asked with httpx; run `{install('openai')}`")
        dialect = cls.dialect(config)
        return cls(config, _secret(config, dialect), dialect)

    @classmethod
    def token_counter(cls, config: Any, folder: Path) -> RuleCounter:
        """Return what counts tokens by rules, without asking anybody."""
        return RuleCounter(config)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the address, the model's name and all settings that shape an answer."""
        told = self._config.model_dump(mode="json", exclude=set(_NO_INFLUENCE))
        if told.get("headers"):  # a secret's value is no part of an answer, nor is the name of its variable
            told["headers"] = {name: value for name, value in told["headers"].items() if isinstance(value, str)}
        config = {key: value for key, value in told.items() if value or key not in _LATER}
        content = {"config": config, "code": _CODE_VERSION, **self._also()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch. Whatever the server does to a request costs only that one.

        What could not be sent within about a ``deadline``, or not long enough ago, comes back as ``later``: ask for it
        again.

        Raises:
            AdapterError: if the adapter is closed.
        """
        return [answer.response for answer in self.answer(requests)]

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As :meth:`generate`, with log probabilities where the server offers them, cost and attempts.

        Raises:
            AdapterError: if the adapter is closed.
        """
        if self._client is None:
            raise AdapterError("the adapter is closed")
        stopwatch = Stopwatch()
        answers: dict[int, Answer] = {}
        bodies: dict[int, dict[str, Any]] = {}
        with stopwatch.stage("preprocess"):
            for index, request in enumerate(requests):
                try:
                    bodies[index] = self._dialect.body(request)
                except SampleError as cause:
                    answers[index] = Answer(Response(None, Status.ERROR, str(cause)), None, None, 0)
        with stopwatch.stage("request"):
            outcomes = self._client.ask(list(bodies.values()))
        for index, outcome in zip(bodies, outcomes, strict=True):
            answers[index] = self._answer(outcome, stopwatch.seconds)
        for answer in answers.values():
            if not answer.response.later:
                self._count(answer)
        return [answers[index] for index in range(len(requests))]

    def sender(self, requests: Sequence[Request], most: int | None = None) -> Sender:
        """Return what sends these requests one by one, at once and once: for a load test.

        Args:
            requests: encoded here, so that this does not take place under load.
            most: how many may be under way at a time; None for any number.

        Raises:
            AdapterError: if the adapter is closed, or asks by batches of files, which have no latency of a request.
        """
        if self._client is None:
            raise AdapterError("the adapter is closed")
        if not isinstance(self._client, Client):
            raise AdapterError("answers come by `batch_api`, hours later; a load test needs an adapter without it")
        bodies: list[bytes | Response] = []
        for request in requests:
            try:
                bodies.append(encoded(self._dialect.body(request)))
            except SampleError as cause:
                bodies.append(Response(None, Status.ERROR, str(cause)))

        def made(outcome: Outcome) -> Response:
            answer = self._answer(outcome, {})
            self._count(answer)
            return answer.response

        return Sender(self._client, bodies, made, most)

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Ask one request; a server shows its answer, how long the prompt is, and the first token's log-probability.

        Raises:
            AdapterError: if the adapter is closed.
            SampleError: if the request cannot be sent, or is not answered.
        """
        (answer,) = self.answer([request])
        while answer.response.later:
            (answer,) = self.answer([request])
        if answer.response.status is not Status.OK:
            raise (HopelessError if answer.response.hopeless else SampleError)(str(answer.response.error))
        first = next(iter(answer.logprobs or ()), None)
        return Trace(answer.response, first=(first.token, first.logprob) if first else None)

    def estimate(self, requests: Sequence[Request]) -> Estimate:
        """Guess the tokens and the cost of requests without sending them."""
        return estimate(requests, self._config)

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @classmethod
    def _made(cls, config: Any, secret: Secret, dialect: Dialect) -> Asker:
        """Return who asks the server."""
        return Client(config, secret, dialect)

    def _also(self) -> Mapping[str, str]:
        """Return what counts in the fingerprint beside the configuration."""
        return {"type": type(self).__name__}

    def _count(self, answer: Answer) -> None:
        with self._counting:  # loads and calls come from threads of their own
            self.usage.add(answer)

    def _answer(self, outcome: Outcome, seconds: dict[str, float]) -> Answer:
        result = outcome.result
        told = result.told if isinstance(result, Failure) else result
        response = Response(
            result.text if isinstance(result, Reply) else None,
            seconds={**seconds, **(told.seconds if told else {})},
            finish=result.finish,
            attempts=outcome.attempts,
            took=outcome.took,
            **sure(one.logprob for one in (result.logprobs if isinstance(result, Reply) else None) or ()),
        )
        if told is not None:
            names = ("tokens_in", "image_tokens", "tokens_out", "reasoning_tokens", "served")
            response = replace(response, **{name: getattr(told, name) for name in names})
        if isinstance(result, Failure):
            response = replace(
                response, status=result.status, error=result.said, later=result.later, hopeless=result.hopeless
            )
        spent = cost(self._config.prices, response.tokens_in, response.tokens_out)
        return Answer(response, result.logprobs if isinstance(result, Reply) else None, spent, outcome.attempts)


def _secret(config: ServedConfig, dialect: Dialect) -> Secret:
    key = None if config.api_key_env is None else _value(config.api_key_env, "api_key_env: ")
    headers, values = dict(dialect.headers(key)), [key or ""]
    for name, told in config.headers.items():
        if isinstance(told, FromEnvironment):
            headers[name] = _value(told.env, f"headers: {name}: env: ")
            values.append(headers[name])
        else:
            headers[name] = told
    return Secret(headers, values)


def _value(variable: str, key: str) -> str:
    where = f"`{key}{variable}`"
    value = os.environ.get(variable, "").strip()
    if not value:
        raise AdapterError(
            f"{where}: the environment variable {variable} is not set; put the key there: export {variable}=…"
        )
    if not value.isascii() or not value.isprintable():
        raise AdapterError(f"{where}: the key in {variable} has characters that no header can carry")
    return value
