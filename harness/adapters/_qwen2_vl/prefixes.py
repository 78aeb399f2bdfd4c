"""What prompts have in common, read once: the keys and values up to the last token of a picture serve every question.

A beginning is read by itself, whoever asks about it, and a batch goes on from there: what is kept is the same to the
last bit whether it was read now or before. Between the beginning of a prompt and the rest there may be padding, which
no token attends to.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from harness.adapters._pictures import require_known_pictures
from harness.adapters._qwen2_vl.config import ThreeFiles
from harness.adapters._qwen2_vl.decoding import Begun, Cache, Graphs, SpecialIds, quench
from harness.adapters._qwen2_vl.prompts import Batch, Prompt, left_pad
from harness.errors import AdapterError
from harness.recent import Recent

_NEAR: Final = 1e-3
_NEAR_IN_BYTES: Final = 0.05
"""How far logits may be apart, of the largest, when a prompt is read in two pieces: float32 rounding, and 8 bits'."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A beginning that was read."""

    cache: Cache
    """Of one row."""
    sound: bool
    """Whether its embeddings were finite."""

    @property
    def length(self) -> int:
        """Tokens in it."""
        return int(self.cache[0].shape[2])

    @property
    def bytes(self) -> int:
        """What it takes."""
        return sum(part.nbytes for part in self.cache)


class Beginnings(Recent[bytes, Beginning]):
    """Beginnings of prompts, by their tokens and pictures; what was not asked for longest goes first."""

    def __init__(self, most: int) -> None:
        """Start with none; ``most`` are bytes."""
        super().__init__(most, lambda beginning: beginning.bytes)

    @classmethod
    def of(cls, config: ThreeFiles, graphs: Graphs) -> Self | None:
        """Return what an adapter's file asks for; None where it asks for nothing.

        Raises:
            AdapterError: if the model's decoder cannot go on from the middle of a prompt.
            ConfigError: if the file says nothing by which pictures are known.
        """
        if not config.prefix_cache:
            return None
        require_known_pictures(config.image_cache)
        require_gaps(graphs, config.is_batch_invariant())
        return cls(config.prefix_cache)

    def begin(
        self, graphs: Graphs, prompts: Sequence[Prompt], pictures: Sequence[bytes], special: SpecialIds
    ) -> tuple[Batch, Begun]:
        """Read what is not kept of the beginnings of prompts, and return the rest of all as a batch.

        Args:
            graphs: of the model.
            prompts: with the features of their pictures in the place of patches.
            pictures: of each prompt, what its pictures are known by.
            special: the model's tokens.
        """
        lengths = [common(prompt, special.image) for prompt in prompts]
        shared = [row for row, length in enumerate(lengths) if length]
        keys = [hashlib.sha256(prompts[row].ids[: lengths[row]].tobytes() + pictures[row]).digest() for row in shared]

        def read(place: int) -> Beginning:
            row = shared[place]
            return _read(graphs, prompts[row], lengths[row], special.image)

        found = dict(zip(shared, self.each(keys, read), strict=True))
        rests = [_rest(prompt, length) if length else prompt for prompt, length in zip(prompts, lengths, strict=True)]
        return laid_out(graphs, rests, [found.get(row) for row in range(len(prompts))], special.pad)


def common(prompt: Prompt, image_id: int) -> int:
    """Return how many tokens there are up to the last of a picture; 0 where there is none, or nothing behind it.

    >>> one = Prompt(np.array([5, 9, 9, 5, 6]), np.zeros((3, 5), np.int64), (), (), 2)
    >>> common(one, image_id=9), common(one, image_id=6), common(one, image_id=7)
    (3, 0, 0)
    """
    places = np.flatnonzero(prompt.ids == image_id)
    return int(places[-1]) + 1 if places.size and places[-1] + 1 < len(prompt.ids) else 0


def _rest(prompt: Prompt, length: int) -> Prompt:
    """Return what comes behind so many tokens, pictures among them."""
    behind = prompt.positions[:, length:]
    return replace(prompt, ids=prompt.ids[length:], positions=behind, pixel_values=(), grids=())


def _read(graphs: Graphs, prompt: Prompt, length: int, image_id: int) -> Beginning:
    ids = prompt.ids[None, :length]
    embeddings = graphs.embed(ids)
    if prompt.pixel_values:
        embeddings[ids == image_id] = np.concatenate(prompt.pixel_values)
    (sound,) = quench(embeddings)
    mask, positions = np.ones((1, length), np.int64), prompt.positions[:, None, :length]
    _, cache = graphs.decode(embeddings, mask, positions, graphs.empty_cache(1))
    return Beginning(tuple(cache), bool(sound))


def laid_out(
    graphs: Graphs, rests: Sequence[Prompt], found: Sequence[Beginning | None], pad: int
) -> tuple[Batch, Begun]:
    """Return the rests of prompts as a batch, and their beginnings as the past that it goes on from.

    Args:
        graphs: of the model.
        rests: what comes behind.
        found: the beginning of each; None where there is none.
        pad: fills up what is shorter.
    """
    lengths = [0 if one is None else one.length for one in found]
    longest = max(lengths)
    cache: list[NDArray[Any]] = []
    for number, part in enumerate(graphs.empty_cache(len(rests))):
        batch, heads, _, width = part.shape
        whole = np.zeros((batch, heads, longest, width), part.dtype)
        for row, one in enumerate(found):
            if one is not None:
                whole[row, :, longest - one.length :] = one.cache[number][0]
        cache.append(whole)
    behind = left_pad(list(rests), pad)
    before = (np.arange(longest) >= longest - np.array(lengths)[:, None]).astype(np.int64)
    sound = np.array([one is None or one.sound for one in found])
    return replace(behind, mask=np.concatenate([before, behind.mask], axis=1)), Begun(cache, sound)


def require_gaps(graphs: Graphs, exact: bool) -> None:
    """See that a decoder answers alike when a prompt comes in two pieces, with padding between.

    Args:
        graphs: of the model.
        exact: whether only float32's rounding may come between, where the past is no bytes.

    Raises:
        AdapterError: if it does not, as where lengths are read off the sum of the mask.
    """
    exact = exact and all(part.dtype.kind == "f" for part in graphs.empty_cache(1))
    said = np.arange(5, 12)  # what they are does not matter
    prompts = [Prompt(said[start:], np.tile(np.arange(len(said) - start), (3, 1)), (), (), 0) for start in (0, 2)]
    cuts = (3, 2)  # so that both the beginnings and the rests are of two lengths
    found, rests = [], []
    for prompt, cut in zip(prompts, cuts, strict=True):
        found.append(_read(graphs, prompt, cut, -1))
        rests.append(replace(prompt, ids=prompt.ids[cut:], positions=prompt.positions[:, cut:]))
    batch, begun = laid_out(graphs, rests, found, 0)
    pieces, _ = graphs.decode(graphs.embed(batch.ids), batch.mask, batch.positions, begun.cache)
    for row, prompt in enumerate(prompts):
        whole = left_pad([prompt], 0)
        logits, _ = graphs.decode(graphs.embed(whole.ids), whole.mask, whole.positions, graphs.empty_cache(1))
        apart = np.abs(logits[0] - pieces[row]).max() / max(float(np.abs(logits).max()), 1e-9)
        if not apart <= (_NEAR if exact else _NEAR_IN_BYTES):
            raise AdapterError(
                f"`prefix_cache` needs a decoder that answers alike when a prompt comes in two pieces; this one's "
                f"logits are {apart:.1%} apart. Leave it out"
            )
