"""Pictures that the vision tower has seen before: the same bits, whoever shares the batch and whatever is kept."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

import harness
from harness.adapters._pictures import PictureCache, picture_key
from harness.adapters._torch.config import TorchConfig
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.adapters.qwen2_vl import Qwen2VLAdapter, Qwen2VLConfig
from harness.adapters.transformers import TransformersAdapter
from harness.errors import AdapterError
from harness.images import decode
from harness.report.lineage import lineage
from harness.types import Generation, Request, Response, Status
from tests.adapters.families import Built

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
ONE_PICTURE = 8_000
"""Bytes: more than any of these pictures takes, less than two of the larger ones."""
SIDES = ((28, 28), (84, 56), (56, 84), (140, 112), (112, 140))
QUESTIONS = ("What is the value of A?", "Which is the tallest?", "How many?")


def load(**keys: object) -> Qwen2VLAdapter:
    config = Qwen2VLConfig.model_validate({"model": str(MODEL), "threads": 1, "min_pixels": 784, **keys})
    return Qwen2VLAdapter.from_config(config, ROOT)


def picture(number: int) -> Image.Image:
    width, height = SIDES[number]
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def question(number: int, *pictures: Image.Image) -> Request:
    return Request(str(number), QUESTIONS[number % 3], pictures, generation=Generation(4))


@pytest.fixture(scope="module")
def kinds() -> Iterator[dict[str, Qwen2VLAdapter]]:
    """The same model, which keeps much, one picture at a time, and nothing."""
    loaded = {name: load(image_cache=most) for name, most in (("much", "64MiB"), ("one", ONE_PICTURE), ("none", 1))}
    yield loaded
    for one in loaded.values():
        one.close()


def export(**keys: object) -> OnnxAdapter:
    return OnnxAdapter.from_config(OnnxConfig.model_validate({"model": str(MODEL), "min_pixels": 784, **keys}), ROOT)


@pytest.fixture(scope="module")
def exports() -> dict[str, OnnxAdapter]:
    return {name: export(image_cache=most) for name, most in (("much", "64MiB"), ("one", ONE_PICTURE), ("none", 1))}


def told(responses: list[Response]) -> list[tuple[str | None, Status, str | None, int | None]]:
    return [(one.text, one.status, one.error, one.image_tokens) for one in responses]


def first_scores(adapter: Qwen2VLAdapter, requests: list[Request]) -> list[bytes]:
    """Return the bits of what the decoder is given of each prompt's pictures, and of how likely it finds answers."""
    return [np.array(adapter.score_text(one, ["1", "yes", "A"])).tobytes() for one in requests]


grouped = st.lists(
    st.tuples(st.lists(st.integers(0, len(SIDES) - 1), max_size=2), st.integers(0, 2)), min_size=1, max_size=9
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=grouped, size=st.integers(1, 5))
def test_answers_and_likelihoods_are_the_same_bits_whatever_is_kept(
    kinds: dict[str, Qwen2VLAdapter], asked: list[tuple[list[int], int]], size: int
) -> None:
    requests = [question(number, *map(picture, shown)) for shown, number in asked]
    found = {}
    for name, adapter in kinds.items():
        batches = [adapter.generate(requests[start : start + size]) for start in range(0, len(requests), size)]
        found[name] = told([one for batch in batches for one in batch]), first_scores(adapter, requests[:3])
    assert found["much"] == found["one"] == found["none"]
    alone = [response for request in reversed(requests) for response in kinds["much"].generate([request])]
    assert told(alone[::-1]) == found["none"][0]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shown=st.lists(st.integers(0, len(SIDES) - 1), min_size=1, max_size=6))
def test_what_the_decoder_is_given_hangs_on_the_picture_alone(
    kinds: dict[str, Qwen2VLAdapter], shown: list[int]
) -> None:
    embedded = {name: adapter.embed([picture(one) for one in shown]) for name, adapter in kinds.items()}
    alone = np.concatenate([kinds["much"].embed([picture(one)]) for one in shown])
    assert all(one.tobytes() == alone.tobytes() for one in embedded.values())


def test_answers_are_those_without_the_key(kinds: dict[str, Qwen2VLAdapter]) -> None:
    plain = load()
    requests = [question(number, picture(number % 5)) for number in range(15)]
    without = plain.generate(requests)
    assert told(without) == told(kinds["much"].generate(requests))
    assert {one.images_reused for one in without} == {None}
    plain.close()


