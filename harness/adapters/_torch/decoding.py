"""Greedy decoding with the library's own `generate`, watched: time by stage, and numbers that are not finite."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from harness.adapters._torch.loading import Loaded
from harness.adapters._torch.source import library
from harness.types import Finish

_TOWERS: Final = ("visual", "vision_tower", "vision_model", "vision_encoder", "image_encoder")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one prompt."""

    tokens: tuple[int, ...]
    """With the end token, where it came to one."""
    finite: bool
    """False where logits became NaN or infinite: ``tokens`` are then no answer."""
    finish: Finish


@dataclass(slots=True)
class Watch:
    """Sees the logits of each step, as the library's `LogitsProcessor` does, and the clock."""

    synchronise: Callable[[], None]
    start: float = 0.0
    prefilled: float | None = None
    vision: float = 0.0
    finite: list[Any] = field(default_factory=list)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self.prefilled is None:
            self.prefilled = self.now()
        # A NaN wins `max`; -inf alone is a token that is ruled out.
        self.finite.append(scores.max(dim=-1).values.isfinite())
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


def greedy(model: Any, repetition_penalty: float) -> Any:
    """Return generation settings that repeat: the model's own end and padding tokens, and nothing that samples."""
    own = model.generation_config
    return library().GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=repetition_penalty,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id,
        bos_token_id=own.bos_token_id,
        decoder_start_token_id=own.decoder_start_token_id,
    )


def end_ids(settings: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    ends = settings.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def decode(loaded: Loaded, batch: Any, limits: Sequence[int], settings: Any) -> tuple[list[Answer], dict[str, float]]:
    """Return one answer a row and the seconds of each stage.

    Greedy answers have the same beginning whatever their limit, so that the batch runs to the
    largest and each row is cut at its own.
    """
    import torch

    watch = Watch(synchroniser(loaded.device))
    prompt = 0 if loaded.base.config.is_encoder_decoder else batch["input_ids"].shape[1]
    with torch.inference_mode(), _timed_vision(vision_tower(loaded.base), watch):
        watch.start = watch.now()
        table = loaded.model.generate(
            **batch,
            generation_config=settings,
            max_new_tokens=max(limits),
            logits_processor=library().LogitsProcessorList([watch]),
        )
        end = watch.now()
    finite = torch.stack(watch.finite, dim=1).tolist()
    rows = table[:, prompt:].tolist()
    ends = end_ids(settings)
    answers = [_cut(row, limit, ends, sound) for row, limit, sound in zip(rows, limits, finite, strict=True)]
    return answers, watch.stages(end)


def _cut(row: list[int], limit: int, ends: frozenset[int], sound: list[bool]) -> Answer:
    end = next((place + 1 for place, token in enumerate(row) if token in ends), None)
    length = min(len(row) if end is None else end, limit)
    finite = all(sound[:length])
    finish = Finish.ERROR
    if finite and end is not None and end <= limit:
        finish = Finish.STOP
    elif finite:  # a row that is shorter than its limit was ended by something else in the model's own settings
        finish = Finish.LENGTH if length == limit else Finish.UNKNOWN
    return Answer(tuple(row[:length]), finite, finish)
