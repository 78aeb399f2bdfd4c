"""The vision tower, shown each picture by itself and only once: what it made of one serves every question about it.

A picture by itself is a product of matrices of one shape, whoever shares the batch: what the tower makes of it hangs on
nothing but the picture, to the last bit, and is the same whether it is computed or remembered. Models that read patches
with their grids, as Qwen2-VL and its kin do, can be asked so; of others the tower is left alone.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from itertools import islice
from typing import Any, Final, Self

from PIL import Image

from harness.adapters._pictures import PictureCache, picture_key
from harness.adapters._torch.source import library
from harness.errors import AdapterError

_PATCHES: Final = "pixel_values"
_GRIDS: Final = "image_grid_thw"
_FAMILIES: Final = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""How a configuration's ``model_type`` begins, of models that are known to see each picture of a batch by itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tower made of one picture."""

    grid: Any
    """Its rows and columns of patches, int64 [3]: times, rows, columns."""
    kind: Any
    """The class of `transformers` that holds what the tower gives."""
    features: Any
    """Embeddings in the decoder's width, [tokens, width]."""
    deep: tuple[Any, ...]
    """Of models that hand more to deeper layers, the same for each of those."""

    @property
    def bytes(self) -> int:
        """What it takes in memory, of whatever device."""
        return sum(int(one.nbytes) for one in (self.features, *self.deep))


@dataclass(slots=True)
class Shown:
    """The pictures of one batch."""

    keys: list[bytes] = field(default_factory=list)
    """Of each picture, in the order of the prompts."""
    known: dict[bytes, Seen] = field(default_factory=dict)
    """What the tower made of some of them before: held here, so that nothing that happens meanwhile takes it away."""
    new: list[bytes] = field(default_factory=list)
    """The others, each once, in the order of the patches in the batch."""

    def reused(self, counts: Sequence[int]) -> list[int]:
        """Return for how many pictures of each prompt the tower has nothing to do; ``counts`` says how many it has."""
        fresh, keys, found = set(self.new), iter(self.keys), []
        for count in counts:
            own = 0
            for key in islice(keys, count):
                own += key not in fresh
                fresh.discard(key)
            found.append(own)
        return found


