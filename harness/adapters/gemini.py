"""Gemini by Google's own API, `generateContent`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

from pydantic import BaseModel, Field

from harness.adapters._served.adapter import ServedAdapter
from harness.adapters._served.config import VARIABLE, ServedConfig
from harness.adapters._served.dialect import Dialect, Listener
from harness.adapters._served.pictures import encoded_image, unicode
from harness.adapters._served.reply import Failure, Reply, as_object, count, finish_of, no_text
from harness.types import Finish, Request

ENTRIES: Final = {"gemini": "GeminiAdapter"}

_FILTERS: Final = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "ESCALATION",
                   "MODEL_ARMOR")  # fmt: skip
_FINISHES: Final = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "CONTINUATION": Finish.LENGTH,
    **dict.fromkeys(_FILTERS, Finish.FILTER),
}
"""Of https://ai.google.dev/api/generate-content, read in November 2026; any other word says nothing."""


class GeminiConfig(ServedConfig):
    """Keys of an adapter of ``type: gemini``."""

    base_url: str = "https://generativelanguage.googleapis.com/v1"
    """Where the API starts; `…/v1beta` has what is not in the stable version yet."""
    api_key_env: str | None = Field(default="GEMINI_API_KEY", pattern=VARIABLE)
    """The environment variable that holds the key. The key itself never stands in a file or a record."""
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    """`null` leaves it out. Models from Gemini 3.5 on take no notice of it; answers then may not repeat."""
    seed: int | None = None
    """Sent where it is set; the server keeps to it as well as it can."""


class GenerateContent:
    """How `generateContent` is spoken."""

    def __init__(self, config: GeminiConfig) -> None:
        self._config = config

    def path(self) -> str:
        name = self._config.model if "/" in self._config.model else f"models/{self._config.model}"
        return f"/{quote(name)}:generateContent"

    def query(self) -> Mapping[str, str]:
        return {}

    def headers(self, key: str | None) -> Mapping[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def body(self, request: Request) -> dict[str, Any]:
        config, told = self._config, request.generation
        settings: dict[str, Any] = {"maxOutputTokens": told.max_new_tokens}
        settings |= {"temperature": config.temperature} if config.temperature is not None else {}
        settings |= {"seed": config.seed} if config.seed is not None else {}
        if told.temperature:
            settings |= {"temperature": told.temperature, "topP": told.top_p}
            settings |= {"seed": told.seed} if told.seed is not None else {}
        parts = [self._part(request, part) for part in request.content()]
        content: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}]}
        system = config.system if request.system is None else request.system
        if system:
            content["systemInstruction"] = {"parts": [{"text": unicode(system)}]}
        own = config.extra_body.get("generationConfig")  # joined, so that a level of thinking does not lift the limit
        settings |= own if isinstance(own, dict) else {}
        return content | config.extra_body | {"generationConfig": settings}

    def reply(self, found: dict[str, Any]) -> Reply | Failure | None:
        blocked = as_object(found.get("promptFeedback")).get("blockReason")
        if blocked:
            return Failure(f"the server gave no text (blockReason {blocked!r})", retry=False, finish=Finish.FILTER)
        candidates = found.get("candidates")
        if not isinstance(candidates, list) or not candidates or not isinstance(candidates[0], dict):
            return None
        reason = candidates[0].get("finishReason")
        parts = _list(as_object(candidates[0].get("content")).get("parts"))
        text = "".join(str(part.get("text") or "") for part in parts if not part.get("thought"))
        usage = as_object(found.get("usageMetadata"))
        thought = count(usage.get("thoughtsTokenCount"))
        finish = finish_of(reason, _FINISHES)
        cut = finish is Finish.LENGTH
        thinking = bool(thought) or any(part.get("thought") for part in parts)
        silent = not text.strip() and (finish is Finish.UNKNOWN or (cut and thinking))
        written = count(usage.get("candidatesTokenCount"))
        read = _list(usage.get("promptTokensDetails"))
        shown = [count(one.get("tokenCount")) or 0 for one in read if one.get("modality") == "IMAGE"]
        told = Reply(
            text=text,
            tokens_in=count(usage.get("promptTokenCount")),
            image_tokens=sum(shown) if shown else None,
            tokens_out=None if written is None else written + (thought or 0),
            logprobs=None,
            finish=finish,
            reasoning_tokens=thought,
            served=str(found.get("modelVersion") or "")[:200],
        )
        if finish is Finish.FILTER or silent:
            message = candidates[0].get("finishMessage")
            said = f"the server gave no text (finishReason {reason!r})" + (f": {message}" if message else "")
            return no_text(said, told)
        return told

    def listener(self) -> Listener | None:
        return None

    def _part(self, request: Request, part: str | int) -> dict[str, Any]:
        if isinstance(part, str):
            return {"text": unicode(part)}
        media, content = encoded_image(request.images[part], self._config)
        return {"inlineData": {"mimeType": media, "data": content}}


class GeminiAdapter(ServedAdapter):
    """A model behind `generateContent`."""

    Config: ClassVar[type[BaseModel]] = GeminiConfig

    @classmethod
    def dialect(cls, config: GeminiConfig) -> Dialect:
        """Return how the server is spoken to."""
        return GenerateContent(config)


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
