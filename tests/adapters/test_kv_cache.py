"""Keys and values in 8 bits: how near they stay, on what they hang, and what a run says of them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydantic import ValidationError

from harness.adapters._torch.kv import SMALLEST, Store, dequantise, int8_layer, quantise
from harness.adapters.qwen2_vl import Qwen2VLAdapter, Qwen2VLConfig
from harness.errors import ConfigError
from harness.record import Run
from harness.types import Generation, Request
from tests.adapters import family_law as law
from tests.adapters.families import Built
from tests.charted import charted

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
numbers = st.floats(-2e4, 2e4, width=32)
kept = arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=3), elements=numbers)


def load(**keys: object) -> Qwen2VLAdapter:
    config = Qwen2VLConfig.model_validate({"model": str(MODEL), "threads": 1, **keys})
    return Qwen2VLAdapter.from_config(config, ROOT)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Qwen2VLAdapter, Qwen2VLAdapter]]:
    loaded = load(), load(kv_cache="int8")
    yield loaded
    for one in loaded:
        one.close()


@pytest.fixture(scope="module")
def charts() -> list[Request]:
    return [request for request, _ in charted("test-kv-cache", 48, Generation(8))]


@given(values=kept, repeats=st.sampled_from([1, 24, 32, 64]))
def test_every_number_comes_back_within_half_its_scale(values: np.ndarray, repeats: int) -> None:
    given_ = torch.tensor(np.tile(values, repeats))
    codes, scales = quantise(given_)
    assert (codes.dtype, codes.shape, scales.dtype) == (torch.int8, given_.shape, torch.float16)
    assert codes.abs().amax() <= 127
    groups = scales.shape[-1]
    assert groups == (given_.shape[-1] // 32 if given_.shape[-1] % 32 == 0 else 1)
    back = dequantise(codes, scales, torch.float32)
    parts = (*given_.shape[:-1], groups, -1)
    error = (back - given_).abs().view(parts).amax(-1)
    # What float32 loses by the quotient and the product is far below a thousandth of a step.
    assert (error <= scales.float() * 0.5001).all()
    largest = given_.abs().view(parts).amax(-1)
    assert (scales.float() <= (largest / 127 * 1.001).clamp_min(SMALLEST)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_store_gives_back_what_was_added_in_its_type_and_shape(dtype: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    whole = torch.randn((2, 3, 150, 64), generator=generator).to(dtype)
    store, seen = Store(), 0
    for count in (70, 1, 1, 64, 14):  # more than once beyond the room that there is
        found = store.add(whole[:, :, seen : seen + count])
        assert (found.dtype, found.shape) == (dtype, (2, 3, seen + count, 64))
        assert torch.equal(found[:, :, seen:], whole[:, :, seen : seen + count])
        codes, scales = quantise(whole[:, :, :seen])
        assert torch.equal(found[:, :, :seen], dequantise(codes, scales, dtype))
        seen += count
    assert store.bytes == 2 * 3 * 150 * (64 + 2 * 2)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 3), st.integers(0, 2**16))
def test_what_is_kept_of_a_token_hangs_on_that_token_alone(parts: list[int], padding: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    row = torch.randn((1, 2, sum(parts), 24), generator=generator)
    other = 100 * torch.randn((1, 2, sum(parts) + padding, 24), generator=generator)
    beside = torch.cat([torch.cat([other[:, :, :padding], row], dim=2), other])
    pieces, once = Store(), Store()
    for piece in torch.split(row, parts, dim=2):
        pieces.add(piece)
    once.add(beside)
    new = torch.zeros(1, 2, 1, 24)
    assert torch.equal(pieces.add(new)[0], once.add(new.expand(2, -1, -1, -1))[0, :, padding:])


def test_a_number_that_is_not_finite_does_not_become_one() -> None:
    for strange in (float("nan"), float("inf")):
        values = torch.zeros(1, 1, 2, 64)
        values[0, 0, 1, 3] = strange
        store = Store()
        store.add(values)
        found = store.add(torch.zeros(1, 1, 1, 64))
        assert found[0, 0, 1, :32].isnan().all()
        assert found[0, 0, 1, 32:].isfinite().all()
        assert found[0, 0, [0, 2]].isfinite().all()


def test_a_layer_does_what_the_library_asks_of_its_own() -> None:
    values = torch.randn(2, 1, 5, 32)
    one = torch.zeros(4, 1, 1, 32)
    layer = int8_layer()()
    assert (layer.get_seq_length(), layer.keys, layer.values) == (0, None, None)
    layer.update(values, -values)
    layer.batch_repeat_interleave(2)
    layer.reorder_cache(torch.tensor([3, 0, 1, 2]))
    layer.crop(-2)
    assert layer.get_seq_length() == 3
    assert torch.equal(layer.keys, -layer.values)
    assert layer.keys.shape == (4, 1, 3, 32)
    keys, negated = layer.update(one, one)
    assert torch.equal(keys, -negated)
    assert torch.allclose(keys[:, :, :3], values[[1, 0, 0, 1], :, :3], atol=0.03)
    layer.batch_select_indices(torch.tensor([0]))
    assert layer.update(one[:1], one[:1])[0].shape == (1, 1, 5, 32)
    assert layer.get_mask_sizes(1) == (6, 0)
    layer.reset()
    assert (layer.get_seq_length(), layer.bytes) == (0, 0)


def test_answers_are_nearly_all_those_of_float_and_the_likelihoods_near(
    both: tuple[Qwen2VLAdapter, Qwen2VLAdapter], charts: list[Request]
) -> None:
    plain, small = ([one for at in range(0, 48, 8) for one in a.generate(charts[at : at + 8])] for a in both)
    assert sum(a.text == b.text for a, b in zip(plain, small, strict=True)) >= 47
    pairs = [(a.mean_logprob, b.mean_logprob) for a, b in zip(plain, small, strict=True) if a.text == b.text]
    apart = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    assert len(apart) >= 47
    assert 0 < max(apart) < 0.5  # it is really in 8 bits, and near


def test_it_takes_a_quarter_of_the_memory(both: tuple[Qwen2VLAdapter, Qwen2VLAdapter]) -> None:
    loaded = both[1]._loaded
    assert loaded is not None
    assert loaded.caches is not None
    cache = loaded.caches()
    ids = torch.full((2, 100), 5)
    loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=cache)
    plain = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True).past_key_values
    taken = sum(layer.bytes for layer in cache.layers)
    assert cache.get_seq_length() == 100
    assert taken == 3 * 2 * 2 * 2 * 100 * (24 + 2)
    assert taken / sum(layer.keys.nbytes + layer.values.nbytes for layer in plain.layers) == (24 + 2) / 96


def test_it_counts_in_the_fingerprint_and_its_absence_does_not(
    both: tuple[Qwen2VLAdapter, Qwen2VLAdapter],
) -> None:
    assert both[0].fingerprint() != both[1].fingerprint()
    assert both[0].fingerprint() == load(kv_cache=None).fingerprint()
    assert [one.batch_invariant for one in both] == [True, False]
    assert Qwen2VLConfig(model="m", kv_cache="int8", batch_invariant=True).is_batch_invariant()


@pytest.mark.parametrize("name", ["llava", "idefics3", "mllama", "qwen2_5_vl", "qwen3_vl", "git"])
def test_models_of_other_families_answer_with_it(built: Callable[[str], Built], name: str) -> None:
    expected = law.load(built(name)).generate(law.ONE)
    found = law.load(built(name), kv_cache="int8").generate(law.ONE)
    assert [response.error for response in found] == [None] * len(law.ONE)
    # The first token is said before anything is read back from the cache.
    assert [(response.text or "")[:1] for response in found] == [(response.text or "")[:1] for response in expected]


def test_beams_go_on_from_the_rows_that_they_chose(charts: list[Request]) -> None:
    beams = {"num_beams": 3}
    plain, small = (load(generation=beams, **keys).generate(charts[:8]) for keys in ({}, {"kv_cache": "int8"}))
    assert [response.text for response in small] == [response.text for response in plain]


def test_models_that_keep_them_otherwise_are_refused(built: Callable[[str], Built]) -> None:
    with pytest.raises(ConfigError, match="florence2 keeps its keys and values in its own way"):
        law.load(built("florence2"), kv_cache="int8")
    with pytest.raises(ConfigError, match="says which cache too"):
        load(kv_cache="int8", generation={"cache_implementation": "static"})
    with pytest.raises(ConfigError, match="no layer of this gemma3 keeps all"):
        law.load(built("gemma3"), kv_cache="int8")  # every layer of the tiny one has a sliding window


SUITE = """\
suite: small
version: 1
datasets:
  charts: {type: charts, limit: 6}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""
