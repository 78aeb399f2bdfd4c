"""The law for every family: what the adapter asks and answers is what a plain script of `transformers` does.

`python -m tests.adapters.family_law docs/adapters.md` tries all of them and writes the table.
"""

import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from transformers import BitsAndBytesConfig

from harness.adapters.transformers import TransformersAdapter
from harness.types import Generation, Request, Status
from tests.adapters.families import FAMILIES, Built, Family

COLUMNS: Final = ("loads", "equal", "in batches", "several images", "without image", "LoRA")
QUANTISED: Final = ("4 bits", "8 bits")
NOT_TRIED: Final = "not tried"
MARKS: Final = ("<!-- families -->", "<!-- /families -->")
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "adapters.md"
LIMIT: Final = 8


def picture(seed: int, size: tuple[int, int] = (44, 30)) -> Image.Image:
    generator = torch.Generator().manual_seed(seed)
    return Image.fromarray(torch.randint(0, 256, (size[1], size[0], 3), generator=generator).byte().numpy())


def ask(name: str, prompt: str, *images: Image.Image) -> Request:
    return Request(name, prompt, images, generation=Generation(LIMIT))


ONE: Final = (
    ask("short", "Red?", picture(1)),
    ask("long", "How many squares are there in the picture?", picture(2, (60, 60))),
    ask("wide", "Which one is on the left?", picture(3, (90, 31))),
    ask("again", "Red?", picture(4)),
)
TWO: Final = ask("two", "Which is red?", picture(5), picture(6, (31, 60)))
NONE: Final = ask("none", "What is two and two?")


@dataclass(frozen=True)
class Plain:
    """What a plain script sees and says."""

    inputs: Mapping[str, Any]
    text: str


def plainly(built: Built, request: Request) -> Plain:
    """Ask the model as its documentation does, without any code of the harness."""
    family: Family = built.family
    inputs = family.plain(built.processor, request.prompt, list(request.images))
    with torch.inference_mode():
        if not hasattr(built.model, "generate"):
            said = built.model(**inputs).logits.argmax(-1).item()
            return Plain(inputs, built.model.config.id2label[said])
        table = built.model.generate(**inputs, max_new_tokens=LIMIT, do_sample=False)
    # A decoder's prompt is a part of what comes back too; an encoder's is not.
    begun = "decoder_input_ids" if "decoder_input_ids" in inputs else "input_ids"
    ahead = 0 if begun == "input_ids" and family.encodes else inputs[begun].shape[1] if begun in inputs else 0
    return Plain(inputs, built.processor.tokenizer.decode(table[0, ahead:], skip_special_tokens=True))


def load(built: Built, **keys: object) -> TransformersAdapter:
    config = TransformersAdapter.Config.model_validate({"model": str(built.folder), "threads": 1, **keys})
    return TransformersAdapter.from_config(config, built.folder)  # type: ignore[arg-type]  # what `Config` makes


def differences(built: Built, adapter: TransformersAdapter, requests: Sequence[Request]) -> list[str]:
    """Return where one by one the adapter's tokens, pixels or answers are not the script's."""
    found = []
    for request in requests:
        plain = plainly(built, request)
        encoding = adapter._encoder([request])
        if encoding.problems:
            return [f"{request.id}: {encoding.problems[0]}"]
        ours = encoding.batches[0].batch
        for name, expected in plain.inputs.items():
            if name == "labels" or not isinstance(expected, torch.Tensor):
                continue
            if name not in ours or not torch.equal(ours[name], expected):
                found.append(f"{request.id}: {name}")
        (response,) = adapter.generate([request])
        if response.text != plain.text:
            found.append(f"{request.id}: {response.text or response.error!r} is not {plain.text!r}")
    return found


def measure(name: str, built: Built) -> dict[str, str]:
    """Return a row of the table: `yes`, or what is not."""
    adapter = load(built)
    row = {"loads": "yes"}
    found = differences(built, adapter, ONE)
    texts = [adapter.generate([request])[0].text for request in ONE]
    if len(set(texts)) < 2:
        found.append(f"it says {texts[0]!r} whatever it sees")
    row["equal"] = "; ".join(found) or "yes"
    together = [response.text for response in adapter.generate(ONE)]
    row["in batches"] = "yes" if together == texts else f"{together} is not {texts}"
    mixed = adapter.generate([ONE[0], TWO, NONE, ONE[1]])
    if [mixed[0].text, mixed[3].text] != texts[:2]:
        row["in batches"] = f"beside others {[mixed[0].text, mixed[3].text]} is not {texts[:2]}"
    for column, request, response in (("several images", TWO, mixed[1]), ("without image", NONE, mixed[2])):
        if response.status is Status.OK:
            row[column] = "; ".join(differences(built, adapter, [request])) or "yes"
        else:
            row[column] = f"refused: {response.error}"
    with tempfile.TemporaryDirectory() as scratch:
        row["LoRA"] = tuned(built, Path(scratch), texts)
    return row


