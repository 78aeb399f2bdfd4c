"""Models that see and write nothing: classifiers, and those that compare images with texts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
import yaml
from tokenizers.processors import TemplateProcessing

from harness.adapters.classifier import Classifier
from harness.adapters.contrastive import Contrastive
from harness.errors import AdapterError, ConfigError
from harness.testing.adapters import Subject, check_adapter
from harness.types import Adapter, Request, Status
from tests.adapters.families import SIDE, WIDTH, square, tokens, tower
from tests.adapters.family_law import picture

NAMES = dict(enumerate(("a cat", "a dog", "a very small elephant")))
IMAGES = [picture(seed, size) for seed, size in ((1, (40, 30)), (2, (28, 28)), (3, (90, 31)))]


def vit() -> tuple[Any, Any]:
    return hf.ViTForImageClassification(tower(hf.ViTConfig, id2label=NAMES)), square(hf.ViTImageProcessorPil)


def resnet() -> tuple[Any, Any]:
    config = hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], id2label=NAMES)
    return hf.ResNetForImageClassification(config), hf.ConvNextImageProcessorPil(size={"shortest_edge": SIDE})


def dinov2() -> tuple[Any, Any]:
    config = tower(hf.Dinov2Config, id2label=NAMES, mlp_ratio=1)
    return hf.Dinov2ForImageClassification(config), square(hf.BitImageProcessorPil, crop_size=SIDE)


def words(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1,
        "eos_token_id": 2,
    }  # fmt: skip


def clip() -> tuple[Any, Any]:
    tokenizer = tokens("<end>")
    end = len(tokenizer) - 1  # CLIP reads a text's features off the token with the highest number
    tokenizer._tokenizer.post_processor = TemplateProcessing(single="$A <end>", special_tokens=[("<end>", end)])
    config = hf.CLIPConfig(
        text_config={**words(tokenizer), "projection_dim": WIDTH},
        vision_config=tower(projection_dim=WIDTH).to_dict(),
        projection_dim=WIDTH,
    )
    return hf.CLIPModel(config), hf.CLIPProcessor(square(hf.CLIPImageProcessorPil, do_center_crop=False), tokenizer)


def siglip() -> tuple[Any, Any]:
    tokenizer = tokens(eos=True)
    tokenizer.model_input_names = ["input_ids"]
    config = hf.SiglipConfig(
        text_config={**words(tokenizer), "projection_size": WIDTH}, vision_config=tower(hf.SiglipVisionConfig).to_dict()
    )
    return hf.SiglipModel(config), hf.SiglipProcessor(square(hf.SiglipImageProcessorPil), tokenizer)


CLASSIFIERS = {"vit": vit, "resnet": resnet, "dinov2": dinov2}
COMPARING = {"clip": clip, "siglip": siglip}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any, Any]]:
    made: dict[str, tuple[Path, Any, Any]] = {}

    def save(name: str) -> tuple[Path, Any, Any]:
        if name not in made:
            torch.manual_seed(0)
            model, processor = (CLASSIFIERS | COMPARING)[name]()
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.dim() > 1:
                        parameter.normal_(std=0.3)
            folder = tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            processor.save_pretrained(folder)
            if name == "siglip":  # as published ones say
                file = folder / "tokenizer_config.json"
                file.write_text(json.dumps({**json.loads(file.read_text()), "model_input_names": ["input_ids"]}))
            made[name] = folder, model.eval(), processor
        return made[name]

    return save


def load(kind: type[Any], folder: Path, **keys: object) -> Any:
    return kind.from_config(kind.Config.model_validate({"model": str(folder), "threads": 1, **keys}), folder)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifiers_logits_are_those_of_a_plain_script_and_its_features_make_them(
    saved: Callable[[str], tuple[Path, Any, Any]], name: str
) -> None:
    folder, model, processor = saved(name)
    adapter = load(Classifier, folder, batch_size=2)
    with torch.inference_mode():
        expected = [model(**processor(images=image, return_tensors="pt")).logits[0].numpy() for image in IMAGES]
    assert adapter.classes == tuple(NAMES.values())
    assert np.allclose(adapter.classify(IMAGES), expected, atol=1e-5)
    features = torch.tensor(adapter.embed(IMAGES))
    head = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1]
    assert torch.allclose(head(features), torch.tensor(np.stack(expected)), atol=1e-5)
    answers = adapter.generate([Request(str(place), "?", (image,)) for place, image in enumerate(IMAGES)])
    assert [answer.text for answer in answers] == [NAMES[int(row.argmax())] for row in expected]


@pytest.mark.parametrize("name", COMPARING)
def test_classes_in_words_fit_images_as_in_a_plain_script(
    saved: Callable[[str], tuple[Path, Any, Any]], name: str
) -> None:
    folder, model, processor = saved(name)
    adapter = load(Contrastive, folder, classes=list(NAMES.values()), label_prompt="a photo of {label}", batch_size=2)
    said = [f"a photo of {label}" for label in NAMES.values()]
    # SigLIP is always given texts of its full length, as its model card says.
    padding = {"padding": "max_length", "max_length": 64} if name == "siglip" else {"padding": True}
    with torch.inference_mode():
        batch = processor(images=IMAGES, text=said, return_tensors="pt", **padding)
        plain = model(**batch)
    assert np.allclose(adapter.classify(IMAGES), plain.logits_per_image.numpy(), atol=1e-4)
    # The whole model gives back rows of length one.
    for ours, theirs in ((adapter.embed(IMAGES), plain.image_embeds), (adapter.embed_texts(said), plain.text_embeds)):
        assert np.allclose(ours / np.linalg.norm(ours, axis=1, keepdims=True), theirs.numpy(), atol=1e-5)
    assert adapter.capabilities == {"classify", "embed", "embed_text", "generate"}
    assert load(Contrastive, folder).capabilities == {"embed", "embed_text"}


@pytest.mark.parametrize(("kind", "name"), [(Classifier, "vit"), (Contrastive, "clip")])
def test_every_law_is_kept(saved: Callable[[str], tuple[Path, Any, Any]], kind: type[Any], name: str) -> None:
    folder, _, _ = saved(name)
    keys: dict[str, Any] = {"classes": ["red", "blue"]} if kind is Contrastive else {}

    def changed(scratch: Path) -> Adapter:
        copy = Path(shutil.copytree(folder, scratch / "copy"))
        with (copy / "model.safetensors").open("r+b") as weights:
            weights.seek(-1, 2)
            weights.write(b"\x3c")
        return load(kind, copy, **keys)

    check_adapter(Subject(name, load(kind, folder, **keys), lambda: load(kind, folder, **keys), changed))


def test_what_is_no_such_model_or_no_such_setting_is_refused(saved: Callable[[str], tuple[Path, Any, Any]]) -> None:
    vit_folder, clip_folder = saved("vit")[0], saved("clip")[0]
    with pytest.raises(AdapterError, match="cannot be loaded as a AutoModelForZeroShotImageClassification"):
        load(Contrastive, vit_folder)
    with pytest.raises(ConfigError, match="no place for a class"):
        load(Contrastive, clip_folder, label_prompt="a photo")
    with pytest.raises(ConfigError, match="has no setting `mean`"):
        load(Classifier, vit_folder, processor={"mean": [0.0]})
    bare = load(Classifier, vit_folder, processor={"image_mean": [0.1, 0.2, 0.3]})
    assert list(bare._image_processor.image_mean) == [0.1, 0.2, 0.3]
    bare.close()
    with pytest.raises(AdapterError, match="closed"):
        bare.classify(IMAGES)
    unusable = load(Classifier, vit_folder).generate([Request("1", "?"), Request("2", "?", (IMAGES[0],))])
    assert [response.status for response in unusable] == [Status.ERROR, Status.OK]


def test_suites_for_images_run_on_a_torch_model_through_the_door(
    saved: Callable[[str], tuple[Path, Any, Any]],
    write: Callable[..., Path],
    run_here: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, _, _ = saved("vit")
    adapter = write("vit.yaml", yaml.safe_dump({"adapter": "vit", "type": "classifier", "model": str(folder)}))
    charts = {"type": "charts", "limit": 20}
    suite = write(
        "seen.yaml",
        yaml.safe_dump(
            {
                "suite": "seen",
                "version": 1,
                "datasets": {
                    "fit": {**charts, "split": "train", "seed": 101},
                    "calibrate": {**charts, "seed": 102},
                    "test": charts,
                    "far": {"type": "digits", "limit": 10},
                },
                "tasks": {
                    "ood": {
                        "kind": "ood", "fit": "fit", "calibrate": "calibrate", "test": "test", "far": ["far"],
                        "detectors": [{"detector": "knn", "k": 3}],
                    },
                    "name": {"kind": "qa", "dataset": "test", "metrics": ["exact_match"]},
                },
            }
        ),
    )  # fmt: skip
    done = run_here("run", suite, "--adapter", adapter)
    assert done.code == 0, done.out + done.err
    assert "20 of 20" in done.out or "auroc" in done.out
