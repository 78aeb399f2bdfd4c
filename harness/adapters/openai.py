"""Any server that speaks the chat-completions API with images: vLLM, SGLang, Ollama, llama.cpp, TGI, hosted ones."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.adapters._openai.client import Client, Outcome, Secret
from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._openai.messages import Estimate, body, cost, estimate
from harness.adapters._openai.reply import Failure, TokenLogprob
from harness.adapters._qwen2_vl.decoding import Stopwatch
from harness.errors import AdapterError, SampleError
from harness.extras import install
from harness.types import Request, Response, Status

ENTRIES: Final = {"openai": "OpenAIAdapter"}

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
    }
)
"""Keys that cannot change an answer, only whether and when it comes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with what the server told beside it."""

    response: Response
    logprobs: tuple[TokenLogprob, ...] | None
    """Of each token of the answer; None where the server offers none."""
    cost: float | None
    attempts: int
    """How often the request was sent; 0 where it never was."""


@dataclass(slots=True)
class Usage:
    """What an adapter has used since it was loaded."""

    requests: int = 0
    failed: int = 0
    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """By the declared prices; 0 without them."""

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self.requests += 1
        self.failed += answer.response.status is not Status.OK
        self.attempts += answer.attempts
        self.tokens_in += answer.response.tokens_in or 0
        self.tokens_out += answer.response.tokens_out or 0
        self.cost += answer.cost or 0.0


class OpenAIAdapter:
    """A model behind HTTP. Nobody but the server knows its weights: see ``version`` in its configuration."""

    Config: ClassVar[type[BaseModel]] = OpenAIConfig
    simulated: bool = False

    def __init__(self, config: OpenAIConfig, secret: Secret) -> None:
        self.batch_size = config.batch_size
        self.batch_invariant = config.batch_invariant
        self.capabilities = frozenset({"generate", "sample"} | ({"logprobs"} if config.logprobs else set()))
        self.usage = Usage()
        self._config = config
        self._client: Client | None = Client(config, secret)

    @classmethod
    def from_config(cls, config: OpenAIConfig, folder: Path) -> Self:
        """Get ready to ask. Nothing is sent yet.

        Raises:
            AdapterError: if httpx or the key is missing.
        """
        if find_spec("httpx") is None:
            raise AdapterError(f"servers are asked with httpx; run `{install('openai')}`")
        return cls(config, Secret(_key(config.api_key_env)))

    def fingerprint(self) -> str:
        """Return a SHA-256 over the address, the model's name and all settings that shape an answer."""
        content = {"config": self._config.model_dump(mode="json", exclude=set(_NO_INFLUENCE)), "code": _CODE_VERSION}
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
                    bodies[index] = body(request, self._config)
                except SampleError as cause:
                    answers[index] = Answer(Response(None, Status.ERROR, str(cause)), None, None, 0)
        with stopwatch.stage("request"):
            outcomes = self._client.ask(list(bodies.values()))
        for index, outcome in zip(bodies, outcomes, strict=True):
            answers[index] = self._answer(outcome, stopwatch.seconds)
        for answer in answers.values():
            if not answer.response.later:
                self.usage.add(answer)
        return [answers[index] for index in range(len(requests))]

    def estimate(self, requests: Sequence[Request]) -> Estimate:
        """Guess the tokens and the cost of requests without sending them."""
        return estimate(requests, self._config)

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _answer(self, outcome: Outcome, seconds: dict[str, float]) -> Answer:
        result = outcome.result
        if isinstance(result, Failure):
            response = Response(
                None,
                result.status,
                result.said,
                seconds=dict(seconds),
                finish=result.finish,
                later=result.later,
                hopeless=result.hopeless,
            )
            return Answer(response, None, None, outcome.attempts)
        response = Response(
            result.text,
            tokens_in=result.tokens_in,
            image_tokens=result.image_tokens,
            tokens_out=result.tokens_out,
            seconds=dict(seconds),
            finish=result.finish,
        )
        spent = cost(self._config.prices, result.tokens_in, result.tokens_out)
        return Answer(response, result.logprobs, spent, outcome.attempts)


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    value = os.environ.get(variable, "").strip()
    if not value:
        raise AdapterError(
            f"`api_key_env: {variable}`: the environment variable {variable} is not set; put the key there"
        )
    if not value.isascii() or not value.isprintable():
        raise AdapterError(f"`api_key_env: {variable}`: the key in {variable} has characters that no header can carry")
    return value