def tuned(built: Built, folder: Path, before: Sequence[str | None]) -> str:
    """Say whether a LoRA on every linear layer changes answers, and to those of a plain script of PEFT."""
    shape = LoraConfig(target_modules="all-linear", r=2, lora_alpha=16, init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PEFT says of layers, and of its own use of `transformers`
        whole = get_peft_model(deepcopy(built.model), shape)
        whole.peft_config["default"].base_model_name_or_path = built.folder.name
        whole.save_pretrained(folder)
        model = PeftModel.from_pretrained(deepcopy(built.model), folder).eval().get_base_model()
    script = replace(built, model=model)
    adapter = load(built, lora=str(folder))
    if found := differences(script, adapter, ONE):
        return "; ".join(found)
    return "yes" if [adapter.generate([request])[0].text for request in ONE] != before else "it changes nothing"


def quantised(name: str, folder: Path) -> dict[str, str]:
    """Say of weights in few bits whether answers are a plain script's: asked for by a key (4), and as saved (both)."""
    if FAMILIES[name].narrow:
        return dict.fromkeys(QUANTISED, NOT_TRIED)
    one = Built.of(name, folder / name, width=64)  # the kernels want blocks of that many
    row = {}
    for column, options in zip(QUANTISED, ({"load_in_4bit": True}, {"load_in_8bit": True}), strict=True):
        four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.float32}
        how = BitsAndBytesConfig(**options, **(four if column == "4 bits" else {}))
        model = type(one.model).from_pretrained(one.folder, quantization_config=how, device_map={"": "cpu"}).eval()
        saved = Path(shutil.copytree(one.folder, folder / column, ignore=shutil.ignore_patterns("*.safetensors")))
        model.save_pretrained(saved)
        script = replace(one, model=model)
        adapters = [load(replace(one, folder=saved))]
        adapters += [load(one, load_in_4bit=True)] if column == "4 bits" else []
        try:
            plainly(script, ONE[0])
        except RuntimeError:  # bitsandbytes cannot run the model: a plain script has no answer either
            row[column] = "no"
            continue
        found = [said for adapter in adapters for said in differences(script, adapter, ONE)]
        found += ["it claims that answers do not depend on their batch" for one in adapters if one.batch_invariant]
        row[column] = "; ".join(found) or "yes"
    return row


def line(name: str, row: Mapping[str, str]) -> str:
    """Return a family's line of the table: what it does, and `no` where a request is refused with the reason."""
    said = {column: "no" if found.startswith("refused: ") else found for column, found in row.items()}
    if needs := FAMILIES[name].needs:
        said["loads"] = f"with {', '.join(needs)}"
    return f"| `{name}` | {' | '.join(said[column] for column in (*COLUMNS, *QUANTISED))} |"


def documented(name: str) -> dict[str, str]:
    """Return what the table says of a family."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(MARKS[0])[2].partition(MARKS[1])[0]
    (found,) = (told for told in text.splitlines() if told.startswith(f"| `{name}` |"))
    return dict(zip((*COLUMNS, *QUANTISED), (cell.strip() for cell in found.split("|")[2:-1]), strict=True))


def write(document: Path) -> None:
    """Replace the table between the two marks of a document; a family that lacks a package here keeps its line."""
    before, _, rest = document.read_text(encoding="utf-8").partition(MARKS[0])
    old, _, after = rest.partition(MARKS[1])
    columns = (*COLUMNS, *QUANTISED)
    lines = [f"| family | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, family in FAMILIES.items():
        if family.lacking():
            lines += [known for known in old.splitlines() if known.startswith(f"| `{name}` |")]
            continue
        with tempfile.TemporaryDirectory() as scratch:
            row = measure(name, Built.of(name, Path(scratch) / name)) | quantised(name, Path(scratch) / "few")
            lines.append(line(name, row))
    document.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[-1]))
