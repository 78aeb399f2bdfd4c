"""The three graphs of any model whose image is a run of embeddings, with whatever their files take."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from harness.adapters._qwen2_vl.decoding import Cache
from harness.adapters._qwen2_vl.prompts import Floats, Ints
from harness.adapters._qwen2_vl.sessions import PAST, Session, check_providers
from harness.errors import AdapterError

_NEEDED: Final = {"inputs_embeds", "attention_mask"}
_KNOWN: Final = {*_NEEDED, "position_ids", "num_logits_to_keep", "use_cache_branch"}
"""What decoders take beside the cache; the last two are in some exports only."""


class ThreeGraphs:
    """A vision encoder, an embedding and a decoder; implements `decoding.Graphs` for images that were seen before."""

    def __init__(self, vision: Session, embedding: Session, decoder: Session) -> None:
        """Check that the files have the tensors of the public layout.

        Raises:
            AdapterError: naming the file and the tensor that is not as expected.
        """
        self._vision, self._embedding, self._decoder = vision, embedding, decoder
        self.sees: tuple[str, ...] = tuple(vision.inputs)
        """What the vision encoder takes of all that a processor makes."""
        self._past = [name for name in decoder.inputs if name.startswith(PAST)]
        self._outputs = ["logits", *(name.replace(PAST, "present.") for name in self._past)]
        others = set(decoder.inputs) - set(self._past)
        if not (self._past and others >= _NEEDED and others <= _KNOWN):
            raise AdapterError(
                f"{decoder.name} takes {', '.join(sorted(others))} and {len(self._past)} tensors of a cache; in the "
                f"layout of transformers.js it takes {', '.join(sorted(_NEEDED))}, perhaps position_ids, and "
                f"{PAST}0.key and so on"
            )
        if set(embedding.inputs) != {"input_ids"}:
            raise AdapterError(f"{embedding.name} takes {', '.join(embedding.inputs)}, not input_ids alone")
        self._takes = others

    @classmethod
    def load(cls, paths: Sequence[Path], threads: int, providers: Sequence[str]) -> Self:
        """Open the files of `sessions.PARTS`, in that order.

        Raises:
            AdapterError: if one of them cannot be used.
        """
        check_providers(providers)
        return cls(*(Session(path, threads, providers) for path in paths))

    def see(self, given: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the embeddings [image tokens, hidden] of the images of one prompt, as its processor made them."""
        features = self._vision.run(None, given)[0]
        return features.reshape(-1, features.shape[-1]).astype(np.float32, copy=False)

    def encode_images(self, pixel_values: Floats, grids: Ints) -> Floats:
        """Return what is given: the images of these prompts have been seen already, each prompt's by themselves."""
        return pixel_values

    def embed(self, ids: Ints) -> Floats:
        """See `decoding.Graphs`."""
        return self._embedding.run(None, {"input_ids": ids})[0].astype(np.float32, copy=False)

    def empty_cache(self, batch: int) -> Cache:
        """See `decoding.Graphs`."""
        cache = []
        for name in self._past:
            _, heads, _, width = self._decoder.inputs[name].shape
            cache.append(np.zeros((batch, heads, 0, width), self._decoder.dtype(name)))
        return cache

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        """See `decoding.Graphs`. The three axes of ``positions`` are alike: these models count in one."""
        others: dict[str, NDArray[Any]] = {
            "inputs_embeds": embeddings,
            "attention_mask": mask,
            "position_ids": positions[0],
            "num_logits_to_keep": np.array(1),
            "use_cache_branch": np.array([cache[0].shape[2] > 0]),
        }
        feeds = dict(zip(self._past, cache, strict=True)) | {name: others[name] for name in self._takes}
        logits, *longer = self._decoder.run(self._outputs, feeds)
        return logits[:, -1].astype(np.float32), longer
