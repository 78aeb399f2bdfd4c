"""A loop over the model with nothing around it: `transformers` alone, as one would write it in a notebook."""

import json
import sys
from pathlib import Path
from typing import Any


def load(processors: Any, model_folder: str) -> Any:
    """Return the model's processor; without torchvision, as here, the same without its video part."""
    try:
        return processors.from_pretrained(model_folder)
    except ImportError:
        from harness.adapters._torch.processor import load_processor

        return load_processor(Path(model_folder), trust_remote_code=False)


def main(folder: Path, model_folder: str, batch: int, system: str) -> None:
    from watched import (
        Watch,
        without_compiled_torchvision,
    )  # beside this script, which others import without running it

    watch = Watch()
    without_compiled_torchvision()
    import torch
    from PIL import Image
    from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

    watch.begin()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    with watch.stage("start"):
        processor = load(AutoProcessor, model_folder)
        processor.tokenizer.padding_side = "left"
        model = Qwen2VLForConditionalGeneration.from_pretrained(model_folder, dtype=torch.float32).eval()
    answers = {}
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        with watch.stage("pictures decoded"):
            images = [Image.open(folder / row["image"]).convert("RGB") for row in part]
        with watch.stage("chat template"):
            texts = []
            for row in part:
                content = [{"type": "image"}, {"type": "text", "text": row["question"]}]
                messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
                texts.append(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        with watch.stage("processor"):
            inputs = processor(text=texts, images=images, padding=True, return_tensors="pt")
        with watch.stage("model"), torch.inference_mode():
            said = model.generate(**inputs, do_sample=False, max_new_tokens=16)
        with watch.stage("answers read"):
            read = processor.batch_decode(said[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        answers |= {row["id"]: text for row, text in zip(part, read, strict=True)}
    watch.end()
    watch.tell(answers, "transformers", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
