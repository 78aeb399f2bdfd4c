"""The keys of a load test."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from harness.spec.models import BatchSize, Model


class Objectives(Model):
    """Within how many seconds a request must be answered; all that are named have to hold."""

    ttft: float | None = Field(default=None, gt=0)
    """To the first token, from when the request was due."""
    inter_token_latency: float | None = Field(default=None, gt=0)
    """Mean time between two tokens of the answer; an answer of one token meets it."""
    latency: float | None = Field(default=None, gt=0)
    """To the whole answer, from when the request was due."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if not self.limits():
            raise ValueError("name at least one of `ttft`, `inter_token_latency` and `latency`")
        return self

    def limits(self) -> dict[str, float]:
        """Return the most milliseconds, by column."""
        told = {"ttft_ms": self.ttft, "inter_token_ms": self.inter_token_latency, "latency_ms": self.latency}
        return {name: 1000 * seconds for name, seconds in told.items() if seconds is not None}


class ServingConfig(Model):
    """Keys of a task of `kind: serving`."""

    dataset: str
    """A dataset of this suite; its samples are the requests, in turn."""
    prompt: str = "{{ question }}"
    """Jinja template; knows `question`, `tags` and the sample's facts by name: `{{ choices | join(', ') }}`."""
    max_new_tokens: int = Field(default=16, ge=1, le=100_000)
    """Longest answer."""
    through: Literal["batcher", "calls"] = "batcher"
    """`batcher`: the adapter behind a dynamic batcher in this process. `calls`: one call a request, many at a time, for
    an adapter that speaks to a server (`openai`)."""
    rates: tuple[float, ...] = ()
    """Requests a second."""
    loads: tuple[float, ...] = ()
    """Instead of `rates`: multiples of what the model manages one request at a time, measured at the start."""
    clients: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = ()
    """Beside or instead of them: so many clients that each ask their next request when the last is answered."""
    requests: int = Field(default=300, ge=2, le=1_000_000)
    """Requests of each load. A p95 needs 130 answers, a p99 662."""
    slo_ms: float | None = Field(default=None, gt=0)
    """Latency objective; goodput counts answers within it."""
    slo_factor: float = Field(default=5.0, gt=0)
    """Without `slo_ms`: the objective as a multiple of the median time of one request alone."""
    slo: Objectives | None = None
    """Instead of both, in seconds: `{ttft: 0.5, inter_token_latency: 0.05}`; the first two need `streamed`."""
    max_batch_size: BatchSize = 8
    """Most requests a batch."""
    max_batch_wait_ms: float = Field(default=5.0, ge=0)
    """How long the first request of a batch waits for others."""
    max_queue: int = Field(default=1000, ge=1, le=1_000_000)
    """Requests that may wait; more are refused."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds after which a waiting request is given up."""
    streamed: bool = False
    """With `through: calls` and an adapter that streams (`stream: true` in its file): times to the first token and
    between tokens too."""
    connections: int | None = Field(default=None, ge=1, le=10_000)
    """With `through: calls`: most calls at a time, for good or for want of threads. By default every request is sent
    when it is due; adapters that can't send without waiting have 32 threads."""
    baseline: bool = True
    """With `through: batcher`: the same loads one request at a time, for comparison."""
    search: int = Field(default=0, ge=0, le=12)
    """Steps of a search for the highest rate at which the objective is met; 0: none. Reported is the rate at which the
    best of them was answered, which no short load can drive above what the model does."""
    in_time: float = Field(default=0.95, gt=0, lt=1)
    """Share of requests that must be answered within the objective for a step of the search to meet it."""
