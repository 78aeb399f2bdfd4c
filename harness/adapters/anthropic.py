"""Claude by Anthropic's own Messages API."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field, model_validator

from harness.adapters._served.adapter import ServedAdapter
from harness.adapters._served.client import Secret
from harness.adapters._served.config import VARIABLE, ServedConfig
from harness.adapters._served.dialect import Dialect, Listener
from harness.adapters._served.pictures import encoded_image, unicode
from harness.adapters._served.reply import Failure, Reply, as_object, count, finish_of, no_text
from harness.types import Finish, Request

ENTRIES: Final = {"anthropic": "AnthropicAdapter"}

_SAMPLING: Final = "2023-06-01"
"""The last version of the API whose requests may hold a temperature."""
_FINISHES: Final = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.FILTER,
}
"""Of https://platform.claude.com/docs/en/api/messages, read in November 2026; any other word says nothing."""


class AnthropicConfig(ServedConfig):
    """Keys of an adapter of ``type: anthropic``."""

    base_url: str = "https://api.anthropic.com"
    """Where the API starts."""
    api_key_env: str | None = Field(default="ANTHROPIC_API_KEY", pattern=VARIABLE)
    """The environment variable that holds the key. The key itself never stands in a file or a record."""
    api_version: str = Field(default="2026-10-21", pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Sent as `anthropic-version`."""
    temperature: float | None = Field(default=None, ge=0, le=1)
    """Left out by default: Claude 4.7 and later refuse it, and so does every version of the API after `2023-06-01`.
    With neither, `temperature: 0` makes answers repeat better."""

    @model_validator(mode="after")
    def _no_temperature_where_it_is_refused(self) -> Self:
        if self.temperature is not None and self.api_version > _SAMPLING:
            raise ValueError(f"`temperature` is refused by version {self.api_version} of the API: leave it out, or set "
                             f"`api_version: {_SAMPLING}` for a model that takes it")  # fmt: skip
        return self


class Messages:
    """How the Messages API is spoken."""

    def __init__(self, config: AnthropicConfig) -> None:
        self._config = config

    def path(self) -> str:
        return "/v1/messages"

    def query(self) -> Mapping[str, str]:
        return {}

    def headers(self, key: str | None) -> Mapping[str, str]:
        return {"anthropic-version": self._config.api_version} | ({"x-api-key": key} if key else {})

    def body(self, request: Request) -> dict[str, Any]:
        config, told = self._config, request.generation
        # A text without a letter is refused, and says nothing.
        parts = [part for part in request.content() if not isinstance(part, str) or part.strip()]
        content: dict[str, Any] = {
            "model": config.model,
            "max_tokens": told.max_new_tokens,
            "messages": [{"role": "user", "content": [self._block(request, part) for part in parts]}],
        }
        system = config.system if request.system is None else request.system
        if system:  # an empty one is refused
            content["system"] = unicode(system)
        if config.temperature is not None:
            content["temperature"] = told.temperature or config.temperature
            content |= {"top_p": told.top_p} if told.temperature and told.top_p < 1 else {}
        return content | config.extra_body

    def reply(self, found: dict[str, Any]) -> Reply | Failure | None:
        blocks = found.get("content")
        if found.get("type") == "error" or not isinstance(blocks, list):
            return None
        reason = found.get("stop_reason")
        text = "".join(str(block.get("text") or "") for block in blocks if _is(block, "text"))
        usage = as_object(found.get("usage"))
        thought = count(as_object(usage.get("output_tokens_details")).get("thinking_tokens"))
        thinking = bool(thought) or any(_is(block, "thinking") or _is(block, "redacted_thinking") for block in blocks)
        finish = finish_of(reason, _FINISHES)
        cut = finish is Finish.LENGTH
        silent = not text.strip() and (finish is Finish.UNKNOWN or (cut and thinking))
        kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        counts = [number for kind in kinds if (number := count(usage.get(kind))) is not None]
        told = Reply(
            text=text,
            tokens_in=sum(counts) if counts else None,
            image_tokens=None,
            tokens_out=count(usage.get("output_tokens")),
            logprobs=None,
            finish=finish,
            reasoning_tokens=thought,
            served=str(found.get("model") or "")[:200],
        )
        if finish is Finish.FILTER or silent:
            said = f"the server gave no text (stop_reason {reason!r})"
            why = as_object(found.get("stop_details"))
            said += "".join(f": {why[key]}" for key in ("category", "explanation") if isinstance(why.get(key), str))
            return no_text(said, told)
        return told

    def listener(self) -> Listener | None:
        return None

    def _block(self, request: Request, part: str | int) -> dict[str, Any]:
        if isinstance(part, str):
            return {"type": "text", "text": unicode(part)}
        media, content = encoded_image(request.images[part], self._config)
        return {"type": "image", "source": {"type": "base64", "media_type": media, "data": content}}


class AnthropicAdapter(ServedAdapter):
    """A model behind the Messages API. It samples only where its file says a temperature, and there is no seed."""

    Config: ClassVar[type[BaseModel]] = AnthropicConfig

    def __init__(self, config: AnthropicConfig, secret: Secret, dialect: Dialect) -> None:
        super().__init__(config, secret, dialect)
        if config.temperature is None:
            self.capabilities -= {"sample"}

    @classmethod
    def dialect(cls, config: AnthropicConfig) -> Dialect:
        """Return how the server is spoken to."""
        return Messages(config)


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind
