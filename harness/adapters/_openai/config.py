"""The keys of an adapter that speaks chat completions."""

from typing import Literal, Self

from pydantic import Field, model_validator

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
    batch_api: bool = False
    """Send requests by the Batch API, as files that are answered within a day, usually at half the price: `prices` are
    then those of batches. A call waits `deadline` seconds; then the run stops, and `harness resume` goes on waiting."""
    batch_poll: float = Field(default=30.0, gt=0)
    """With `batch_api`: seconds between two looks at a batch."""
    detail: Literal["auto", "low", "high"] | None = None
    """OpenAI's `detail` of an image; left out by default."""

    @model_validator(mode="after")
    def _no_stream_of_a_file(self) -> Self:
        if self.batch_api and self.stream:
            raise ValueError("`stream` has no meaning with `batch_api`: leave one of them out")
        return self
