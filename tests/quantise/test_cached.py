"""Decoders whose past is in bytes: what is rounded, by how much, and which graphs cannot be held so."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from harness.adapters._torch.kv import quantise as in_torch
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.errors import UsageError
from harness.quantise.cached import hold_in_bytes
from harness.quantise.decoder import Decoder, decoding_agreement
from harness.quantise.inputs import open_session
from harness.quantise.recipes import quantise
from harness.types import Generation, Request
from tests.charted import charted

MODEL = Path(__file__).parents[2] / "fixtures" / "tiny-qwen2-vl"
DECODER = MODEL / "onnx" / "decoder_model_merged.onnx"
KEY, SCALE = "past_key_values.0.key", "past_key_values.0.key_scale"
HEADS = 2


def decoder(
    path: Path,
    width: int = 24,
    kind: int = TensorProto.FLOAT,
    opset: int = 18,
    inner: bool = False,
    window: bool = False,
) -> Path:
    """Write a decoder that keeps what it reads as its keys, and says what all of them add up to."""
    wide = HEADS * width
    takes: list[str | int | None] = ["batch", HEADS, "past", width]
    gives: list[str | int | None] = ["batch", HEADS, "all", width]

    def numbers(name: str, value: list[int]) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(value, np.int64), name)

    join = [helper.make_node("Concat", [KEY, "new"], ["joined"], axis=2)]
    if inner:  # as merged exports have it: the past is used within the branches
        branch = helper.make_graph(
            [helper.make_node("Concat", [KEY, "new"], ["j"], axis=2)],
            "branch", [], [helper.make_tensor_value_info("j", kind, gives)],
        )  # fmt: skip
        join = [helper.make_node("If", ["use_cache_branch"], ["joined"], then_branch=branch, else_branch=branch)]
    nodes = [
        helper.make_node("Reshape", ["inputs_embeds", "parts"], ["split"]),
        helper.make_node("Transpose", ["split"], ["new"], perm=[0, 2, 1, 3]),
        *join,
        helper.make_node("Slice", ["joined", "first", "last", "along"], ["present.0.key"]),
        helper.make_node("ReduceSum", ["present.0.key", "along"], ["sum"], keepdims=1),
        helper.make_node("Reshape", ["sum", "row"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info("inputs_embeds", kind, ["batch", "new", wide]),
        helper.make_tensor_value_info(KEY, kind, takes),
        *([helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])] if inner else []),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", kind, ["batch", 1, wide]),
        helper.make_tensor_value_info("present.0.key", kind, gives),
    ]
    constants = [
        numbers("parts", [0, 0, HEADS, width]), numbers("row", [0, 1, wide]), numbers("along", [2]),
        numbers("first", [-4 if window else 0]), numbers("last", [2**62]),
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "decoder", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def read(held: Any, past: dict[str, np.ndarray], new: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Feed new keys, [batch, tokens, heads, width]; return the sums and the longer past."""
    flat = new.reshape(*new.shape[:2], -1)
    logits, codes, scales = held.run(
        ["logits", "present.0.key", "present.0.key_scale"], {"inputs_embeds": flat, **past}
    )
    return logits, {KEY: codes, SCALE: scales}


