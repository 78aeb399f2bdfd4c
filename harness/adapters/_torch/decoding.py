"""Greedy decoding with the library's own `generate`, watched: time by stage, and numbers that are not finite."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from harness.adapters._torch.loading import Loaded
from harness.adapters._torch.source import library
from harness.errors import ConfigError, Issue
from harness.types import Finish

_TOKENS: Final = (
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"),
    "forced_bos_token_id",  # how some decoders begin: a part of the model, where the other settings are habits
)
_DECIDED: Final = frozenset(
    {
        *("max_length", "max_new_tokens", "num_return_sequences", "repetition_penalty", "transformers_version"),
        *("do_sample", "temperature", "top_k", "top_p", "top_h", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"),
        *("return_dict_in_generate", "output_attentions", "output_hidden_states", "output_logits", "output_scores"),
    }
)
_WHY: Final = (
    "a request brings its limit, decoding is greedy so that scores repeat, and `repetition_penalty` is a key of its own"
)
_TOWERS: Final = ("visual", "vision_tower", "vision_model", "vision_encoder", "image_encoder")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one prompt."""

    tokens: tuple[int, ...]
    """With the end token, where it came to one."""
    finite: bool
    """False where logits became NaN or infinite: ``tokens`` are then no answer."""
    finish: Finish
    logprobs: tuple[float, ...] = field(default=(), compare=False)
    """The natural log-probability of each token; nothing where it is not known."""
    name: str | None = None
    """What is said, where the model picked it from a list instead of writing it."""


@dataclass(slots=True)
class Watch:
    """Sees the logits of each step, as the library's `LogitsProcessor` does, and the clock."""

    synchronise: Callable[[], None]
    start: float = 0.0
    prefilled: float | None = None
    vision: float = 0.0
    finite: list[Any] = field(default_factory=list)
    likely: list[Any] = field(default_factory=list)
    """The log-probability of the likeliest token of each row, by step."""
    prompt: int = 0
    """Tokens before the first that the model says: the prompt where it is part of what comes back, the start of an
    answer where a decoder has one."""
    keeps: bool = False
    """Whether the first step's scores are kept."""
    first: Any = None
    """They, [rows, vocabulary]."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self.prefilled is None:
            self.prefilled = self.now()
            self.prompt = input_ids.shape[1]
            self.first = scores.clone() if self.keeps else None
        # A NaN wins `max`; -inf alone is a token that is ruled out.
        best = scores.max(dim=-1).values
        self.finite.append(best.isfinite())
        self.likely.append(best - scores.logsumexp(dim=-1))
        return scores

    def now(self) -> float:
        """Return the time at which the device has done all that it was asked to."""
        self.synchronise()
        return time.perf_counter()

    def stages(self, end: float) -> dict[str, float]:
        """Return seconds by stage."""
        prefilled = self.prefilled if self.prefilled is not None else end
        seconds = {"prefill": max(0.0, prefilled - self.start - self.vision), "decode": end - prefilled}
        return ({"vision": self.vision} if self.vision else {}) | seconds


def vision_tower(model: Any) -> Any:
    """Return the part of the model that sees; None where it has no usual name."""
    named = ((name.rpartition(".")[2], module) for name, module in model.named_modules())
    return next((module for name, module in named if name in _TOWERS), None)


@contextmanager
def _timed_vision(tower: Any, watch: Watch) -> Iterator[None]:
    started: list[float] = []

    def before(*_: object) -> None:
        started.append(watch.now())

    def after(*_: object) -> None:
        watch.vision += watch.now() - started.pop()

    hooks = [] if tower is None else [tower.register_forward_pre_hook(before), tower.register_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def timed(synchronise: Callable[[], None]) -> Iterator[list[float]]:
    """Give a list that holds the seconds when it is over."""
    taken: list[float] = []
    synchronise()
    start = time.perf_counter()
    yield taken
    synchronise()
    taken.append(time.perf_counter() - start)


def synchroniser(device: Any) -> Callable[[], None]:
    """Return what waits for the device to finish."""
    import torch

    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def release(device: Any) -> None:
    """Give memory that torch keeps for later back to the device."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def greedy(model: Any, repetition_penalty: float, given: Mapping[str, Any]) -> Any:
    """Return generation settings that repeat: the model's own tokens, nothing that samples, and what ``given`` says.

    The library fills what is left open from the settings that stand in the model and in its parts: those are replaced.

    Raises:
        ConfigError: if ``given`` has a setting that there is not, that is not the file's to decide, or with a value
            that it refuses.
    """
    kind = library().GenerationConfig
    _check(given, frozenset(kind().to_dict()))
    parts = [part for part in model.modules() if getattr(part, "generation_config", None) is not None]
    own: dict[str, Any] = {}
    for name in _TOKENS:
        # A model whose part writes the answer may leave its own settings empty.
        found = (getattr(part.generation_config, name, None) for part in parts)
        own[name] = next((token for token in found if token is not None), None)
    wanted = {"do_sample": False, "num_beams": 1, "repetition_penalty": repetition_penalty, **own, **given}
    try:
        settings = kind(**wanted)
    except (ValueError, TypeError) as cause:
        raise ConfigError(Issue(("generation",), f"`GenerationConfig` refuses these settings: {cause}")) from cause
    for part in parts:
        part.generation_config = kind(**{name: getattr(part.generation_config, name, None) for name in _TOKENS})
    return settings


