"""Keys and values in 8 bits between the steps of decoding.

A token's keys and values are rounded once, when it is read, each head in groups of 32 numbers with a scale of their own
(symmetric, as llama.cpp's ``q8_0`` has it; a head and a token at a time, as LMDeploy's and vLLM's INT8 caches). So a
number hangs on its own token alone: not on the batch, the padding, or what is read later, and nothing is rounded twice.
Scales along the tokens, channel by channel, are what two bits need (KIVI, Liu et al. 2024, arXiv:2402.02750) and not
eight, and they would tie a token to its neighbours.

Attention gets them back in the model's precision, one layer at a time.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from harness.adapters._torch.source import library
from harness.errors import ConfigError, Issue

KV_VERSION: Final = 1
"""Raise it whenever the rounding changes an answer."""
GROUP: Final = 32
"""Numbers that share a scale; a whole head where its width is no multiple of it."""
SMALLEST: Final = 2.0**-14
"""Of scales: the smallest number that float16 holds in full."""
_ROOM: Final = 64
"""Tokens by which the store of a layer grows."""


def quantise(values: Any) -> tuple[Any, Any]:
    """Return keys or values in 8 bits, and their scales.

    Args:
        values: [..., width], of any floating type.

    Returns:
        codes: int8 [..., width], from -127 to 127.
        scales: float16 [..., width / 32], or [..., 1]; a number that is not finite makes its group's so.

    >>> import torch
    >>> codes, scales = quantise(torch.tensor([[1.0, -0.5, 0.25]]))
    >>> codes.tolist()
    [[127, -64, 32]]
    >>> bool((dequantise(codes, scales, torch.float32) - torch.tensor([[1.0, -0.5, 0.25]])).abs().max() < scales / 2)
    True
    """
    import torch

    parts = _grouped(values.float())
    scales = (parts.abs().amax(-1) / 127).clamp_min(SMALLEST).half()
    codes = (parts / scales[..., None].float()).round()
    return codes.to(torch.int8).view(values.shape), scales


def dequantise(codes: Any, scales: Any, dtype: Any, out: Any = None) -> Any:
    """Return what :func:`quantise` was given, each number within half a scale of it.

    Args:
        codes: int8 [..., width].
        scales: float16 [..., groups].
        dtype: of what is returned.
        out: where to write it, of that type, [..., width] with the last axis in one piece.
    """
    import torch

    out = torch.empty(codes.shape, dtype=dtype, device=codes.device) if out is None else out
    out.copy_(codes)
    # The product is taken in float32 whatever the type that it is written in.
    out.unflatten(-1, (scales.shape[-1], -1)).mul_(scales[..., None].float())
    return out


def _grouped(values: Any) -> Any:
    width = values.shape[-1]
    return values.unflatten(-1, (-1, GROUP if width % GROUP == 0 else width))


class Store:
    """Keys, or values, of one layer."""

    def __init__(self) -> None:
        self.length = 0
        self._codes: Any = None
        self._scales: Any = None

    @property
    def bytes(self) -> int:
        """What the tokens in it take, without the room for more."""
        return 0 if self._codes is None else int(self._codes[:, :, : self.length].nbytes + self._kept().nbytes)

    def add(self, values: Any) -> Any:
        """Take in [batch, heads, new, width]; return all, [batch, heads, tokens, width], the new as they were given."""
        import torch

        past, self.length = self.length, self.length + values.shape[-2]
        batch, heads, _, width = values.shape
        codes, scales = quantise(values)
        self._make_room(codes, scales)
        self._codes[:, :, past : self.length], self._scales[:, :, past : self.length] = codes, scales
        if not past:
            return values
        every = torch.empty((batch, heads, self.length, width), dtype=values.dtype, device=values.device)
        dequantise(self._codes[:, :, :past], self._scales[:, :, :past], values.dtype, out=every[:, :, :past])
        every[:, :, past:] = values
        return every

    def read(self, dtype: Any) -> Any:
        """Return all that is kept, [batch, heads, tokens, width], in a type; None where nothing is."""
        return None if self._codes is None else dequantise(self._codes[:, :, : self.length], self._kept(), dtype)

    def change(self, rows: Callable[[Any], Any]) -> None:
        """Put ``rows``, of the first axis, in the place of what there is."""
        if self._codes is not None:
            self._codes, self._scales = rows(self._codes), rows(self._scales)

    def _kept(self) -> Any:
        return self._scales[:, :, : self.length]

    def _make_room(self, codes: Any, scales: Any) -> None:
        held = 0 if self._codes is None else self._codes.shape[2]
        if self.length <= held:
            return
        for name, like in (("_codes", codes), ("_scales", scales)):
            shape = (*like.shape[:2], -(-self.length // _ROOM) * _ROOM, like.shape[-1])
            grown, before = like.new_empty(shape), getattr(self, name)
            if before is not None:
                grown[:, :, :held] = before
            setattr(self, name, grown)


class InInt8:
    """What a layer of a cache does otherwise than `transformers`' own, which holds the model's precision."""

    def __init__(self) -> None:
        self.stores = Store(), Store()
        self.is_initialized = False
        self.dtype: Any = None

    @property
    def keys(self) -> Any:
        """All of them in the model's precision, for models that read them off; None before the first."""
        return self.stores[0].read(self.dtype)

    @property
    def values(self) -> Any:
        """Likewise."""
        return self.stores[1].read(self.dtype)

    @property
    def bytes(self) -> int:
        """What keys and values of the tokens in it take, scales included."""
        return sum(store.bytes for store in self.stores)

    def lazy_initialization(self, key_states: Any, value_states: Any) -> None:
        """Note what the model computes in."""
        self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Take in what new tokens have; return what all have, [batch, heads, tokens, width]."""
        self.lazy_initialization(key_states, value_states)
        keys, values = self.stores
        return keys.add(key_states), values.add(value_states)

    def get_seq_length(self) -> int:
        """Return how many tokens it holds."""
        return self.stores[0].length

    def reset(self) -> None:
        """Begin again."""
        self.stores, self.is_initialized = (Store(), Store()), False

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens: so many below zero; from there so many are left, as older versions have it."""
        for store in self.stores:
            left = store.length + tokens_to_remove if tokens_to_remove < 0 else tokens_to_remove or store.length
            store.length = max(0, min(store.length, left))

    def reorder_cache(self, beam_idx: Any) -> None:
        """Put other rows in the place of each."""
        self._change(lambda held: held.index_select(0, beam_idx.to(held.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each row."""
        self._change(lambda held: held.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Any) -> None:
        """Keep some rows."""
        self._change(lambda held: held[indices])

    def _change(self, rows: Callable[[Any], Any]) -> None:
        for store in self.stores:
            store.change(rows)


@cache
def int8_layer() -> Any:
    """Return the class of `transformers`' cache layers that hold 8 bits; the library is imported late."""
    return type("Int8Layer", (InInt8, library().cache_utils.DynamicLayer), {})


def int8_caches(model: Any, generation: Any) -> Callable[[], Any]:
    """Return what makes an empty cache in 8 bits for a batch.

    Layers that hold something else than all keys and values (a sliding window, a state) stay as the library has them.

    Args:
        model: of `transformers`, without PEFT's wrapper round it.
        generation: the file's own settings of `GenerationConfig`.

    Raises:
        ConfigError: if the model has no such cache, or ``generation`` says another.
    """
    place = ("kv_cache",)
    if named := [name for name in ("cache_implementation", "cache_config", "use_cache") if name in generation]:
        raise ConfigError(Issue(place, f"`generation: {{{named[0]}: …}}` says which cache too", "leave one out"))
    kind = str(getattr(model.config, "model_type", ""))
    grows = library().cache_utils.DynamicLayer
    # What the model itself says of whether it takes a cache from outside.
    takes = getattr(model, "_supports_default_dynamic_cache", lambda: False)
    if getattr(model.config, "is_encoder_decoder", False) or not takes():
        raise ConfigError(Issue(place, f"a {kind} keeps its keys and values in its own way", "leave it out"))

    def make() -> Any:
        made = library().DynamicCache(config=model.config.get_text_config(decoder=True))
        if not made.layers:  # of a configuration that says nothing of its layers
            made.layer_class_to_replicate = int8_layer()
        made.layers = [int8_layer()() if type(layer) is grows else layer for layer in made.layers]
        return made

    tried = make()
    if tried.layers and not any(isinstance(layer, int8_layer()) for layer in tried.layers):
        raise ConfigError(Issue(place, f"no layer of this {kind} keeps all of its keys and values", "leave it out"))
    return make
