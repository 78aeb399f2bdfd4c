"""Batched greedy decoding with a key-value cache, over anything that runs the three graphs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.adapters._qwen2_vl.prompts import Batch, Floats, Ints, Prompt
from harness.adapters._sure import sure
from harness.types import Finish, Response, Status

Cache = Sequence[NDArray[np.floating]]
"""Key and value of each layer, [batch, heads, past, width]."""

_NOTHING: Final = -1
"""Stands in the table of tokens where a prompt had already ended."""


class Graphs(Protocol):
    """The three parts of the model."""

    def encode_images(self, pixel_values: Floats, grids: Ints) -> Floats:
        """Return features [image tokens, hidden] of patches [patches, width] with grids [images, 3]."""
        ...

    def embed(self, ids: Ints) -> Floats:
        """Return embeddings [batch, length, hidden] of ids [batch, length]."""
        ...

    def empty_cache(self, batch: int) -> Cache:
        """Return a cache of length 0."""
        ...

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        """Return the logits of the last column, [batch, vocabulary], and the longer cache.

        Args:
            embeddings: [batch, new, hidden].
            mask: [batch, past + new].
            positions: [3, batch, new].
            cache: what the last call returned.
        """
        ...


class Watched:
    """Graphs of which one sees the logits of the first step."""

    def __init__(self, graphs: Graphs) -> None:
        self.first = np.zeros((0, 0), np.float32)
        """[batch, vocabulary]."""
        self.encode_images, self.embed, self.empty_cache = graphs.encode_images, graphs.embed, graphs.empty_cache
        self._decode = graphs.decode

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        """See `Graphs`."""
        logits, longer = self._decode(embeddings, mask, positions, cache)
        if not self.first.size:
            self.first = logits
        return logits, longer


@dataclass(slots=True)
class Stopwatch:
    """Adds up wall-clock time by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block towards ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one prompt."""

    tokens: tuple[int, ...]
    """With the end token, where it came to one."""
    finite: bool
    """False where embeddings or logits became NaN or infinite: ``tokens`` then stop short and are no answer."""
    finish: Finish
    logprobs: tuple[float, ...] = field(default=(), compare=False)
    """The natural log-probability of each of ``tokens``."""


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """The tokens that decoding must know."""

    image: int
    """Stands for a piece of an image."""
    pad: int
    ends: frozenset[int]
    """Any of them ends an answer."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch whose beginnings were read before: what comes in the batch is the rest."""

    cache: Cache
    sound: NDArray[np.bool_]
    """Which of them are finite, [batch]."""


def generate(
    graphs: Graphs,
    batch: Batch,
    limits: Sequence[int],
    special: SpecialIds,
    stopwatch: Stopwatch,
    begun: Begun | None = None,
) -> list[Answer]:
    """Take the likeliest token until each prompt has ended or has as many as its limit.

    A prompt whose numbers are not finite fails alone. Ended prompts are fed padding until the last one ends.
    """
    features = None
    if batch.pixel_values is not None:
        with stopwatch.stage("vision"):
            features = graphs.encode_images(batch.pixel_values, batch.grids)
    with stopwatch.stage("prefill"):
        embeddings = graphs.embed(batch.ids)
        if features is not None:
            embeddings[batch.ids == special.image] = features
        sound = quench(embeddings)
        past = graphs.empty_cache(len(batch.ids))
        if begun is not None:
            past, sound = begun.cache, sound & begun.sound
        logits, cache = graphs.decode(embeddings, batch.mask, batch.positions, past)
    with stopwatch.stage("decode"):
        return _decode(graphs, batch, np.array(limits), special, (sound, logits, cache))


def quench(embeddings: Floats) -> NDArray[np.bool_]:
    """Return which prompts are finite, [batch], and put zeros in place of the others.

    With 8-bit activations the whole batch shares one scale: there a NaN would either reach the
    other prompts or, worse, come out as an ordinary number.
    """
    sound = np.asarray(np.isfinite(embeddings).all(axis=(1, 2)))
    embeddings[~sound] = 0
    return sound


def _decode(
    graphs: Graphs,
    batch: Batch,
    limits: Ints,
    special: SpecialIds,
    prefilled: tuple[NDArray[np.bool_], Floats, Cache],
) -> list[Answer]:
    sound, logits, cache = prefilled
    ends = np.array(sorted(special.ends))
    failed = ~sound
    active = sound & (limits > 0)
    mask = batch.mask
    columns: list[Ints] = []
    likely: list[Floats] = []
    while active.any():
        # A NaN wins `max`, and would win `argmax` too: an arbitrary token that looks like an answer.
        finite = np.isfinite(logits.max(axis=-1))
        failed |= active & ~finite
        active = active & finite
        columns.append(np.where(active, logits.argmax(axis=-1), _NOTHING))
        likely.append(_likeliest(logits, active))
        active &= ~np.isin(columns[-1], ends) & (len(columns) < limits)
        if not active.any():
            break
        embeddings = graphs.embed(np.where(active, columns[-1], special.pad)[:, None])
        sound = quench(embeddings)
        failed |= active & ~sound
        active &= sound
        mask = np.pad(mask, ((0, 0), (0, 1)), constant_values=1)
        positions = np.tile((batch.next_positions + len(columns) - 1)[None, :, None], (3, 1, 1))
        logits, cache = graphs.decode(embeddings, mask, positions, cache)
    table = np.stack(columns, axis=1) if columns else np.zeros((len(failed), 0), np.int64)
    logprobs = np.stack(likely, axis=1) if likely else np.zeros(table.shape, np.float32)
    return [
        _answer(tuple(row[row != _NOTHING].tolist()), tuple(own[row != _NOTHING].tolist()), bool(bad), special.ends)
        for row, own, bad in zip(table, logprobs, failed, strict=True)
    ]


def _likeliest(logits: Floats, active: NDArray[np.bool_]) -> Floats:
    """Return the log-probability of the likeliest token of each row, [batch]; 0 where a row is not ``active``."""
    found = np.zeros(len(logits), np.float32)
    rows = logits[active]
    found[active] = -np.log(np.exp(rows - rows.max(axis=-1, keepdims=True)).sum(axis=-1))
    return found


def _answer(tokens: tuple[int, ...], logprobs: tuple[float, ...], bad: bool, ends: frozenset[int]) -> Answer:
    if bad:
        return Answer(tokens, finite=False, finish=Finish.ERROR)
    finish = Finish.STOP if tokens and tokens[-1] in ends else Finish.LENGTH
    return Answer(tokens, finite=True, finish=finish, logprobs=logprobs)


def respond(prompt: Prompt, answer: Answer, text_of: Callable[..., str], seconds: Mapping[str, float]) -> Response:
    """Return an answer as an adapter gives it; ``text_of`` is a tokenizer's ``decode``."""
    text, error = None, None
    if answer.finite:
        text = str(text_of(list(answer.tokens), skip_special_tokens=True))
    else:
        error = f"the model's numbers were not finite (NaN or infinite) at token {len(answer.tokens) + 1}"
    return Response(
        text=text,
        status=Status.OK if answer.finite else Status.ERROR,
        error=error,
        tokens_in=len(prompt.ids),
        image_tokens=prompt.image_tokens,
        tokens_out=len(answer.tokens),
        seconds=dict(seconds),
        finish=answer.finish,
        **sure(answer.logprobs),
    )
