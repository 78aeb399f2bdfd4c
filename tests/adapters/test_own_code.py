"""Models that bring their code and answer by a method of their own, asked by the recipes of the documentation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from harness.errors import AdapterError
from harness.suite.adapters import read_adapter
from harness.testing.adapters import check_adapter
from harness.types import Adapter, Generation, Request, Status
from tests.adapters.families import tokens
from tests.adapters.test_python_documentation import FILES

CODE = """\
import torch
from transformers import PretrainedConfig, PreTrainedModel

class OwnConfig(PretrainedConfig):
    model_type = "own"

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.mix = torch.nn.Linear(6, 256, bias=False)
        self.post_init()

    def _said(self, tokenizer, pixels, text, count):
        ids = tokenizer(text, return_tensors="pt").input_ids.float()
        seen = pixels.float().mean((0, 2, 3)) if pixels is not None else torch.zeros(3)
        told, state = [], torch.stack([ids.mean(), ids.std(), torch.tensor(float(ids.shape[1]))])
        for step in range(count):
            token = int(self.mix(torch.cat([seen + step, state / 100]).to(self.dtype)).argmax()) % 200 + 30
            told.append(token)
            state = state + token
        return tokenizer.decode(told)
"""
CHATS = {
    "minicpm": """
    def chat(self, image=None, msgs=None, tokenizer=None, processor=None, vision_hidden_states=None,
             max_new_tokens=2048, min_new_tokens=0, sampling=True, max_inp_length=8192, system_prompt="", **kwargs):
        assert image is None and not sampling and msgs[0]["role"] == "user"
        import numpy as np
        *images, text = msgs[0]["content"]
        assert all(one.mode == "RGB" for one in images)
        shown = [torch.from_numpy(np.asarray(one).copy()).permute(2, 0, 1).float().mean((1, 2)) / 64 for one in images]
        pixels = torch.stack(shown)[:, :, None, None] if shown else None
        return self._said(tokenizer, pixels, text, max_new_tokens)
""",
    "internvl2": """
    def chat(self, tokenizer, pixel_values, question, generation_config, history=None, return_history=False,
             num_patches_list=None, IMG_START_TOKEN="<img>", IMG_END_TOKEN="</img>", verbose=False):
        assert question.count("<image>") == len(num_patches_list) and not generation_config["do_sample"]
        assert pixel_values is None or len(pixel_values) == sum(num_patches_list)
        return self._said(tokenizer, pixel_values, question, generation_config["max_new_tokens"])
""",
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a checkpoint with code of its own, and beside it the files of the documentation; return its folder."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))

    def make(kind: str) -> Path:
        folder = tmp_path / kind
        folder.mkdir()
        tokens().save_pretrained(folder)
        told = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
        (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": told}))
        (folder / "own.py").write_text(CODE + CHATS[kind])
        generator = torch.Generator().manual_seed(0)
        save_file({"mix.weight": torch.randn(256, 6, generator=generator)}, folder / "model.safetensors",
                  {"format": "pt"})  # fmt: skip
        for name in ("minicpm.py", "internvl2.py"):
            (tmp_path / name).write_text(FILES[name])
        return folder

    return make


def adapter_of(folder: Path, **options: Any) -> Path:
    told = {"model": str(folder), "dtype": "float32", "trust_remote_code": True, **options}
    file = folder.parent / f"{folder.name}.yaml"
    weights = json.dumps(sorted(f"{folder.name}/{one.name}" for one in folder.iterdir()))
    target = f"target: {folder.name}.py:Model\nfiles: {weights}\noptions: {json.dumps(told)}\n"
    file.write_text(f"adapter: own\ntype: python\n{target}")
    return file


@pytest.mark.parametrize("kind", CHATS)
def test_a_recipe_asks_a_model_by_its_own_method(made: Callable[..., Path], kind: str) -> None:
    file = adapter_of(made(kind))
    adapter: Adapter = read_adapter(str(file)).load()
    shown = Image.new("RGB", (60, 30), "red"), Image.new("L", (30, 60), 90)
    asked = [Request(str(n), "Which?", shown[:n], generation=Generation(5)) for n in range(3)]
    answers = adapter.generate(asked)
    assert [answer.status for answer in answers] == [Status.OK] * 3, answers[0].error
    assert len({answer.text for answer in answers}) == 3
    adapter.close()


def test_a_recipe_keeps_the_laws(made: Callable[..., Path]) -> None:
    check_adapter(str(adapter_of(made("minicpm"))))


def test_code_that_was_not_declared_read_is_not_run(made: Callable[..., Path]) -> None:
    file = adapter_of(made("minicpm"), trust_remote_code=False)
    with pytest.raises(AdapterError, match="trust_remote_code"):
        read_adapter(str(file)).load()


def test_a_checkpoint_that_only_its_own_method_answers_is_refused_with_what_to_write(
    made: Callable[..., Path],
) -> None:
    folder = made("internvl2")
    file = folder.parent / "direct.yaml"
    file.write_text(f"adapter: direct\ntype: transformers\nmodel: {folder}\ntrust_remote_code: true\n")
    with pytest.raises(AdapterError, match=r"answers by `chat\(tokenizer, pixel_values, question, generation_config, "):
        read_adapter(str(file)).load()


def test_the_tiles_are_those_of_the_model_card(made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(made("internvl2").parent))
    space: dict[str, Any] = {}
    exec(compile(FILES["internvl2.py"], "internvl2.py", "exec"), space)  # noqa: S102 - the documentation's own
    # The card's rule: the nearest ratio of sides; of equal ones a larger grid where the picture has half its area.
    grids = {(448, 448): 1, (896, 448): 3, (100, 50): 3, (1344, 448): 4, (900, 900): 5, (2000, 2000): 10, (50, 600): 13}
    assert {size: len(space["tiles"](Image.new("RGB", size))) for size in grids} == grids
    white = space["tiles"](Image.new("L", (448, 448), 255))
    assert white.shape == (1, 3, 448, 448)
    assert white[0, :, 0, 0].tolist() == pytest.approx([(1 - m) / d for m, d in zip(space["MEAN"], space["DEVIATION"],
                                                                                    strict=True)])  # fmt: skip