def empty(batch: int, width: int, groups: int) -> dict[str, np.ndarray]:
    return {KEY: np.zeros((batch, HEADS, 0, width), np.int8), SCALE: np.zeros((batch, HEADS, 0, groups), np.float16)}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Decoders of heads that are one group wide, and of two groups."""
    folder, found = tmp_path_factory.mktemp("held"), {}
    for width in (24, 64):
        made = hold_in_bytes(decoder(folder / f"{width}.onnx", width), folder / f"{width}_8.onnx")
        found[width] = session(made.path)
    return found


numbers = st.floats(-2e4, 2e4, width=32)


@settings(max_examples=30)
@given(data=st.data(), width=st.sampled_from([24, 64]), counts=st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_each_token_is_rounded_once_and_within_half_its_scale(
    held: dict[int, Any], data: st.DataObject, width: int, counts: list[int]
) -> None:
    groups = 2 if width == 64 else 1
    past, seen = empty(2, width, groups), np.zeros((2, HEADS, 0, width), np.float32)
    for count in counts:
        new = data.draw(arrays(np.float32, (2, count, HEADS, width), elements=numbers))
        before = past
        _, past = read(held[width], past, new)
        seen = np.concatenate([seen, new.transpose(0, 2, 1, 3)], axis=2)
        assert {name: array.dtype for name, array in past.items()} == {KEY: np.int8, SCALE: np.float16}
        assert past[KEY].shape == seen.shape
        assert past[SCALE].shape == (*seen.shape[:3], groups)
        for name, array in before.items():  # what was there stays to the last bit
            assert np.array_equal(past[name][:, :, : array.shape[2]], array)
    scales = past[SCALE].astype(np.float32)[..., None]
    codes = past[KEY].reshape(*seen.shape[:3], groups, -1).astype(np.float32)
    assert (np.abs(codes * scales - seen.reshape(codes.shape)) <= scales * 0.5001).all()
    same, steps = in_torch(torch.tensor(seen))  # the two runtimes round alike
    assert np.array_equal(same.numpy(), past[KEY])
    assert np.array_equal(steps.numpy(), past[SCALE])


@pytest.mark.parametrize(
    "keys",
    [{}, {"width": 64}, {"opset": 13}, {"kind": TensorProto.FLOAT16}, {"inner": True}],
    ids=["plain", "wide", "old", "half", "merged"],
)
def test_the_graph_gets_back_what_was_rounded_in_its_own_type(tmp_path: Path, keys: dict[str, Any]) -> None:
    source = decoder(tmp_path / "d.onnx", **keys)
    made = hold_in_bytes(source, tmp_path / "e.onnx")
    onnx.checker.check_model(str(made.path), full_check=True)
    assert (made.recipe, made.nodes) == ("kv-cache-8", {"past": 1})
    kind = np.float16 if "kind" in keys else np.float32
    width, rng = keys.get("width", 24), np.random.default_rng(1)
    new = rng.standard_normal((1, 9, HEADS, width)).astype(kind)
    branch = {"use_cache_branch": np.array([True])} if "inner" in keys else {}
    _, past = read(session(made.path), empty(1, width, width // 32 or 1) | branch, new[:, :8])
    logits, _ = read(session(made.path), past | branch, new[:, 8:])
    assert logits.dtype == kind
    exact = new.astype(np.float64).sum(1).ravel()
    assert 0 < np.abs(logits.ravel() - exact).max() < 8 * 0.5 * 4 / 127 + (0.02 if kind is np.float16 else 0)


def test_a_number_that_is_not_finite_does_not_become_one(held: dict[int, Any]) -> None:
    for strange in (np.nan, np.inf):
        new = np.zeros((1, 2, HEADS, 64), np.float32)
        new[0, 1, 0, 3] = strange
        _, past = read(held[64], empty(1, 64, 2), new)
        logits, _ = read(held[64], past, np.zeros((1, 1, HEADS, 64), np.float32))
        assert np.isnan(logits[0, 0, :32]).all()
        assert np.isfinite(logits[0, 0, 32:]).all()


def test_what_has_no_past_that_grows_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    with pytest.raises(UsageError, match="it is no decoder with a past"):
        hold_in_bytes(MODEL / "onnx" / "embed_tokens.onnx", out)
    with pytest.raises(UsageError, match="does not grow by what is new alone"):
        hold_in_bytes(decoder(tmp_path / "w.onnx", window=True), out)
    hold_in_bytes(decoder(tmp_path / "d.onnx"), out)
    with pytest.raises(UsageError, match="in 8 bits already"):
        hold_in_bytes(out, tmp_path / "again.onnx")
    model = onnx.load(tmp_path / "d.onnx")
    model.graph.input.append(helper.make_tensor_value_info("beam_idx", TensorProto.INT64, ["batch"]))
    onnx.save(model, tmp_path / "s.onnx")
    with pytest.raises(UsageError, match="beam_idx, which is in no public layout"):
        hold_in_bytes(tmp_path / "s.onnx", out)


def test_weights_in_another_file_are_shared_beside_it_and_taken_along_elsewhere(tmp_path: Path) -> None:
    model = onnx.load(DECODER)
    onnx.save(model, tmp_path / "d.onnx", save_as_external_data=True, location="d.onnx_data", size_threshold=4096)
    (tmp_path / "other").mkdir()
    beside = hold_in_bytes(tmp_path / "d.onnx", tmp_path / "e.onnx")
    apart = hold_in_bytes(tmp_path / "d.onnx", tmp_path / "other" / "e.onnx")
    assert beside.bytes_after < 200_000 < apart.bytes_after
    for made in (beside, apart):
        assert decoding_agreement(DECODER, made.path).cosine > 0.999


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with its decoder in float, with 4-bit weights, and both with a past in bytes."""
    made = tmp_path_factory.mktemp("model") / "m"
    shutil.copytree(MODEL, made)
    graph = made / "onnx" / "decoder_model_merged.onnx"
    few = graph.with_name("decoder_model_merged_w4.onnx")
    quantise(graph, few, "weight-only-4")
    hold_in_bytes(graph, graph.with_name("decoder_model_merged_kv8.onnx"))
    hold_in_bytes(few, graph.with_name("decoder_model_merged_w4_kv8.onnx"))
    return made