def test_a_response_says_which_of_its_images_were_seen_before() -> None:
    adapter = load(image_cache="1MiB")
    one, two = picture(0), picture(3)
    batch = [question(0, one), question(1, one.copy(), two), question(2), question(3, two, two)]
    assert [response.images_reused for response in adapter.generate(batch)] == [0, 1, 0, 2]
    again = adapter.generate(batch)
    assert [response.images_reused for response in again] == [1, 2, 0, 2]
    assert "vision" not in again[0].seconds
    adapter.close()
    assert adapter._tower is not None
    assert len(adapter._tower._cache) == 0


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=grouped, size=st.integers(1, 5))
def test_the_onnx_export_is_given_the_same_bits_whatever_is_kept(
    exports: dict[str, OnnxAdapter], asked: list[tuple[list[int], int]], size: int
) -> None:
    requests = [question(number, *map(picture, shown)) for shown, number in asked]
    found = {}
    for name, adapter in exports.items():
        batches = [adapter.generate(requests[start : start + size]) for start in range(0, len(requests), size)]
        logits = [adapter.trace(one).logits for one in requests[:2]]
        found[name] = told([one for batch in batches for one in batch]), [np.asarray(one).tobytes() for one in logits]
    assert found["much"] == found["one"] == found["none"]
    alone = [response for request in reversed(requests) for response in exports["much"].generate([request])]
    assert told(alone[::-1]) == found["none"][0]


def test_the_onnx_export_answers_as_without_the_key_and_says_what_it_saw_before() -> None:
    plain, keeps = export(), export(image_cache="1MiB")
    thin = question(9, Image.new("RGB", (2000, 5)), picture(4))
    requests = [*(question(number, picture(number % 3)) for number in range(6)), thin, question(1, picture(4))]
    found = keeps.generate(requests)
    assert told(plain.generate(requests)) == told(found) == told(keeps.generate(requests))
    assert [one.images_reused for one in found] == [0, 0, 0, 1, 1, 1, None, 0]
    assert [one.images_reused for one in keeps.generate(requests[:2])] == [1, 1]
    assert keeps.trace(requests[0]).response.text == found[0].text
    assert plain.fingerprint() == export(image_cache=0).fingerprint() != keeps.fingerprint()
    assert keeps.fingerprint() == export(image_cache="1GiB").fingerprint()


def test_what_is_kept_stays_within_its_bound_and_the_oldest_goes_first() -> None:
    adapter = load(image_cache=ONE_PICTURE)
    assert adapter._tower is not None
    kept = adapter._tower._cache
    for number in (3, 4, 3, 4):
        assert adapter.generate([question(0, picture(number))])[0].images_reused == 0
        assert 0 < kept.held <= ONE_PICTURE
    assert [adapter.generate([question(0, picture(4))])[0].images_reused for _ in range(2)] == [1, 1]
    adapter.close()


def test_a_picture_that_is_refused_costs_itself_alone(kinds: dict[str, Qwen2VLAdapter]) -> None:
    thin, broken = Image.new("RGB", (2000, 5)), Image.new("I;16", (20, 20))
    batch = [question(0, picture(1)), question(1, thin), question(2, broken), question(0, picture(1))]
    for adapter in kinds.values():
        found = adapter.generate(batch)
        assert [one.status for one in found] == [Status.OK, Status.ERROR, *[found[2].status], Status.OK]
        assert "aspect ratio" in str(found[1].error)
        assert found[0].text == found[3].text == adapter.generate(batch[:1])[0].text


def test_equal_files_that_are_shown_otherwise_are_other_pictures() -> None:
    clean = picture(3)
    noisy = Image.fromarray(np.asarray(clean) ^ np.uint8(1))
    turned = Image.frombytes("RGB", (112, 140), clean.tobytes())
    assert len({picture_key(one) for one in (clean, noisy, turned)}) == 3
    adapter, fresh = load(image_cache="1MiB"), load(image_cache=1)
    for one in (clean, noisy, turned):
        request = question(0, one)
        (response,) = adapter.generate([request])
        assert response.images_reused == 0
        assert adapter.score_text(request, ["1", "2"]) == fresh.score_text(request, ["1", "2"])
    adapter.close()
    fresh.close()


def test_a_file_that_is_edited_between_two_questions_is_another_picture(tmp_path: Path) -> None:
    file, adapter = tmp_path / "a.bmp", load(image_cache="1MiB")
    picture(3).save(file)
    before = file.stat()
    assert adapter.generate([question(0, decode(file, "a"))])[0].images_reused == 0
    Image.fromarray(255 - np.asarray(picture(3))).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert adapter.generate([question(0, decode(file, "a"))])[0].images_reused == 0
    adapter.close()


def test_gradients_and_traces_see_every_pixel(kinds: dict[str, Qwen2VLAdapter]) -> None:
    adapter, request = kinds["much"], question(0, picture(3))
    first = adapter.generate([request])[0]
    trace = adapter.trace(request, [question(1, picture(3))])
    assert trace.response.text == first.text
    assert trace.pixels is not None
    assert trace.pixels[0].values.shape == (80, 1176)
    (gradient,) = adapter.image_gradient([request])
    assert gradient.shape == (112, 140, 3)
    assert np.abs(gradient).sum() > 0


def test_with_beams_each_batch_is_shown_whole() -> None:
    found = []
    for keys in ({}, {"image_cache": "1MiB"}):
        adapter = load(generation={"num_beams": 2}, **keys)
        found += [[one.text for one in adapter.generate([question(0, picture(3))] * 2)] for _ in range(2)]
        adapter.close()
    assert found[0] == found[1] == found[2] == found[3]


