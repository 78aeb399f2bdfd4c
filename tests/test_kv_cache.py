"""The estimate of a decoder's cache, against the cache itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.adapters._qwen2_vl.config import ThreeFiles
from harness.adapters._qwen2_vl.folder import ModelFolder
from harness.adapters._qwen2_vl.sessions import OnnxGraphs
from harness.errors import UsageError
from harness.kv_cache import Decoder, cache_bytes, tokens_of_image

MODEL = Path(__file__).parents[1] / "fixtures" / "tiny-qwen2-vl"


@pytest.mark.parametrize(("batch", "tokens"), [(1, 2), (3, 40)])
def test_the_estimate_is_what_the_tiny_models_cache_takes(batch: int, tokens: int) -> None:
    graphs = OnnxGraphs.load(ModelFolder(MODEL, "").graphs(), ThreeFiles(model=str(MODEL)))
    embeddings = graphs.embed(np.full((batch, tokens), 5, np.int64))
    positions = np.broadcast_to(np.arange(tokens), (3, batch, tokens)).copy()
    _, cache = graphs.decode(embeddings, np.ones((batch, tokens), np.int64), positions, graphs.empty_cache(batch))
    decoder = Decoder.from_config(json.loads((MODEL / "config.json").read_text(encoding="utf-8")))
    assert cache_bytes(decoder, tokens, batch, "fp32") == sum(part.nbytes for part in cache)


def test_a_sliding_window_keeps_only_its_last_tokens() -> None:
    plain, slid = Decoder(4, 2, 8), Decoder(4, 2, 8, window=10)
    assert cache_bytes(slid, 10) == cache_bytes(plain, 10)
    assert cache_bytes(slid, 1000) == cache_bytes(plain, 10)
    half = Decoder(4, 2, 8, window=10, windowed_layers=2)
    assert cache_bytes(half, 1000) == (cache_bytes(plain, 10) + cache_bytes(plain, 1000)) / 2


def test_grouped_queries_take_their_share() -> None:
    config: dict[str, object] = {"num_hidden_layers": 2, "num_attention_heads": 8, "hidden_size": 64}
    assert Decoder.from_config(config) == Decoder(2, 8, 8)
    assert Decoder.from_config({"text_config": config | {"num_key_value_heads": 2}}) == Decoder(2, 2, 8)
    assert Decoder.from_config(config | {"sliding_window": 9, "use_sliding_window": False}).window is None
    kinds = ["sliding_attention", "full_attention"]
    assert Decoder.from_config(config | {"sliding_window": 9, "layer_types": kinds}).windowed_layers == 1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="lacks"):
        Decoder.from_config({})
    with pytest.raises(UsageError, match="1 or more"):
        cache_bytes(Decoder(1, 1, 1), 0)
    with pytest.raises(UsageError, match="unknown type"):
        cache_bytes(Decoder(1, 1, 1), 1, dtype="fp13")


def test_an_image_is_a_token_for_each_merged_patch() -> None:
    assert tokens_of_image(1092, 1092) == 39 * 39


def test_the_command_adds_text_and_images(run_here: Callable[..., Any]) -> None:
    given = ("--layers", 28, "--kv-heads", 2, "--head-dim", 128)
    done = run_here("kv-cache", *given, "--tokens", 100, "--image", "280x280", "--json")
    assert json.loads(done.out) == {
        "bytes": 28 * 2 * 2 * 128 * 2 * 200,
        "text_tokens": 100,
        "image_tokens": 100,
        "batch": 1,
    }
    assert "MiB" in run_here("kv-cache", "--config", MODEL / "config.json", "--tokens", 10).out
    assert run_here("kv-cache", "--tokens", 10).code == 2
    assert run_here("kv-cache", *given, "--image", "big").code == 2
