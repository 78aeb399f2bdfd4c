"""The parameters of a chat completion: what is honoured, what changes nothing, and what is refused by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import HarnessError
from harness.types import Generation

_NEUTRAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "n": (1,),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "modalities": (["text"],),
    "store": (False,),
    "service_tier": ("auto", "default"),
    # Of vLLM and those who follow it.
    "ignore_eos": (False,),
    "min_tokens": (0,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "repetition_penalty": (1,),
    "use_beam_search": (False,),
    "skip_special_tokens": (True,),
    "echo": (False,),
}
"""What may be said because it asks for what is done anyway; null may always be."""
_NAMES: Final = ("user", "metadata", "safety_identifier", "prompt_cache_key")
"""What says who asks, and changes no answer."""
_READ: Final = ("model", "messages", "stream", "stream_options", "stop", "seed", "temperature", "top_p",
                "max_tokens", "max_completion_tokens")  # fmt: skip
_KNOWN: Final[Mapping[str, tuple[Any, ...]]] = {**dict.fromkeys((*_READ, *_NAMES), ()), **_NEUTRAL}
_USUAL: Final = 256
"""Tokens of an answer where the client names no limit."""
_STOPS: Final = 16
_LONGEST_STOP: Final = 200
_SEEDS: Final = 1 << 31


class BadRequest(HarnessError):
    """The body is not one that this server answers."""

    def __init__(self, said: str, parameter: str | None = None) -> None:
        self.parameter = parameter
        """Which of its keys is meant."""
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class How:
    """In which way a client wants its answer."""

    generation: Generation
    stop: tuple[str, ...] = ()
    """The answer ends before the first of them."""
    stream: bool = False
    usage: bool = False
    """With ``stream``: whether what was used is told at the end."""


def read_how(body: Any, most: int, samples: bool) -> How:
    """Return what a body says beside its messages.

    Args:
        body: what the client sent, out of JSON.
        most: tokens that an answer may have.
        samples: whether the model can sample; else it decodes greedily, whatever the seed.

    Raises:
        BadRequest: with the key that is wrong or not supported.
    """
    if not isinstance(body, Mapping):
        raise BadRequest("the body is not a JSON object")
    refuse_unknown(body, _KNOWN, "")
    stream = _flag(body, "stream")
    options = body.get("stream_options")
    if options is not None:
        if not stream or not isinstance(options, Mapping):
            raise BadRequest("`stream_options` is an object, and belongs to `stream: true`", "stream_options")
        refuse_unknown(options, {"include_usage": (True, False), "include_obfuscation": (False,)}, "`stream_options`' ")
    return How(
        generation=Generation(_tokens(body, most), *_sampling(body, samples)),
        stop=_stop(body.get("stop")),
        stream=stream,
        usage=bool(options and options.get("include_usage")),
    )


def refuse_unknown(said: Mapping[str, Any], known: Mapping[str, tuple[Any, ...]], where: str) -> None:
    """Refuse a key that is not known, and a value that asks for what is not done.

    Raises:
        BadRequest: naming the first.
    """
    for key, value in said.items():
        if key not in known:
            raise BadRequest(f"{where}`{key:.60}` is not known here; leave it out", key[:60])
        if known[key] and value is not None and value not in known[key]:
            raise BadRequest(f"{where}`{key}`: {value!r:.40} is not supported; leave it out", key)


def _sampling(body: Mapping[str, Any], samples: bool) -> tuple[float, float, int | None]:
    """Return temperature, share of the likeliest tokens, and seed."""
    temperature = _number(body, "temperature", 0.0, 0.0, 2.0)
    share = _number(body, "top_p", 1.0, 0.0, 1.0)
    seed = body.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < _SEEDS):
        raise BadRequest(f"`seed` must be a whole number between 0 and {_SEEDS - 1}, got {seed!r:.40}", "seed")
    if temperature and not samples:
        said = f"`temperature`: {temperature:g} is not supported: this model does not sample; leave it out, or say 0"
        raise BadRequest(said, "temperature")
    if share < 1 and not temperature:
        raise BadRequest("`top_p` below 1 is not supported without a `temperature`; leave it out", "top_p")
    return (temperature, share, seed) if temperature else (0.0, 1.0, None)


def _number(body: Mapping[str, Any], key: str, usual: float, low: float, high: float) -> float:
    value = body.get(key)
    if value is None:
        return usual
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"`{key}` must lie between {low:g} and {high:g}, got {value!r:.40}", key)
    if key == "top_p" and not value:
        raise BadRequest("`top_p` must lie above 0", key)
    return float(value)


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"`{key}` must be true or false, got {value!r:.40}", key)
    return bool(value)


def _stop(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else [] if value is None else value
    if (
        not isinstance(stops, list)
        or len(stops) > _STOPS
        or not all(isinstance(stop, str) and 0 < len(stop) <= _LONGEST_STOP for stop in stops)
    ):
        said = f"`stop` must be a text or up to {_STOPS} of them, each of 1 to {_LONGEST_STOP} characters"
        raise BadRequest(f"{said}, got {value!r:.40}", "stop")
    return tuple(stops)


def _tokens(body: Mapping[str, Any], most: int) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        value = body.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            said = f"`{key}` must lie between 1 and {most}, got {value!r:.40}"
            raise BadRequest(f"{said}; `harness serve --max-tokens` sets the limit", key)
        return value
    return min(most, _USUAL)