def test_memory_that_runs_out_halves_the_batch_and_loses_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = load(image_cache="1MiB")
    requests = [question(number, picture(3)) for number in range(4)]
    wanted = [response.text for request in requests for response in adapter.generate([request])]
    model, whole = adapter._open.model, adapter._open.model.generate

    def generate(**batch: object) -> object:
        if len(batch["input_ids"]) > 1:  # type: ignore[arg-type]
            raise torch.OutOfMemoryError("out of memory")
        return whole(**batch)

    monkeypatch.setattr(model, "generate", generate)
    assert [response.text for response in adapter.generate(requests)] == wanted
    adapter.close()


def test_how_much_is_kept_does_not_count_in_the_fingerprint_and_that_something_is_does() -> None:
    prints = {}
    for most in (None, 0, 1, "1MiB"):
        adapter = load(**({} if most is None else {"image_cache": most}))
        prints[most] = adapter.fingerprint()
        adapter.close()
    assert prints[None] == prints[0] != prints[1] == prints["1MiB"]


@pytest.mark.parametrize("said", ["256 megabytes", "-1MiB", -1, 1.5, "1e3MiB", "MiB"])
def test_a_size_that_is_none_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        Qwen2VLConfig.model_validate({"model": "m", "image_cache": said})


@pytest.mark.parametrize(
    ("said", "bytes_"), [("256MiB", 1 << 28), ("2 GiB", 1 << 31), ("7B", 7), (5, 5), ("1KiB", 1024)]
)
def test_a_size_is_said_with_its_unit_or_in_bytes(said: object, bytes_: int) -> None:
    assert Qwen2VLConfig.model_validate({"model": "m", "image_cache": said}).image_cache == bytes_


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_other_families_that_read_patches_answer_the_same(name: str, tmp_path: Path) -> None:
    built = Built.of(name, tmp_path / name)
    found = []
    for most in (0, "1MiB"):
        config = TorchConfig.model_validate({"model": str(built.folder), "image_cache": most})
        adapter = TransformersAdapter.from_config(config, tmp_path)
        requests = [replace(question(number, picture(number % 2)), system=None) for number in range(4)]
        found += [adapter.generate(requests), adapter.generate(requests)]
        adapter.close()
    assert told(found[0]) == told(found[1]) == told(found[2]) == told(found[3])
    assert [one.images_reused for one in found[2]] == [0, 0, 1, 1]
    assert [one.images_reused for one in found[3]] == [1, 1, 1, 1]


def test_a_family_that_cannot_be_asked_so_is_refused(tmp_path: Path) -> None:
    built = Built.of("llava", tmp_path / "llava")
    config = TorchConfig.model_validate({"model": str(built.folder), "image_cache": "1MiB"})
    with pytest.raises(AdapterError, match=r"one picture at a time .* this is a llava; leave it out"):
        TransformersAdapter.from_config(config, tmp_path)


def test_a_run_says_how_many_pictures_were_seen_before_in_all_its_sessions(tmp_path: Path) -> None:
    for number in range(2):
        picture(number).save(tmp_path / f"{number}.png")
    rows = [{"id": str(i), "question": QUESTIONS[i % 3], "answer": "1", "image": f"{i // 5}.png"} for i in range(10)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "s.yaml").write_text(
        "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        "tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match], max_new_tokens: 2}}\n"
    )
    answers = {}
    for name, keys in (("off", ""), ("on", "image_cache: 1MiB\n")):
        adapter = f"adapter: {name}\ntype: qwen2_vl\nmodel: {MODEL}\nthreads: 1\nbatch_size: 4\n{keys}"
        (tmp_path / f"{name}.yaml").write_text(adapter)
        run = harness.run(tmp_path / "s.yaml", tmp_path / f"{name}.yaml", out=tmp_path / name)
        answers[name] = run.samples()["response"].tolist()
        record = run.record
        told_of = record.pictures
        if name == "off":
            assert told_of is None
            assert "pictures" not in lineage(record)
        else:
            assert told_of is not None
            assert (told_of.shown, told_of.reused) == (10, 8)
            assert lineage(record)["pictures"] == "10 shown, 8 of them (80%) seen before and not looked at again"
    assert answers["off"] == answers["on"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=40), st.integers(0, 20))
def test_the_cache_gives_what_was_put_and_holds_no_more_than_it_may(puts: list[tuple[int, int]], most: int) -> None:
    cache: PictureCache[bytes] = PictureCache(most, len)
    latest: dict[int, bytes] = {}
    for key, size in puts:
        name = bytes([key])
        if cache.get(name) is None:
            latest[key] = bytes(size)
            cache.put(name, latest[key])
        assert cache.held <= most
        assert cache.get(name) in (None, latest[key])
        assert (cache.get(name) is None) == (len(latest[key]) > most)
    cache.clear()
    assert (cache.held, len(cache)) == (0, 0)
