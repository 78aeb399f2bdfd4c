"""The three graphs of any model whose image is a run of embeddings, with whatever their files take."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.adapters._qwen2_vl.decoding import Cache
from harness.adapters._qwen2_vl.prompts import Floats, Ints
from harness.adapters._qwen2_vl.sessions import PAST, Session, ThreeSessions
from harness.errors import AdapterError

_NEEDED: Final = {"inputs_embeds", "attention_mask"}
_KNOWN: Final = {*_NEEDED, "position_ids", "num_logits_to_keep", "use_cache_branch"}
"""What decoders take beside the cache; the last two are in some exports only."""


class ThreeGraphs(ThreeSessions):
    """Three sessions of any such model; implements `decoding.Graphs` for images that were seen before."""

    def __init__(self, vision: Session, embedding: Session, decoder: Session) -> None:
        """Check that the files have the tensors of the public layout.

        Raises:
            AdapterError: naming the file and the tensor that is not as expected.
        """
        super().__init__(vision, embedding, decoder)
        self.sees: tuple[str, ...] = tuple(vision.inputs)
        """What the vision encoder takes of all that a processor makes."""
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

    def see(self, given: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the embeddings [image tokens, hidden] of the images of one prompt, as its processor made them."""
        features = self._vision.run(None, given)[0]
        return features.reshape(-1, features.shape[-1]).astype(np.float32, copy=False)

    def encode_images(self, pixel_values: Floats, grids: Ints) -> Floats:
        """Return what is given: the images of these prompts have been seen already, each prompt's by themselves."""
        return pixel_values

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        """See `decoding.Graphs`. The three axes of ``positions`` are alike: these models count in one."""
        given: dict[str, NDArray[Any]] = {
            "inputs_embeds": embeddings,
            "attention_mask": mask,
            "position_ids": positions[0],
            "num_logits_to_keep": np.array(1),
            "use_cache_branch": np.array([cache[0].shape[2] > 0]),
        }
        return self._decoded({name: given[name] for name in self._takes}, cache)
