"""The stages of one sample: what both adapters made of it, and how far that lies apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.equivalence import noise, pixels, words
from harness.equivalence.noise import Rounding
from harness.equivalence.result import State
from harness.traces import Pixels, Trace

STAGES: Final = (
    "image size",
    "image pixels",
    "prompt text",
    "prompt tokens",
    "prompt length",
    "image tokens",
    "logits",
    "first token",
    "answer",
    "parsed answer",
)
"""In the order of the model's work."""
INSTEAD: Final = {"prompt length": "prompt tokens", "first token": "logits"}
"""Stages that are compared where the fuller one is not seen on both sides."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One stage of one sample."""

    name: str
    state: State
    size: float | None = None
    tolerance: float | None = None
    source: str = ""
    said: Callable[[], str] = str
    """Tells what the difference is; asked only for samples that are shown."""

    @property
    def excess(self) -> float:
        """How much larger the difference is than what is allowed; for things that are no numbers, how large it is."""
        if self.size is None:
            return 0.0
        return self.size / self.tolerance if self.tolerance else self.size


def compare(a: Trace, b: Trace, parsed: tuple[str, str]) -> Iterator[Seen]:
    """Yield every stage of one sample, in order."""
    rounding = noise.coarser(a.precision, b.precision)
    yield from _images(a.pixels, b.pixels, rounding)
    yield _texts("prompt text", a.prompt, b.prompt, words.texts)
    yield _tokens(a, b)
    yield _count("prompt length", a.response.tokens_in, b.response.tokens_in)
    yield _count("image tokens", a.response.image_tokens, b.response.image_tokens)
    yield _logits(a, b, rounding)
    yield _first(a, b, rounding)
    yield _texts("answer", a.response.text, b.response.text, words.answers)
    yield _texts("parsed answer", *parsed, words.answers)


def _not_seen(name: str) -> Seen:
    return Seen(name, State.NOT_SEEN)


def _state(size: float, tolerance: float) -> State:
    if size == 0:
        return State.EQUAL
    return State.NOISE if size <= tolerance else State.PARTED


def _images(a: tuple[Pixels, ...] | None, b: tuple[Pixels, ...] | None, rounding: Rounding) -> Iterator[Seen]:
    if a is None or b is None:
        yield from map(_not_seen, STAGES[:2])
        return
    pairs = [(one.picture(), other.picture()) for one, other in zip(a, b, strict=False)]
    if any((one is None) != (other is None) for one, other in pairs):
        yield from map(_not_seen, STAGES[:2])
        return
    drawn = [
        (left, right) if left is not None and right is not None else (one.values, other.values)
        for (left, right), one, other in zip(pairs, a, b, strict=False)
    ]
    shapes = [_sizes(a), _sizes(b)]
    if len(a) != len(b) or any(left.shape != right.shape for left, right in drawn):
        told = f"A reads {' and '.join(shapes[0]) or 'none'}, B {' and '.join(shapes[1]) or 'none'}"
        yield Seen("image size", State.PARTED, 1.0, said=lambda: f"{told} (height × width)")
        yield Seen("image pixels", State.NOT_COMPARED)
        return
    yield Seen("image size", State.EQUAL, 0.0)
    if not drawn:
        yield Seen("image pixels", State.EQUAL, 0.0)
        return
    # A different layout may hide beneath equal pictures; the pictures are what the model is taught to expect there.
    sizes = [(noise.furthest(x, y), noise.of_pixels(x, rounding)) for x, y in drawn]
    at = max(range(len(sizes)), key=lambda i: sizes[i][0] / max(sizes[i][1], 1e-30))
    (size, tolerance), (x, y) = sizes[at], drawn[at]
    source = f"roundings of a few operations, {rounding.told}"
    known = x.ndim == 3 and pairs[at][0] is not None
    said: Callable[[], str] = lambda: pixels.cause(x, y, tolerance) if known else "the layout is not known"  # noqa: E731
    yield Seen("image pixels", _state(size, tolerance), size, tolerance, source, said)


def _sizes(images: tuple[Pixels, ...]) -> list[str]:
    shapes = [picture.shape[:2] if (picture := one.picture()) is not None else one.values.shape for one in images]
    told = [" × ".join(map(str, shape)) for shape in shapes]
    return told if len(told) < 3 else [f"{len(told)} images, the first {told[0]}"]


def _texts(name: str, a: str | None, b: str | None, told: Callable[[str, str], str]) -> Seen:
    if a is None or b is None:
        return _not_seen(name)
    _, one, other = words.middle(a, b)
    size = float(max(len(one), len(other)))
    return Seen(name, State.EQUAL if a == b else State.PARTED, size, said=lambda: told(a, b))


def _tokens(a: Trace, b: Trace) -> Seen:
    if a.ids is None or b.ids is None:
        return _not_seen("prompt tokens")
    ids = a.ids, b.ids
    texts = [one.tokens or tuple(map(str, one.ids or ())) for one in (a, b)]
    _, one, other = words.middle(*ids)
    size = float(max(len(one), len(other)))
    state = State.EQUAL if ids[0] == ids[1] else State.PARTED
    alike = a.prompt is not None and a.prompt == b.prompt and a.response.image_tokens == b.response.image_tokens
    same = "; from the same text, so that the tokenizers or their settings differ" if alike else ""
    return Seen("prompt tokens", state, size, said=lambda: words.tokens(texts[0], texts[1], ids) + same)


def _count(name: str, a: int | None, b: int | None) -> Seen:
    if a is None or b is None:
        return _not_seen(name)
    state = State.EQUAL if a == b else State.PARTED
    return Seen(name, state, float(abs(a - b)), said=lambda: f"A counts {a:,}, B {b:,}")


def _logits(a: Trace, b: Trace, rounding: Rounding) -> Seen:
    if a.logits is None or b.logits is None:
        return _not_seen("logits")
    width = min(a.logits.size, b.logits.size)
    x, y = a.logits[:width], b.logits[:width]
    tolerance = noise.of_scores(x, rounding)
    size = noise.furthest(x, y)
    source = f"√ε of their spread, {rounding.told}"
    wider = f"; A has {a.logits.size:,} and B {b.logits.size:,}" if a.logits.size != b.logits.size else ""

    def said() -> str:
        if not np.isfinite(size):
            return "numbers that are not finite (NaN or infinite)"
        apart = 0.5 * float(np.abs(_shares(x) - _shares(y)).sum())
        first = "the likeliest stays" if x.argmax() == y.argmax() else "another is likeliest"
        moves = f"{apart:.2%}" if apart >= 5e-5 else "less than 0.01%"
        return f"{moves} of the probability moves, {first}{wider}"

    return Seen("logits", _state(size, tolerance), size, tolerance, source, said)


def _shares(scores: noise.Array) -> noise.Array:
    powers = np.exp(scores.astype(np.float64) - float(scores.max()))
    return np.asarray(powers / powers.sum())


def _first(a: Trace, b: Trace, rounding: Rounding) -> Seen:
    one, other = a.first, b.first
    if one is None or other is None:
        return _not_seen("first token")
    source = f"√ε nats, {rounding.told}"
    if one[0] != other[0]:
        told = f"A begins with {one[0]!r}, B with {other[0]!r}"
        return Seen("first token", State.PARTED, float("inf"), 1.0, source, lambda: told)
    tolerance, size = noise.of_log_probability(one[1], rounding), abs(one[1] - other[1])
    said = f"log-probability of {one[0]!r}: A {one[1]:.4f}, B {other[1]:.4f}"
    return Seen("first token", _state(size, tolerance), size, tolerance, source, lambda: said)
