"""Three ONNX files of other families answer what plain `transformers` does with the checkpoint that they come from."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import DynamicCache

from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.adapters.onnx_vlm import OnnxVlmAdapter, OnnxVlmConfig
from harness.errors import AdapterError, ConfigError
from harness.quantise.cached import hold_in_bytes
from harness.testing.adapters import check_adapter
from harness.types import Request, Status
from tests.adapters.families import WIDTH, Built
from tests.adapters.family_law import NONE, ONE, TWO, ask, picture, plainly

FAMILIES = ("llava", "idefics3", "internvl")


class Sees(torch.nn.Module):
    """A checkpoint's way from pixels to embeddings."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model.model

    def forward(self, *inputs: Any) -> Any:
        config = self.model.config
        if config.model_type == "llava":  # its own method parts the images, and a trace would keep their number
            seen = self.model.vision_tower(*inputs, output_hidden_states=True).hidden_states
            return self.model.multi_modal_projector(seen[config.vision_feature_layer][:, 1:])
        if config.model_type == "idefics3":  # its own method drops empty pictures in a way that cannot be exported
            pixels, mask = inputs
            shown = (pixels * mask.unsqueeze(2)).flatten(0, 1)
            tower = self.model.vision_model
            patches = tower.embeddings.patch_embedding(shown).flatten(2).transpose(1, 2)
            placed = patches + tower.embeddings.position_embedding.weight
            return self.model.connector(tower.post_layernorm(tower.encoder(inputs_embeds=placed).last_hidden_state))
        return self.model.get_image_features(*inputs, return_dict=True).pooler_output