ADAPTER = "adapter: small\ntype: qwen2_vl\nmodel: {model}\nthreads: 1\nkv_cache: {value}\n"


def test_a_run_says_so_and_a_comparison_names_it(
    run_here: Callable[..., Any], write: Callable[..., Path], tmp_path: Path
) -> None:
    suite = write("suite.yaml", SUITE)
    runs = []
    for value in ("null", "int8"):
        file = write(f"{value}/small.yaml", ADAPTER.format(model=MODEL, value=value))
        done = run_here("run", suite, "-a", file, "--out", tmp_path / value / "runs")
        assert done.code == 0, done.err
        (folder,) = (tmp_path / value / "runs").iterdir()
        runs.append(folder)
    told = [json.loads((folder / "run.json").read_text())["adapter"]["config"]["kv_cache"] for folder in runs]
    assert told == [None, "int8"]
    assert all(len(Run(folder).table()) == 6 for folder in runs)
    assert "adapter's kv_cache: null in the baseline, int8 in the candidate" in run_here("compare", *runs).out


def test_another_word_is_an_error_at_its_place(run_here: Callable[..., Any], write: Callable[..., Path]) -> None:
    suite = write("suite.yaml", SUITE)
    file = write("small.yaml", ADAPTER.format(model=MODEL, value="int4"))
    done = run_here("run", suite, "-a", file)
    assert done.code == 2
    assert f"{file}:5:" in done.err.replace("\n", "")
    assert "int8" in done.err
    with pytest.raises(ValidationError):
        Qwen2VLConfig.model_validate({"model": "m", "kv_cache": "int4"})
