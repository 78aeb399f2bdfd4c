"""The keys of an adapter that speaks chat completions."""

from typing import Literal

from pydantic import Field

from harness.adapters._served.config import ServedConfig


class OpenAIConfig(ServedConfig):
    """Keys of an adapter of ``type: openai``."""

    api_version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+$")
    """Of Azure OpenAI, such as `2024-10-21`: sent as `api-version`, and the key as `api-key`."""
    seed: int | None = None
    """Sent where it is set; few servers keep to it."""
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit of an answer."""
    logprobs: bool = False
    """Ask for the log probability of each token of the answer."""
    stream: bool = False
    """Have answers sent token by token: `seconds` of a response then hold `ttft`, the time to the first token, and
    `inter_token_latency`."""
    detail: Literal["auto", "low", "high"] | None = None
    """OpenAI's `detail` of an image; left out by default."""
