"""How much memory the keys and values of a decoder take."""

from dataclasses import dataclass

from harness.errors import UsageError

_BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}


@dataclass(frozen=True, slots=True)
class Decoder:
    """What decides the size of a decoder's cache."""

    layers: int
    kv_heads: int
    """Heads that keys and values have; fewer than the queries' with grouped queries (GQA), 1 with MQA."""
    head_dim: int
    window: int | None = None
    """Tokens that a layer with a sliding window looks back; None: no such layer."""
    windowed_layers: int | None = None
    """How many of the layers have it; all by default."""

    @classmethod
    def from_config(cls, config: "dict[str, object]") -> "Decoder":
        """Read a Hugging Face ``config.json``, flat or with a ``text_config``.

        Raises:
            UsageError: if a number is missing.
        """
        nested = config.get("text_config")
        text = {**config, **nested} if isinstance(nested, dict) else config

        def number(*names: str) -> int | None:
            return next((value for name in names if isinstance(value := text.get(name), int)), None)

        layers, heads = number("num_hidden_layers", "n_layer"), number("num_attention_heads", "n_head")
        wide = number("hidden_size", "n_embd")
        if layers is None or heads is None or wide is None:
            raise UsageError("the configuration lacks num_hidden_layers, num_attention_heads or hidden_size")
        kv_heads, head_dim = number("num_key_value_heads") or heads, number("head_dim") or wide // heads
        window = number("sliding_window") if text.get("use_sliding_window", True) else None
        kinds = text.get("layer_types")
        windowed = sum(kind == "sliding_attention" for kind in kinds) if isinstance(kinds, list) else None
        first = number("max_window_layers")
        if windowed is None and first is not None and window is not None:
            windowed = max(0, layers - first)  # Qwen2: the layers before it look at everything
        return cls(layers, kv_heads, head_dim, window, windowed)


def tokens_of_image(height: int, width: int, patch: int = 14, merge: int = 2) -> int:
    """Return how many tokens an image of this size is, after it was resized to whole merged patches.

    >>> tokens_of_image(112, 140)
    20
    """
    return (height // (patch * merge)) * (width // (patch * merge))


def cache_bytes(decoder: Decoder, tokens: int, batch: int = 1, dtype: str = "fp16") -> float:
    """Return the bytes of all keys and values: 2 · layers · KV heads · head width · tokens · bytes · batch.

    A layer with a sliding window keeps its last ``window`` tokens only.

    Args:
        decoder: the decoder's shape.
        tokens: text and visual tokens of one sequence, prompt and answer.
        batch: sequences.
        dtype: of the cache: fp32, fp16, bf16, fp8, int8 or int4 (without the scales of the last two).

    Raises:
        UsageError: if a number is below 1 or the type unknown.

    >>> cache_bytes(Decoder(layers=28, kv_heads=2, head_dim=128), tokens=1000) / 2**20
    27.34375
    """
    numbers = (decoder.layers, decoder.kv_heads, decoder.head_dim, tokens, batch)
    if min(numbers) < 1 or (decoder.window is not None and decoder.window < 1):
        raise UsageError("layers, heads, widths, tokens and batch are 1 or more")
    if dtype not in _BYTES:
        raise UsageError(f"unknown type {dtype!r}; known: {', '.join(_BYTES)}")
    windowed = 0
    if decoder.window is not None:
        windowed = decoder.layers if decoder.windowed_layers is None else decoder.windowed_layers
    kept = (decoder.layers - windowed) * tokens + windowed * min(tokens, decoder.window or tokens)
    return 2.0 * decoder.kv_heads * decoder.head_dim * kept * batch * _BYTES[dtype]
