"""What prompts have in common, read once: the same bits whoever asked first, and the answers of the plain way."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.adapters._qwen2_vl.prefixes import require_gaps
from harness.adapters._torch.config import TorchConfig
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.adapters.qwen2_vl import Qwen2VLAdapter, Qwen2VLConfig
from harness.adapters.transformers import TransformersAdapter
from harness.data.charts.draw import render
from harness.data.charts.model import STYLES, draw_chart
from harness.data.charts.questions import QUESTION_TYPES, ask
from harness.errors import AdapterError, ConfigError
from harness.quantise.cached import hold_in_bytes
from harness.recent import Recent
from harness.seeds import Stream
from harness.types import Generation, Request, Response, Status
from tests.adapters.families import Built

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
ON = {"image_cache": "64MiB", "prefix_cache": "64MiB"}
KEEPS: dict[str, dict[str, Any]] = {"much": ON, "one": ON | {"prefix_cache": 60_000}, "none": ON | {"prefix_cache": 1}}
"""How much is kept: all, one or two beginnings, nothing."""
SIDES = ((28, 28), (84, 56), (56, 84), (140, 112))
QUESTIONS = ("What is the value of A?", "Which is the tallest?", "How many?")

Loader = Callable[..., Any]


def in_torch(**keys: object) -> Qwen2VLAdapter:
    config = Qwen2VLConfig.model_validate({"model": str(MODEL), "threads": 1, "min_pixels": 784, **keys})
    return Qwen2VLAdapter.from_config(config, ROOT)


def in_onnx(**keys: object) -> OnnxAdapter:
    return OnnxAdapter.from_config(OnnxConfig.model_validate({"model": str(MODEL), "min_pixels": 784, **keys}), ROOT)


@pytest.fixture(scope="module", params=[in_torch, in_onnx], ids=["torch", "onnx"])
def make(request: pytest.FixtureRequest) -> Loader:
    found: Loader = request.param
    return found


@pytest.fixture(scope="module")
def kinds(make: Loader) -> Iterator[dict[str, Any]]:
    """The same model, which keeps much, little and nothing, and the plain one."""
    loaded = {name: make(**keys) for name, keys in KEEPS.items()} | {"plain": make()}
    yield loaded
    for one in loaded.values():
        one.close()


def picture(number: int) -> Image.Image:
    width, height = SIDES[number]
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8))


def question(number: int, *pictures: Image.Image, **keys: Any) -> Request:
    return Request(str(number), QUESTIONS[number % 3], pictures, generation=Generation(4), **keys)


def in_batches(adapter: Any, requests: Sequence[Request], size: int = 8) -> list[Response]:
    return [one for at in range(0, len(requests), size) for one in adapter.generate(requests[at : at + size])]


def told(responses: list[Response]) -> list[tuple[Any, ...]]:
    return [(one.text, one.status, one.tokens_in, one.image_tokens, one.mean_logprob) for one in responses]


def store(adapter: Any) -> Recent[bytes, Any]:
    found = adapter._beginnings if isinstance(adapter, OnnxAdapter) else adapter._prefixes._kept
    assert isinstance(found, Recent)
    return found


def kept(adapter: Any) -> dict[bytes, list[bytes]]:
    """Return the bits of every beginning that is kept."""
    values = store(adapter)._values.items()
    if isinstance(adapter, OnnxAdapter):
        return {key: [part.tobytes() for part in one.cache] for key, one in values}
    return {key: [part.numpy().tobytes() for layer in one.layers for part in layer] for key, one in values}


def charts(count: int) -> list[Request]:
    """Ask several questions about each of some charts."""
    stream, requests = Stream("test-prefix-cache"), []
    for number in range(count):
        chart = draw_chart(stream, "test", stream.choice(STYLES))
        image = render(chart, stream).image
        for _ in range(6):
            asked = ask(chart, stream.choice(QUESTION_TYPES), stream)
            requests.append(Request(f"{number}", asked.text, (image,), generation=Generation(8)))
    return requests


def logprobs(adapter: Any, request: Request, beside: Sequence[Request]) -> np.ndarray:
    logits = torch.tensor(np.asarray(adapter.trace(request, beside).logits))
    found: np.ndarray = logits.log_softmax(-1).numpy()
    return found


def test_answers_to_charts_are_those_of_the_plain_way_and_so_is_every_likelihood(kinds: dict[str, Any]) -> None:
    requests = charts(20)
    plain, found = (in_batches(kinds[name], requests) for name in ("plain", "much"))
    assert [one.text for one in found] == [one.text for one in plain]
    apart = []
    for at in range(0, 120, 11):
        beside = requests[max(0, at - 3) : at]
        both = [logprobs(kinds[name], requests[at], beside) for name in ("plain", "much")]
        apart.append(float(np.abs(both[0] - both[1]).max()))
    assert 0 < max(apart) < 1e-4  # it is another way, and ends at the same place


grouped = st.lists(
    st.tuples(st.lists(st.integers(0, len(SIDES) - 1), max_size=2), st.integers(0, 2)), min_size=1, max_size=9
)


@settings(max_examples=8)
@given(asked=grouped, size=st.integers(1, 5), seed=st.integers(0, 99))
def test_whoever_asked_first_the_bits_are_the_same(
    kinds: dict[str, Any], asked: list[tuple[list[int], int]], size: int, seed: int
) -> None:
    requests = [question(number, *map(picture, shown)) for shown, number in asked]
    found = {name: told(in_batches(kinds[name], requests, size)) for name in KEEPS}
    assert found["much"] == found["one"] == found["none"]
    assert [one[:4] for one in found["much"]] == [one[:4] for one in told(in_batches(kinds["plain"], requests, size))]
    before = kept(kinds["much"])
    store(kinds["much"]).clear()
    order = np.random.default_rng(seed).permutation(len(requests))
    in_batches(kinds["much"], [requests[place] for place in order], 6 - size)
    after = kept(kinds["much"])
    assert after.keys() <= before.keys()
    assert all(before[key] == bits for key, bits in after.items())


def test_pictures_of_any_size_several_of_them_and_none_share_a_batch(kinds: dict[str, Any]) -> None:
    a, b, c = picture(0), picture(3), picture(1)
    requests = [
        question(0, a),
        question(1, b, c),
        question(2),
        question(1, b, b, system="Be brief."),
        Request("5", "Look: first this, then that. Which?", (a, b), interleaved=("Look ", 0, " and ", 1, " now")),
        question(0, c, system="Be brief."),
    ]
    requests = [replace(one, generation=Generation(4)) for one in requests]
    found = [in_batches(kinds["much"], requests, size) for size in (6, 6, 1)]
    plain = kinds["plain"].generate(requests)
    assert [one.status for one in plain] == [Status.OK] * 6
    assert [[one.text for one in batch] for batch in found] == [[one.text for one in plain]] * 3
    for one in requests:
        apart = logprobs(kinds["much"], one, requests) - logprobs(kinds["plain"], one, requests)
        assert np.abs(apart).max() < 1e-4


def test_a_picture_is_read_once_and_another_system_prompt_is_another_beginning(make: Loader) -> None:
    adapter = make(**ON)
    for number in range(3):
        adapter.generate([question(number, picture(3)), question(number + 1, picture(3).copy())])
    assert len(kept(adapter)) == 1
    adapter.generate([question(0, picture(3), system="Be brief."), question(0, picture(2))])
    assert len(kept(adapter)) == 3
    adapter.close()
    assert len(kept(adapter)) == 0


def test_what_is_kept_stays_within_its_bound(make: Loader) -> None:
    adapter = make(**KEEPS["one"])
    for number in (3, 2, 3, 1, 0):
        adapter.generate([question(0, picture(number))])
        assert 0 < store(adapter).held <= 60_000
        assert store(adapter).held == sum(len(part) for bits in kept(adapter).values() for part in bits)
    adapter.close()


def test_it_counts_in_the_fingerprint_and_its_size_does_not(make: Loader) -> None:
    prints = [
        make(**keys).fingerprint()
        for keys in (
            {"image_cache": 9},
            {"image_cache": 9, "prefix_cache": 0},
            ON,
            {"image_cache": 9, "prefix_cache": 9},
        )
    ]
    assert prints[0] == prints[1] != prints[2] == prints[3]


def test_without_what_pictures_are_known_by_it_is_refused(make: Loader) -> None:
    with pytest.raises(ConfigError, match="needs `image_cache`") as caught:
        make(prefix_cache="1MiB")
    assert caught.value.issues[0].path == ("prefix_cache",)


@pytest.mark.parametrize(
    "keys",
    [{"generation": {"no_repeat_ngram_size": 2}}, {"repetition_penalty": 1.1}, {"kv_cache": "int8"}],
    ids=lambda keys: str(*keys),
)
def test_what_reads_the_prompt_or_keeps_it_otherwise_does_not_go_with_it(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^prefix_cache: .*(may read the prompt|keeps the model's)"):
        in_torch(**ON, **keys)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_other_families_that_can_be_asked_so_answer_alike(tmp_path: Path, name: str) -> None:
    built = Built.of(name, tmp_path / name)
    sides = []
    for keys in ({}, ON):
        config = TorchConfig.model_validate({"model": str(built.folder), **keys})
        sides.append(TransformersAdapter.from_config(config, tmp_path))
    requests = [question(number, picture(number % 3)) for number in range(4)]
    for one in requests:
        plain, found = (logprobs(adapter, one, requests) for adapter in sides)
        assert np.abs(plain - found).max() < 1e-4
    assert sides[1].generate(requests)[0].error is None
    assert sides[1].generate(requests)[3].images_reused == 1


def test_a_past_in_bytes_is_kept_as_it_is(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "m")
    graph = tmp_path / "m" / "onnx" / "decoder_model_merged.onnx"
    hold_in_bytes(graph, graph.with_name("decoder_model_merged_kv8.onnx"))
    keys = {"model": str(tmp_path / "m"), "suffixes": {"decoder_model_merged": "_kv8"}}
    plain, found = in_onnx(**keys), in_onnx(**keys, **ON, batch_invariant=True)
    requests = charts(6)
    answers = [[one.text for one in in_batches(adapter, requests)] for adapter in (plain, found)]
    assert sum(a == b for a, b in zip(*answers, strict=True)) >= 35
    kinds = {part.dtype for one in store(found)._values.values() for part in one.cache}
    assert kinds == {np.dtype(np.int8), np.dtype(np.float16)}


def test_a_model_that_forgets_what_a_window_has_passed_is_refused(tmp_path: Path) -> None:
    built = Built.of("qwen2_5_vl", tmp_path / "m")
    file = built.folder / "config.json"
    config = json.loads(file.read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}
    config["text_config"]["layer_types"] = ["sliding_attention"] * config["text_config"]["num_hidden_layers"]
    file.write_text(json.dumps(config))
    keys = TorchConfig.model_validate({"model": str(built.folder), **ON})
    with pytest.raises(ConfigError, match="forgets what a window has passed"):
        TransformersAdapter.from_config(keys, tmp_path)


class Summing:
    """A decoder whose token attends to all before it, or to as many columns as the mask adds up to."""

    def __init__(self, by_sum: bool) -> None:
        self._by_sum = by_sum

    def encode_images(self, pixel_values: Any, grids: Any) -> Any:
        raise NotImplementedError

    def embed(self, ids: Any) -> Any:
        return np.stack([ids, ids % 3], axis=-1).astype(np.float32)

    def empty_cache(self, batch: int) -> Any:
        return [np.zeros((batch, 1, 0, 2), np.float32)]

    def decode(self, embeddings: Any, mask: Any, positions: Any, cache: Any) -> Any:
        whole = np.concatenate([cache[0], embeddings[:, None]], axis=2)
        seen = mask.astype(np.float32)
        if self._by_sum:
            seen = (np.arange(mask.shape[1])[::-1] < mask.sum(1, keepdims=True)).astype(np.float32)
        return (whole[:, 0] * seen[..., None]).sum(1), [whole]


def test_a_decoder_that_reads_lengths_off_the_mask_is_found_out() -> None:
    require_gaps(Summing(by_sum=False), True)
    with pytest.raises(AdapterError, match=r"comes in two pieces; this one's logits are .*% apart"):
        require_gaps(Summing(by_sum=True), True)


def test_a_broken_picture_fails_its_own_question_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = in_onnx(**ON)
    assert adapter._graphs is not None
    see = adapter._graphs.encode_images
    whole = in_onnx().generate([question(0, picture(0))])

    def broken(patches: Any, grids: Any) -> Any:
        features = see(patches, grids)
        return features * np.nan if len(patches) > 8 else features

    monkeypatch.setattr(adapter._graphs, "encode_images", broken)
    for _ in range(2):  # not kept in a better state either
        found = adapter.generate([question(0, picture(0)), question(0, picture(3))])
        assert [one.status for one in found] == [Status.OK, Status.ERROR]
        assert "not finite" in str(found[1].error)
        assert found[0].text == whole[0].text


SUITE = """\
suite: small
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match], max_new_tokens: 4}}
"""


@pytest.mark.parametrize("kind", ["qwen2_vl", "onnx"])
def test_a_run_with_it_says_so_and_answers_alike(
    run_here: Callable[..., Any], write: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    for number in range(2):
        picture(number + 2).save(tmp_path / f"{number}.png")
    rows = [{"id": str(i), "question": QUESTIONS[i % 3], "answer": "1", "image": f"{i // 5}.png"} for i in range(10)]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    suite = write("s.yaml", SUITE)
    runs: list[Path] = []
    for name, keys in (("off", ""), ("on", "image_cache: 1MiB\nprefix_cache: 8MiB\n")):
        file = write(f"{name}.yaml", f"adapter: small\ntype: {kind}\nmodel: {MODEL}\nthreads: 1\nbatch_size: 4\n{keys}")
        done = run_here("run", suite, "-a", file, "--out", tmp_path / name)
        assert done.code == 0, done.err
        runs.extend((tmp_path / name).iterdir())
    found = run_here("compare", *runs).out
    assert "adapter's prefix_cache: 0 in the baseline, 8388608 in the candidate" in found
    assert "0 right → wrong, 0 wrong → right" in found


def test_a_wrong_size_is_an_error_at_its_place(run_here: Callable[..., Any], write: Callable[..., Path]) -> None:
    suite = write("s.yaml", SUITE)
    write("rows.jsonl", '{"id": "1", "question": "?", "answer": "1"}\n')
    text = f"adapter: small\ntype: onnx\nmodel: {MODEL}\nimage_cache: 1MiB\nprefix_cache: much\n"
    file = write("small.yaml", text)
    done = run_here("run", suite, "-a", file)
    assert done.code == 2
    assert f"{file}:5:" in done.err.replace("\n", "")
    file = write("alone.yaml", f"adapter: small\ntype: onnx\nmodel: {MODEL}\nprefix_cache: 1MiB\n")
    done = run_here("adapters", "check", file)
    assert done.code == 2
    assert f"{file}:4:" in done.err.replace("\n", "")
    assert "image_cache: 256MiB" in done.err.replace("\n", " ")