class Decodes(torch.nn.Module):
    """A checkpoint's language model, its cache as plain tensors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        inner = model.model
        self.language = getattr(inner, "language_model", None) or inner.text_model
        self.head = model.lm_head

    def forward(self, embeddings: Any, mask: Any, positions: Any, *past: Any) -> Any:
        cache: Any = DynamicCache(config=self.language.config)
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        hidden = self.language(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        return (self.head(hidden), *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def export(built: Built) -> None:
    """Write the three files beside the checkpoint."""
    folder = built.folder / "onnx"
    folder.mkdir()
    inputs = built.family.plain(built.processor, "?", [picture(1)])
    pixels = {name: inputs[name] for name in ("pixel_values", "pixel_attention_mask") if name in inputs}
    if "pixel_attention_mask" in pixels:
        pixels["pixel_attention_mask"] = pixels["pixel_attention_mask"].bool()
    config = built.model.config.text_config
    past = [f"past_key_values.{i}.{part}" for i in range(config.num_hidden_layers) for part in ("key", "value")]
    shape = (2, config.num_key_value_heads, 5, WIDTH // config.num_attention_heads)
    new, total, held = {0: "batch_size", 1: "new"}, {0: "batch_size", 1: "total"}, {0: "batch_size", 2: "past"}
    decoder = {"inputs_embeds": new, "attention_mask": total, "position_ids": new, **dict.fromkeys(past, held)}
    many = {1: "images"} if "pixel_attention_mask" in pixels else {0: "images"}
    _write(folder / "vision_encoder.onnx", Sees(built.model), tuple(pixels.values()), dict.fromkeys(pixels, many))
    ids = torch.arange(14).reshape(2, 7)
    _write(folder / "embed_tokens.onnx", built.model.get_input_embeddings(), (ids,), {"input_ids": new})
    example = (
        torch.randn(2, 7, WIDTH), torch.ones(2, 12, dtype=torch.long), torch.arange(5, 12).expand(2, 7).clone(),
        *(torch.randn(shape) for _ in past),
    )  # fmt: skip
    names = ["logits", *(name.replace("past_key_values", "present") for name in past)]
    _write(folder / "decoder_model_merged.onnx", Decodes(built.model), example, decoder, names)


def _write(path: Path, module: Any, example: Any, inputs: dict[str, Any], outputs: list[str] | None = None) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), example, str(path), input_names=list(inputs), output_names=outputs or ["found"],
            dynamic_axes=inputs, dynamo=False, opset_version=18,
        )  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    made: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in made:
            made[name] = Built.of(name, tmp_path_factory.mktemp(name))
            export(made[name])
        return made[name]

    return build


def load(built: Built, **keys: object) -> OnnxVlmAdapter:
    config = OnnxVlmConfig.model_validate({"model": str(built.folder), **keys})
    return OnnxVlmAdapter.from_config(config, built.folder)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_by_one_and_in_a_batch_the_answers_are_those_of_plain_transformers(
    exported: Callable[[str], Built], name: str
) -> None:
    built = exported(name)
    adapter = load(built)
    requests = (*ONE, TWO, NONE)
    expected = [plainly(built, request) for request in requests]
    for responses in ([adapter.generate([one])[0] for one in requests], adapter.generate(requests)):
        assert [response.text for response in responses] == [one.text for one in expected]
        assert [response.tokens_in for response in responses] == [one.inputs["input_ids"].shape[1] for one in expected]
    assert len({one.text for one in expected}) > 2, "a model that says the same of everything shows nothing"


@pytest.mark.parametrize("name", FAMILIES)
def test_beginnings_that_are_read_once_change_no_answer(exported: Callable[[str], Built], name: str) -> None:
    built = exported(name)
    adapter, plain = load(built, prefix_cache="1MiB"), load(built)
    requests = (*ONE, TWO, NONE, *(replace(ONE[1], prompt=f"Is there a {word}?") for word in ("dog", "red square")))
    expected = [response.text for response in plain.generate(requests)]
    for _ in range(2):  # what was read before serves as well
        assert [response.text for response in adapter.generate(requests)] == expected
        assert [adapter.generate([one])[0].text for one in requests] == expected
    assert adapter._beginnings is not None
    assert len(adapter._beginnings) == len({one.images[0].tobytes() for one in requests if one.images})
    assert adapter.fingerprint() not in (plain.fingerprint(), load(built, prefix_cache=0, image_cache=1).fingerprint())
    adapter.close()
    with pytest.raises(ConfigError, match="needs `image_cache`"):
        load(built, prefix_cache="1MiB", image_cache=0)


def test_a_decoder_whose_past_is_bytes_is_run_too(exported: Callable[[str], Built]) -> None:
    built = exported("llava")
    graph = built.folder / "onnx" / "decoder_model_merged.onnx"
    hold_in_bytes(graph, graph.with_name("decoder_model_merged_kv8.onnx"))
    responses = load(built, suffixes={"decoder_model_merged": "_kv8"}).generate(ONE)
    assert [response.status for response in responses] == [Status.OK] * len(ONE)
    # The first token is said before anything is read back.
    told = [[(one.text or "")[:1] for one in answers] for answers in (responses, load(built).generate(ONE))]
    assert told[0] == told[1]


def test_it_keeps_all_laws(exported: Callable[[str], Built], tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(f"adapter: tiny\ntype: onnx_vlm\nmodel: {exported('llava').folder}\n", encoding="utf-8")
    check_adapter(str(file))


def test_a_request_that_cannot_be_used_costs_only_itself(exported: Callable[[str], Built]) -> None:
    adapter = load(exported("llava"))
    bad = Request("bad", "what is <image> here?", (picture(1),))
    empty = Request("empty", "?", (Image.new("RGB", (0, 3)),))
    good, first, second = adapter.generate([ONE[0], bad, empty])
    assert good.status is Status.OK
    assert good.text == adapter.generate([ONE[0]])[0].text
    assert first.status is second.status is Status.ERROR
    assert "image token" in str(first.error)
    assert "no pixels" in str(second.error)


def test_the_system_prompt_and_the_processors_settings_reach_the_model(exported: Callable[[str], Built]) -> None:
    built = exported("llava")
    plain, told = load(built), load(built, system="Be brief.")
    assert told.generate(ONE[:1])[0].tokens_in > plain.generate(ONE[:1])[0].tokens_in  # type: ignore[operator]
    assert told.fingerprint() != plain.fingerprint()
    with pytest.raises(ConfigError, match="no setting `rescale`"):
        load(built, processor={"rescale": 1})


def test_a_folder_of_another_kind_is_named(exported: Callable[[str], Built], tmp_path: Path) -> None:
    built = exported("llava")
    with pytest.raises(AdapterError, match="holds a llava: use `type: onnx_vlm`"):
        OnnxAdapter.from_config(OnnxConfig(model=str(built.folder)), built.folder)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    (tmp_path / "onnx").mkdir()
    for file in (built.folder / "onnx").iterdir():
        (tmp_path / "onnx" / file.name).write_bytes(file.read_bytes())
    for kind, said in (("qwen2_vl", "use `type: onnx`"), ("paligemma", "attention within its images goes both ways")):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
        with pytest.raises(AdapterError, match=said):
            OnnxVlmAdapter.from_config(OnnxVlmConfig(model=str(tmp_path)), tmp_path)


def test_a_decoder_in_another_layout_is_refused_with_what_it_takes(
    exported: Callable[[str], Built], tmp_path: Path
) -> None:
    built = exported("llava")
    for file in built.folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "onnx").mkdir()
    for name in ("vision_encoder", "embed_tokens"):
        (tmp_path / "onnx" / f"{name}.onnx").write_bytes((built.folder / "onnx" / f"{name}.onnx").read_bytes())
    other = (built.folder / "onnx" / "embed_tokens.onnx").read_bytes()
    (tmp_path / "onnx" / "decoder_model_merged.onnx").write_bytes(other)
    with pytest.raises(AdapterError, match=r"decoder_model_merged\.onnx takes input_ids and 0 tensors of a cache"):
        OnnxVlmAdapter.from_config(OnnxVlmConfig(model=str(tmp_path)), tmp_path)


def test_an_encoder_that_gives_too_few_embeddings_fails_the_sample_aloud(exported: Callable[[str], Built]) -> None:
    built = exported("internvl")
    adapter = load(built, processor={"image_seq_length": 5})
    (response,) = adapter.generate([ask("one", "Red?", picture(1))])
    assert response.status is Status.ERROR
    assert "places for them" in str(response.error)