def _check(given: Mapping[str, Any], known: frozenset[str]) -> None:
    free = sorted(name for name in known - _DECIDED if not name.startswith("_"))
    for name in given:
        if name in _DECIDED:
            raise ConfigError(Issue(("generation", name), f"`{name}` is not this file's to set: {_WHY}"))
        if name not in free:
            near = get_close_matches(name, free, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"settings of transformers {library().__version__} only"
            raise ConfigError(Issue(("generation", name), f"`GenerationConfig` has no `{name}`", hint))


def end_ids(settings: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    ends = settings.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def decode(
    loaded: Loaded, batch: Any, limits: Sequence[int], settings: Any, watch: Watch | None = None
) -> tuple[list[Answer], dict[str, float]]:
    """Return one answer a row and the seconds of each stage.

    Greedy answers have the same beginning whatever their limit, so that the batch runs to the
    largest and each row is cut at its own. A ``watch`` of the caller's own has seen the steps afterwards.
    """
    import torch

    watch = watch or Watch(synchroniser(loaded.device))
    asked = copy(settings)
    asked.max_new_tokens = max(limits)
    # Stop strings are found in text.
    reads = {"tokenizer": loaded.processor.tokenizer} if settings.stop_strings else {}
    if loaded.caches is not None:
        reads["past_key_values"] = loaded.caches()
    with torch.inference_mode(), _timed_vision(vision_tower(loaded.base), watch):
        watch.start = watch.now()
        table = loaded.model.generate(
            **batch,
            generation_config=asked,
            logits_processor=library().LogitsProcessorList([watch]),
            **reads,
        )
        end = watch.now()
    # With beams, a row is as sound as the worst of its own.
    finite = torch.stack(watch.finite, dim=1).view(len(limits), -1, len(watch.finite)).all(1).tolist()
    rows = table[:, watch.prompt :].tolist()
    ends = end_ids(settings)
    # One step a token, and one row an answer: with beams, or where tokens are guessed ahead, it is another's.
    steps = torch.stack(watch.likely, dim=1)
    plain = steps.shape == (len(limits), table.shape[1] - watch.prompt)
    likely = steps.tolist() if plain else [[]] * len(limits)
    answers = [
        _cut(_unpadded(row, settings.pad_token_id, ends), limit, ends, sound, own)
        for row, limit, sound, own in zip(rows, limits, finite, likely, strict=True)
    ]
    return answers, watch.stages(end)


def _unpadded(row: list[int], pad: int | None, ends: frozenset[int]) -> list[int]:
    """Return a row without what fills it up: it may be ended by something that is no token of its own."""
    length = len(row)
    while length and row[length - 1] == pad and pad not in ends:
        length -= 1
    return row[:length]


def _cut(row: list[int], limit: int, ends: frozenset[int], sound: list[bool], likely: list[float]) -> Answer:
    end = next((place + 1 for place, token in enumerate(row) if token in ends), None)
    length = min(len(row) if end is None else end, limit)
    finite = all(sound[:length])
    finish = Finish.ERROR
    if finite and end is not None and end <= limit:
        finish = Finish.STOP
    elif finite:  # a row that is shorter than its limit was ended by something else in the model's own settings
        finish = Finish.LENGTH if length == limit else Finish.UNKNOWN
    return Answer(tuple(row[:length]), finite, finish, tuple(likely[:length]))
