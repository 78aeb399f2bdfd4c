"""VLMEvalKit: the rows as a table of its own form, its model `Qwen2VLChat`, its loop `infer_data_job`.

Its class asks for a GPU: it refuses to load without one, wants flash attention and moves what it asks to `cuda`. Those
three are told otherwise here; what it does beside the model is untouched. It asks one question at a time.
"""

import base64
import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

_NAME = "EndToEnd"


def table(folder: Path) -> None:
    """Write the rows as VLMEvalKit reads them: a TSV with the pictures in base64."""
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    with (folder / f"{_NAME}.tsv").open("w", encoding="utf-8", newline="") as out:
        written = csv.writer(out, delimiter="\t")
        written.writerow(["index", "image", "question", "answer"])
        for place, row in enumerate(rows):
            picture = base64.b64encode((folder / row["image"]).read_bytes()).decode()
            written.writerow([place, picture, row["question"], row["answer"]])


def on_the_processor() -> None:
    """Let the class of the model load and ask without a GPU."""
    import torch
    import vlmeval.vlm.qwen2_vl.model as kit
    from transformers import BatchFeature, Qwen2VLForConditionalGeneration

    load = Qwen2VLForConditionalGeneration.from_pretrained
    move = BatchFeature.to

    def from_pretrained(path: str, **_: Any) -> Any:
        return load(path, dtype=torch.float32)

    def to(self: Any, device: str, *args: Any, **kwargs: Any) -> Any:
        return move(self, "cpu" if device == "cuda" else device, *args, **kwargs)

    kit.get_gpu_memory = lambda: [1]
    Qwen2VLForConditionalGeneration.from_pretrained = from_pretrained  # type: ignore[method-assign,assignment] # in this process alone
    BatchFeature.to = to  # type: ignore[method-assign] # likewise


def main(folder: Path, model_folder: str, system: str) -> None:
    from watched import (
        Watch,
        without_compiled_torchvision,
    )  # beside this script, which others import without running it

    table(folder)
    os.environ["LMUData"] = str(folder)  # noqa: SIM112 - so it is spelt
    watch = Watch()
    without_compiled_torchvision()
    import torch

    watch.begin()
    torch.set_num_threads(1)
    on_the_processor()
    from vlmeval.dataset import build_dataset
    from vlmeval.inference import infer_data_job
    from vlmeval.smp import load
    from vlmeval.vlm import Qwen2VLChat

    torch.set_num_threads(1)
    model = Qwen2VLChat(
        model_folder,
        min_pixels=3136,
        max_pixels=50176,
        max_new_tokens=16,
        do_sample=False,
        use_custom_prompt=False,
        system_prompt=system,
    )
    work = folder / "vlmevalkit"
    work.mkdir()
    infer_data_job(model, str(work), "tiny", build_dataset(_NAME))
    watch.end()
    (found,) = work.glob(f"tiny_{_NAME}.*")
    rows = load(str(found))
    answers = {f"s{index}": str(said) for index, said in zip(rows["index"], rows["prediction"], strict=True)}
    watch.tell(answers, "vlmeval", "transformers", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[4])
