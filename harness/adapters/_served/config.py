"""The keys that all adapters share which speak to a server."""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from harness.adapters._served.image_tokens import rules
from harness.errors import did_you_mean
from harness.spec.models import BatchSize, Model
from harness.spec.secrets import SECRET

VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
_HEADER: Final = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
"""RFC 9110, 5.6.2."""
_AHEAD: Final = 4
"""Batches that may be under way together with `concurrency: auto`: their pictures are in memory meanwhile."""
_OWN: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_CARRIERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "sig", "code", "auth"})
"""What carries a secret and does not say so by its name."""


class Prices(Model):
    """What a million tokens cost."""

    input: float = Field(ge=0)
    """A million tokens read, images included."""
    output: float = Field(ge=0)
    """A million tokens written."""
    currency: str = "USD"
    """Of both prices."""


class FromEnvironment(Model):
    """A header whose value is a secret."""

    env: str = Field(pattern=VARIABLE)
    """The environment variable that holds it."""


class ServedConfig(Model):
    """Keys of any adapter that asks a server."""

    base_url: str
    """Where the API starts, such as `http://localhost:8000/v1`."""
    model: str = Field(min_length=1)
    """The model's name on that server."""
    api_key_env: str | None = Field(default=None, pattern=VARIABLE)
    """The environment variable that holds the key. The key itself never stands in a file or a record."""
    headers: dict[str, str | FromEnvironment] = Field(default_factory=dict)
    """Further headers of each request. A secret's value is named, not written: `X-Gateway-Key: {env: MY_VARIABLE}`."""
    query: dict[str, str] = Field(default_factory=dict)
    """Further parameters of the address. No secret: addresses are written into logs."""
    batch_size: BatchSize = 32
    """Requests that are under way or waiting together."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = 8
    """The most requests at a time. Fewer are sent while the server says that it is busy. `auto`: as many as keep a
    server full and are answered in time, up to four times `batch_size`; several batches are then asked at a time."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds that one attempt may take."""
    deadline: float = Field(default=110.0, gt=0)
    """Seconds for one request with its retries, from when it is first sent; what was not sent yet is no time-out. A
    call lasts as long; what it didn't come to waits for the next. Keep it a tenth below the suite's
    `engine.timeout`."""
    retries: int = Field(default=4, ge=0, le=20)
    """How often a request is sent again after 429, a server error, a time-out or a broken connection."""
    backoff: float = Field(default=0.5, gt=0)
    """The longest wait before the first retry, in seconds; it doubles each time, and chance picks from it."""
    max_wait: float = Field(default=30.0, gt=0)
    """The longest wait before a retry. A server that asks for more in `Retry-After` is not asked again."""
    system: str | None = None
    """The system prompt of requests that bring none."""
    temperature: float | None = Field(default=0.0, ge=0)
    """`null` leaves it out, for models that refuse it; answers then may not repeat."""
    image_format: Literal["png", "jpeg"] = "png"
    """`jpeg` is smaller and changes pixels (quality 95)."""
    max_pixels: int | None = Field(default=None, ge=1)
    """Images of a larger area are made smaller before they are sent."""
    image_tokens: str | None = None
    """For the estimate before a run: the rule by which a picture is counted, such as `openai-tiles`, `anthropic`,
    `gemini` or `qwen2-vl`. By default the model's name decides, and for others `pixels_per_token`."""
    pixels_per_token: int = Field(default=784, ge=1)
    """For the same, where no rule is known: the area that costs one image token (28 × 28 in Qwen2-VL)."""
    prices: Prices | None = None
    """What tokens cost; without it cost is not counted."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Further fields of each request, as the server documents them."""
    batch_invariant: bool = False
    """Whether the server promises that an answer is independent of what it computes beside it."""
    version: str = ""
    """Part of the fingerprint: change it when the server's weights change under the same name."""

    @property
    def most(self) -> int:
        """The most requests at a time."""
        return _AHEAD * self.batch_size if self.concurrency == "auto" else self.concurrency

    @property
    def lanes(self) -> int:
        """Batches that are asked at a time: with one more than fills the limit, none of it waits for a batch's last."""
        return _AHEAD + 1 if self.concurrency == "auto" else 1

    @field_validator("image_tokens")
    @classmethod
    def _known_rule(cls, value: str | None) -> str | None:
        if value is not None and value not in rules():
            raise ValueError(f"no rule is called {value!r}; {did_you_mean(value, rules())}")
        return value

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address that starts with http:// or https://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address with a user, a password or a query would put a secret into the record; "
                             "name the key's variable as `api_key_env`, parameters as `query`")  # fmt: skip
        return value.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _plain_headers(cls, value: dict[str, str | FromEnvironment]) -> dict[str, str | FromEnvironment]:
        for name, content in value.items():
            if not _HEADER.match(name) or name.lower() in _OWN:
                raise ValueError(f"{name!r} is no header that a file can set")
            if isinstance(content, str):
                if _carries_secret(name):
                    raise ValueError(f"{name!r} carries a secret; put it into an environment variable and write "
                                     f"`{name}: {{env: MY_VARIABLE}}`")  # fmt: skip
                if not content.isascii() or not content.isprintable():
                    raise ValueError(f"{name!r} has characters that no header can carry")
        return value

    @field_validator("query")
    @classmethod
    def _plain_query(cls, value: dict[str, str]) -> dict[str, str]:
        if secret := next(filter(_carries_secret, value), None):
            raise ValueError(f"{secret!r} carries a secret, and addresses are written into logs; send it as a header, "
                             "`headers: {NAME: {env: MY_VARIABLE}}`")  # fmt: skip
        return value


def _carries_secret(name: str) -> bool:
    return bool(SECRET.search(name)) or name.lower() in _CARRIERS