def load(folder: Path, suffix: str) -> OnnxAdapter:
    config = OnnxConfig.model_validate({"model": str(folder), "suffixes": {"decoder_model_merged": suffix}})
    return OnnxAdapter.from_config(config, folder)


@pytest.fixture(scope="module")
def charts() -> list[Request]:
    return [request for request, _ in charted("test-cached", 48, Generation(8))]


@pytest.mark.parametrize("weights", ["", "_w4"])
def test_the_adapter_passes_the_bytes_through_and_answers_alike(
    folder: Path, charts: list[Request], weights: str
) -> None:
    plain, small = load(folder, weights), load(folder, f"{weights}_kv8")
    pairs = [
        pair
        for at in range(0, 48, 8)
        for pair in zip(plain.generate(charts[at : at + 8]), small.generate(charts[at : at + 8]), strict=True)
    ]
    assert sum(a.text == b.text for a, b in pairs) >= 46
    apart = [abs(a.mean_logprob - b.mean_logprob) for a, b in pairs if a.mean_logprob and b.mean_logprob]
    assert max(apart) > 0  # it is not the float file
    alone = [small.generate([request])[0].text for request in charts[:16]]
    assert sum(text == pair[1].text for text, pair in zip(alone, pairs, strict=False)) >= 15
    assert plain.fingerprint() != small.fingerprint()
    assert not small.batch_invariant


def hangs_on(graph: Any, value: str, other: str) -> bool:
    makers = {made: node for node in graph.node for made in node.output}
    waiting = [value]
    seen = set(waiting)
    while waiting:
        found = set(makers[name].input) - seen if (name := waiting.pop()) in makers else set()
        seen |= found
        waiting += found
    return other in seen


def test_one_layer_at_a_time_comes_back_and_what_is_rounded_needs_no_whole_past(folder: Path) -> None:
    graph = onnx.load(folder / "onnx" / "decoder_model_merged_kv8.onnx").graph
    for layer in (1, 2):
        for part in ("key", "value"):
            assert hangs_on(graph, f"past_key_values.{layer}.{part}.float", f"past_key_values.{layer - 1}.value.float")
    assert not hangs_on(graph, "past_key_values.0.key.float", "past_key_values.1.key.float")
    for layer in (0, 1, 2):
        assert not hangs_on(graph, f"present.{layer}.key", f"present.{layer}.key.float")
        assert not hangs_on(graph, f"present.{layer}.key", f"past_key_values.{layer}.key.float")


def test_the_past_of_the_fixture_takes_a_quarter(folder: Path) -> None:
    sides = [Decoder(open_session(folder / "onnx" / f"decoder_model_merged{s}.onnx")) for s in ("", "_kv8")]
    before, after = (sum(part.nbytes for part in side.call(side.nothing(), 0, 64)[1].values()) for side in sides)
    assert after / before == (24 + 2) / 96


def test_the_command_writes_it_and_says_what_came_of_it(run_here: Callable[..., Any], tmp_path: Path) -> None:
    source = Path(shutil.copy(DECODER, tmp_path))
    done = run_here("quantize", source, "--recipe", "kv-cache-8", "--rounds", 3, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    (trial,) = told["trials"]
    assert Path(trial["made"]["path"]) == tmp_path / "decoder_model_merged_kv-cache-8.onnx"
    assert trial["agreement"]["cosine"] > 0.999
    assert trial["made"]["nodes"] == {"past": 6}
    assert "random inputs" in told["judged_on"]
    for given_ in (("--weights", "int8"), ("--keep-float", "*")):
        done = run_here("quantize", source, "--recipe", "kv-cache-8", *given_)
        assert done.code == 2
        assert f"takes no {given_[0]}" in done.err.replace("\n", " ")
    assert run_here("quantize", source, "--recipe", "kv-cache-8", "--out", source).code == 2
