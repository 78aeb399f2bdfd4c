"""Any server that speaks the chat-completions API with images: vLLM, SGLang, Ollama, llama.cpp, TGI, hosted ones."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from harness.adapters._openai.batches import Batches
from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._openai.messages import body
from harness.adapters._openai.reply import reply
from harness.adapters._openai.stream import Stream
from harness.adapters._served.adapter import Asker, ServedAdapter
from harness.adapters._served.client import Secret
from harness.adapters._served.dialect import Dialect, Listener
from harness.adapters._served.reply import Failure, Reply
from harness.types import Request

ENTRIES: Final = {"openai": "OpenAIAdapter"}

_FILE: Final = 1000
"""Requests of a call by the Batch API, where the file does not say: they are in memory together."""


class ChatCompletions:
    """How chat completions are spoken: by OpenAI and who speaks as it does, and by Azure, with its own header."""

    def __init__(self, config: OpenAIConfig) -> None:
        self._config = config

    def path(self) -> str:
        return "/chat/completions"

    def query(self) -> Mapping[str, str]:
        return {"api-version": self._config.api_version} if self._config.api_version else {}

    def headers(self, key: str | None) -> Mapping[str, str]:
        if key is None:
            return {}
        return {"api-key": key} if self._config.api_version else {"Authorization": f"Bearer {key}"}

    def body(self, request: Request) -> dict[str, Any]:
        return body(request, self._config)

    def reply(self, found: dict[str, Any]) -> Reply | Failure | None:
        return reply(found)

    def listener(self) -> Listener | None:
        return Stream() if self._config.stream else None


class OpenAIAdapter(ServedAdapter):
    """A model behind chat completions."""

    Config: ClassVar[type[BaseModel]] = OpenAIConfig

    def __init__(self, config: OpenAIConfig, secret: Secret, dialect: Dialect) -> None:
        super().__init__(config, secret, dialect)
        self.capabilities |= {"logprobs"} if config.logprobs else set()
        if config.batch_api and "batch_size" not in config.model_fields_set:
            self.batch_size = _FILE

    @classmethod
    def dialect(cls, config: OpenAIConfig) -> Dialect:
        """Return how the server is spoken to."""
        return ChatCompletions(config)

    @classmethod
    def _made(cls, config: OpenAIConfig, secret: Secret, dialect: Dialect) -> Asker:
        return Batches(config, secret, dialect) if config.batch_api else super()._made(config, secret, dialect)

    def _also(self) -> Mapping[str, str]:
        return {}  # as before there were other adapters of this make: fingerprints stay
