"""One tiny checkpoint of every family, held to what a plain script of `transformers` asks and answers."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from harness.errors import AdapterError, ConfigError
from harness.record import Run
from harness.testing.adapters import LAWS, Finding, Subject, examine
from harness.types import Finish, Generation, Request, Status
from tests.adapters import family_law as law
from tests.adapters.families import FAMILIES, Built

# PaliGemma's processor makes arrays of tensors in a way that NumPy would rather not see.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

LONG = os.environ.get("HARNESS_LONG") == "1"
TRIED = [name for name, family in FAMILIES.items() if family.core or LONG]


@pytest.fixture
def edited(built: Callable[[str], Built], tmp_path: Path) -> Callable[..., Built]:
    """A checkpoint with other generation settings of its own."""

    def edit(name: str, **settings: Any) -> Built:
        one = built(name)
        folder = Path(shutil.copytree(one.folder, tmp_path / name))
        file = folder / "generation_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
        return replace(one, folder=folder)

    return edit


@pytest.mark.parametrize("name", TRIED)
def test_a_familys_tokens_pixels_and_answers_are_those_of_a_plain_script(
    built: Callable[[str], Built], name: str
) -> None:
    if lacking := FAMILIES[name].lacking():
        pytest.skip(f"needs {lacking}")
    row = law.measure(name, built(name))
    assert (row["loads"], row["equal"], row["in batches"]) == ("yes", "yes", "yes")
    assert all(said == "yes" or said.startswith("refused: ") for said in row.values())
    told = law.documented(name)
    assert law.line(name, told | row) == law.line(name, told)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="needs bitsandbytes")
@pytest.mark.parametrize("name", TRIED if LONG else ["git"])
def test_weights_in_few_bits_answer_as_in_a_plain_script(tmp_path: Path, name: str) -> None:
    if lacking := FAMILIES[name].lacking():
        pytest.skip(f"needs {lacking}")
    row = law.quantised(name, tmp_path)
    assert row == {column: law.documented(name)[column] for column in law.QUANTISED}
    assert set(row.values()) <= {"yes", "no", law.NOT_TRIED}


def test_a_checkpoint_that_is_quantised_is_not_quantised_again_and_no_lora_is_merged_into_it(
    built: Callable[[str], Built], tmp_path: Path
) -> None:
    copy = replace(built("git"), folder=Path(shutil.copytree(built("git").folder, tmp_path / "few")))
    file = copy.folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(AdapterError, match=r"quantised already \(gptq\); leave `load_in_4bit` out"):
        law.load(copy, load_in_4bit=True)
    with pytest.raises(AdapterError, match="`merge` would round the LoRA"):
        law.load(copy, lora="../lora", merge=True)


@pytest.mark.parametrize("name", ["llava", "gemma3", "paligemma", "florence2", "blip_2"])
def test_a_checkpoint_of_any_family_answers_by_its_folder_alone(
    built: Callable[[str], Built],
    name: str,
    run_here: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = built(name)
    law.ONE[0].images[0].save(tmp_path / "1.png")
    row = {"image": "1.png", "question": "Red?", "answer": "yes"}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n")
    done = run_here("run", "--data", tmp_path / "q.jsonl", "-a", one.folder, "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    (answer,) = Run(folder).table().to_pylist()
    monkeypatch.setattr(law, "LIMIT", json.loads(answer["sent"])["max_new_tokens"])
    assert answer["response"] == law.plainly(one, replace(law.ONE[0], prompt=answer["prompt"])).text


@pytest.mark.parametrize("name", ["llava_next", "donut", "vilt", "pix2struct"])
def test_what_a_family_shows_is_the_way_of_its_answer(built: Callable[[str], Built], name: str) -> None:
    adapter = law.load(built(name))
    others = [law_name for law_name in LAWS if law_name != "trace"]
    assert examine(Subject(name, adapter), without=others) == [Finding("trace", "kept")]
    trace = adapter.trace(Request("1", "What is it?", (Image.new("RGB", (60, 40), "teal"),), generation=Generation(2)))
    assert trace.logits is not None
    assert trace.pixels is not None
    assert [image.picture() is None for image in trace.pixels] == [name == "pix2struct"] * len(trace.pixels)


@pytest.mark.parametrize(
    "settings",
    [
        {"suppress_tokens": list(range(4, 200))},
        {"bad_words_ids": [[token] for token in range(4, 200)]},
        {"no_repeat_ngram_size": 1},
        {"stop_strings": ["a", "e"]},
        {"num_beams": 3, "do_sample": True, "temperature": 2.0},
    ],
    ids=lambda settings: str(next(iter(settings))),
)
def test_settings_of_the_checkpoint_change_no_answer_and_those_of_the_file_do(
    edited: Callable[..., Built], built: Callable[[str], Built], settings: dict[str, Any]
) -> None:
    expected = law.load(built("gemma3")).generate(law.ONE)
    found = law.load(edited("gemma3", **settings)).generate(law.ONE)
    assert [response.text for response in found] == [response.text for response in expected]
    if "do_sample" not in settings and "stop_strings" not in settings:
        asked = law.load(built("gemma3"), generation=settings).generate(law.ONE)
        assert [response.text for response in asked] != [response.text for response in expected]


def test_stop_strings_of_the_file_end_each_answer_of_a_batch_by_itself(built: Callable[[str], Built]) -> None:
    whole = [response.text or "" for response in law.load(built("llava")).generate(law.ONE)]
    stop = next(sign for text in whole for sign in text[1:-1] if sign.isascii() and sign.isalnum())
    stopped = law.load(built("llava"), generation={"stop_strings": [stop]}).generate(law.ONE)
    assert [response.text for response in stopped] == [
        f"{a}{b}" for a, b, _ in (text.partition(stop) for text in whole)
    ]
    assert [response.finish for response in stopped] == [
        Finish.UNKNOWN if stop in text[:-1] else Finish.LENGTH for text in whole
    ]


def test_beams_answer_each_request_at_its_own_limit(built: Callable[[str], Built]) -> None:
    beams = law.load(built("florence2"), generation={"num_beams": 3})
    requests = [replace(law.ONE[0], generation=Generation(limit)) for limit in (2, 6)]
    assert [r.text for r in beams.generate(requests)] == [beams.generate([request])[0].text for request in requests]


def test_generation_settings_that_there_are_not_are_refused_by_name(built: Callable[[str], Built]) -> None:
    with pytest.raises(ConfigError, match="no `num_beam`") as caught:
        law.load(built("gemma3"), generation={"num_beam": 2})
    assert caught.value.issues[0].path == ("generation", "num_beam")
    with pytest.raises(ConfigError, match="`max_new_tokens` is not this file's to set"):
        law.load(built("gemma3"), generation={"max_new_tokens": 2})
    with pytest.raises(ConfigError, match="refuses these settings: `early_stopping` must be"):
        law.load(built("gemma3"), generation={"early_stopping": "what"})


def test_settings_of_a_processor_arrive_and_others_are_refused(built: Callable[[str], Built]) -> None:
    smaller = law.load(built("llava"), processor={"image_mean": [0.0, 0.0, 0.0], "num_additional_image_tokens": 2})
    processor = smaller._encoder.processor
    assert (list(processor.image_processor.image_mean), processor.num_additional_image_tokens) == ([0.0] * 3, 2)
    with pytest.raises(ConfigError, match="has no setting `image_men`") as caught:
        law.load(built("llava"), processor={"image_men": [0]})
    assert caught.value.issues[0].path == ("processor", "image_men")


def test_without_torchvision_a_processor_keeps_the_keys_of_its_configuration(built: Callable[[str], Built]) -> None:
    processor = law.load(built("internvl"))._encoder.processor
    assert processor.image_seq_length == 4


def test_a_format_of_the_file_stands_in_for_the_familys(built: Callable[[str], Built]) -> None:
    asked = law.load(built("blip_2"), prompt_format="Q: {prompt} A:")
    assert asked._encoder.render(law.ONE[0]) == "Q: Red? A:"
    with pytest.raises(ConfigError, match=r"there is no place \{question\}"):
        law.load(built("blip_2"), prompt_format="{question}")
    (refused,) = asked.generate([replace(law.ONE[0], system="Be brief.")])
    assert refused.status is Status.ERROR
    assert "no place for a system prompt" in (refused.error or "")


def test_a_model_without_template_or_known_format_says_what_to_write(
    built: Callable[[str], Built], tmp_path: Path
) -> None:
    copy = replace(built("llava"), folder=Path(shutil.copytree(built("llava").folder, tmp_path / "copy")))
    (copy.folder / "chat_template.jinja").unlink()
    with pytest.raises(AdapterError, match="no known format for its LlavaProcessor; say how it is asked"):
        law.load(copy)
    form = "user: {image}{prompt}assistant:"
    one, other = (
        adapter.generate(law.ONE) for adapter in (law.load(copy, prompt_format=form), law.load(built("llava")))
    )
    assert [response.text for response in one] == [response.text for response in other]


def test_a_donut_of_another_task_is_not_asked_as_one_that_answers_questions(
    built: Callable[[str], Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.adapters._torch import formats

    monkeypatch.setitem(formats.KNOWN, "DonutProcessor", "<s_receipt>{prompt}")
    with pytest.raises(AdapterError, match="knows no token <s_receipt>"):
        law.load(built("donut"))


def test_code_of_its_own_is_found_by_what_it_entered_itself_under(
    built: Callable[[str], Built], tmp_path: Path
) -> None:
    copy = replace(built("llava"), folder=Path(shutil.copytree(built("llava").folder, tmp_path / "own")))
    file = copy.folder / "config.json"
    weights = {name: value.clone() for name, value in built("llava").model.state_dict().items()}
    save_file(weights, copy.folder / "model.safetensors", {"format": "pt"})
    entered = {"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}, "model_type": "own"}
    file.write_text(json.dumps({**json.loads(file.read_text()), **entered}))
    (copy.folder / "own.py").write_text(
        "from transformers import LlavaConfig, LlavaForConditionalGeneration\n"
        "class OwnConfig(LlavaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlavaForConditionalGeneration):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(AdapterError, match=r"code of its own \(AutoModelForCausalLM\); read that code"):
        law.load(copy)
    own, plain = (
        adapter.generate(law.ONE) for adapter in (law.load(copy, trust_remote_code=True), law.load(built("llava")))
    )
    assert [response.text for response in own] == [response.text for response in plain]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's use of `transformers`
@pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning")
@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="needs bitsandbytes")
@pytest.mark.parametrize("name", ["idefics2", "qwen2_5_vl"])
def test_a_lora_beside_weights_of_four_bits_answers_as_in_a_plain_script(tmp_path: Path, name: str) -> None:
    one = Built.of(name, tmp_path / name, width=64)  # its kernels want blocks of that many
    plain = AutoModelForImageTextToText.from_pretrained(one.folder)
    tuned = get_peft_model(plain, LoraConfig(target_modules=["q_proj", "v_proj"], r=4, init_lora_weights=False))
    tuned.peft_config["default"].base_model_name_or_path = one.folder.name
    tuned.save_pretrained(tmp_path / "lora")
    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    quantised = AutoModelForImageTextToText.from_pretrained(
        one.folder, quantization_config=four, device_map={"": "cpu"}
    )
    script = replace(one, model=PeftModel.from_pretrained(quantised, tmp_path / "lora").eval())
    adapter = law.load(one, load_in_4bit=True, lora=str(tmp_path / "lora"))
    assert law.differences(script, adapter, law.ONE) == []
    assert [r.text for r in adapter.generate(law.ONE)] != [r.text for r in law.load(one).generate(law.ONE)]