class Tower:
    """Stands before a model's `get_image_features` and its image processor, where the family can be asked so."""

    def __init__(self, model: Any, image_processor: Any, most: int) -> None:
        """Stand there.

        Args:
            model: of `transformers`; its own method is replaced, on this instance alone.
            image_processor: likewise.
            most: bytes of embeddings that are kept.
        """
        self._cache: PictureCache[Seen] = PictureCache(most, lambda seen: seen.bytes)
        self._now = threading.local()
        self._see = model.get_image_features
        self._process = image_processor.preprocess
        self._width = 0

        # The library reads from their signatures what the two take.
        @wraps(self._see)
        def see(*args: Any, **kwargs: Any) -> Any:
            return self._features(*args, **kwargs)

        @wraps(self._process)
        def process(*args: Any, **kwargs: Any) -> Any:
            return self._processed(*args, **kwargs)

        model.get_image_features, image_processor.preprocess = see, process

    @classmethod
    def of(cls, model: Any, image_processor: Any, most: int) -> Self:
        """Return one for a model that reads patches with their grids.

        Args:
            model: of `transformers`, without PEFT's wrapper round it.
            image_processor: its own.
            most: bytes of embeddings that are kept.

        Raises:
            AdapterError: if the model is of another kind.
        """
        import inspect

        inner = model.base_model
        see, needed = getattr(inner, "get_image_features", None), {_PATCHES, _GRIDS}
        makes = set(getattr(image_processor, "model_input_names", ()))
        kind = str(getattr(model.config, "model_type", ""))
        takes = set() if see is None else set(inspect.signature(see).parameters)
        if not (kind.startswith(_FAMILIES) and needed <= makes and needed <= takes):
            raise AdapterError(
                f"`image_cache` is for models whose tower can be shown one picture at a time ({', '.join(_FAMILIES)}), "
                f"and this is a {kind}; leave it out"
            )
        return cls(inner, image_processor, most)

    def clear(self) -> None:
        """Let go of what is kept."""
        self._cache.clear()

    @contextmanager
    def preparing(self) -> Iterator[Shown]:
        """Let the processor leave out, within the block, what the tower need not see; the batch goes with it.

        The patches in such a batch are those of ``new`` pictures alone, the grids those of all.
        """
        shown = self._now.preparing = Shown()
        try:
            yield shown
        finally:
            self._now.preparing = None

    @contextmanager
    def showing(self, shown: Shown) -> Iterator[None]:
        """Let the model see, within the block, a batch that was prepared so."""
        self._now.showing = shown
        try:
            yield
        finally:
            self._now.showing = None

    def see(self, shown: Shown, batch: Any) -> dict[bytes, Seen]:
        """Return what the tower makes of the pictures of a batch, by key; ``batch`` is as the processor made it."""
        return self._found(shown, batch[_PATCHES], list(batch[_GRIDS]), {})

    def _processed(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        import torch

        shown = getattr(self._now, "preparing", None)
        if shown is None:
            return self._process(images, *args, **kwargs)
        flat = _flat(images)
        keys = _keys(flat)
        known = {key: seen for key in dict.fromkeys(keys) if (seen := self._cache.get(key)) is not None}
        new = {key: image for key, image in zip(keys, flat, strict=True) if key not in known}
        grids = {key: seen.grid for key, seen in known.items()}
        patches = torch.zeros(0, self._width)
        if new:
            made = self._process(list(new.values()), *args, **kwargs)
            patches, self._width = made[_PATCHES], int(made[_PATCHES].shape[1])
            grids |= dict(zip(new, made[_GRIDS], strict=True))
        shown.keys, shown.known, shown.new = keys, known, list(new)
        return library().BatchFeature({_PATCHES: patches, _GRIDS: torch.stack([grids[key] for key in keys])})

    def _features(self, pixel_values: Any, image_grid_thw: Any = None, **kwargs: Any) -> Any:
        shown = getattr(self._now, "showing", None)
        grids = list(image_grid_thw)
        if shown is None:
            return _together(self._each(pixel_values, grids, kwargs))
        found = self._found(shown, pixel_values, grids, kwargs)
        return _together([found[key] for key in shown.keys])

    def _found(
        self, shown: Shown, pixel_values: Any, grids: Sequence[Any], kwargs: dict[str, Any]
    ) -> dict[bytes, Seen]:
        of = dict(zip(shown.keys, grids, strict=True))
        made = self._each(pixel_values, [of[key] for key in shown.new], kwargs)
        found = shown.known | dict(zip(shown.new, made, strict=True))
        for key in shown.new:
            self._cache.put(key, found[key])
        return found

    def _each(self, patches: Any, grids: Sequence[Any], kwargs: dict[str, Any]) -> list[Seen]:
        """Return what the tower makes of pictures, one after the other."""
        parts = patches.split([int(grid.prod()) for grid in grids]) if grids else ()
        return [self._one(part, grid, kwargs) for part, grid in zip(parts, grids, strict=True)]

    def _one(self, patches: Any, grid: Any, kwargs: dict[str, Any]) -> Seen:
        made = self._see(patches, grid[None], **(kwargs | {"return_dict": True}))
        deep = getattr(made, "deepstack_features", None) or ()
        return Seen(grid.cpu(), type(made), made.pooler_output[0], tuple(map(_only, deep)))


def _only(layer: Any) -> Any:
    """Return what a deeper layer is given of the only picture: the library may have split it by pictures, or not."""
    return layer[0] if isinstance(layer, (list, tuple)) else layer


def _together(pictures: Sequence[Seen]) -> Any:
    """Return what the tower would have given for all of them."""
    deep = [tuple(layer) for layer in zip(*(one.deep for one in pictures), strict=True)]
    told = {"deepstack_features": deep} if deep else {}
    return pictures[0].kind(pooler_output=tuple(one.features for one in pictures), **told)


def _flat(images: Any) -> list[Image.Image]:
    """Return pictures one after the other that come in a list, or in one for each prompt."""
    return [one for some in images for one in (some if isinstance(some, (list, tuple)) else [some])]


def _keys(images: Sequence[Image.Image]) -> list[bytes]:
    """Return the key of each picture; one that is there several times is read once."""
    read: dict[int, bytes] = {}
    for image in images:
        if id(image) not in read:
            read[id(image)] = picture_key(image)
    return [read[id(image)] for image in images]
