"""What a step of decoding costs with keys and values in 8 bits, and what they take, against float32.

``python -m benchmarks.kv_cache [--shape tiny|2b] [--batch N] [--steps N]`` prints a table: CPU time of a step at three
lengths of the context, medians over steps that are taken in turn, and bytes a token. ``--onnx FILE`` takes a decoder in
ONNX instead, and the same one by the recipe ``kv-cache-8``. ``2b`` is a decoder of the widths of Qwen2-VL-2B and random
weights with 4 of its 28 layers: a step of the whole takes seven times as long, both ways.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tabulate import tabulate

from harness.adapters._torch.kv import int8_caches
from harness.quantise.cached import hold_in_bytes
from harness.quantise.decoder import Decoder, decoding_speed
from harness.quantise.inputs import open_session

TINY: Final = Path(__file__).parents[1] / "fixtures" / "tiny-qwen2-vl"
CONTEXTS: Final = (64, 512, 2048)


def decoder(shape: str) -> Any:
    """Return a model of `transformers`, ready to decode."""
    import torch
    from transformers import AutoModelForImageTextToText, Qwen2Config, Qwen2ForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if shape == "tiny":
        return AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32)
    config = Qwen2Config(
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=4, num_attention_heads=12, num_key_value_heads=2,
        max_position_embeddings=4096, vocab_size=1000,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).train(False)


def torch_steps(
    model: Any, make: Callable[[], Any], context: int, batch: int
) -> tuple[Callable[[], None], Callable[[], float]]:
    """Return what takes one more step after a context, and what tells the bytes a token."""
    import torch

    cache, ids = make(), torch.randint(5, 300, (batch, context))
    one, mask = torch.full((batch, 1), 7), torch.ones(batch, context, dtype=torch.long)

    def call(given: Any, seen: Any) -> None:
        with torch.inference_mode():
            model(input_ids=given, attention_mask=seen, past_key_values=cache, use_cache=True)

    call(ids, mask)
    state = [mask]

    def step() -> None:
        state[0] = torch.nn.functional.pad(state[0], (0, 1), value=1)
        call(one, state[0])

    def taken() -> float:
        layers = cache.layers
        held = (layer.bytes if hasattr(layer, "bytes") else layer.keys.nbytes + layer.values.nbytes for layer in layers)
        return float(sum(held) / (batch * cache.get_seq_length()))

    return step, taken


def main() -> None:
    """Measure and print."""
    from transformers import DynamicCache

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=("tiny", "2b"), default="tiny")
    parser.add_argument("--onnx", type=Path)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    rows: list[list[Any]] = []
    head = ("", "tokens", "float32, ms", "int8, ms", "ratio", "float32, B", "int8, B")
    if args.onnx:
        rows = in_onnx(args.onnx, args.steps)
        print(tabulate(rows, head, floatfmt=".3f"))
        return
    model = decoder(args.shape)
    ways = {"float32": lambda: DynamicCache(config=model.config), "int8": int8_caches(model, {})}
    for context in CONTEXTS:
        sides = {name: torch_steps(model, make, context, args.batch) for name, make in ways.items()}
        rows.append([f"PyTorch, {args.shape}", context, *measured(sides, args.steps)])
    print(tabulate(rows, head, floatfmt=".3f"))


def in_onnx(source: Path, steps: int) -> list[list[Any]]:
    """Return the rows of a decoder in a file."""
    with tempfile.TemporaryDirectory() as folder:
        made = hold_in_bytes(source, Path(folder) / "held.onnx").path
        rows = []
        for context in CONTEXTS:
            took, taken = decoding_speed(source, made, steps, context), []
            for path in (source, made):
                one = Decoder(open_session(path))
                _, past = one.call(one.nothing(), 0, 64)
                taken.append(sum(part.nbytes for part in past.values()) / 64)
            rows.append([source.name, context, took.float_ms, took.quantised_ms, 1 / took.ratio, *taken])
        return rows


def measured(sides: dict[str, tuple[Callable[[], None], Callable[[], float]]], steps: int) -> list[float]:
    """Return median milliseconds of a step of each side, their ratio, and bytes a token."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(steps + 3):
        for name, (step, _) in sides.items():
            start = time.process_time()
            step()
            if number >= 3:
                times[name].append(time.process_time() - start)
    before, after = (1e3 * statistics.median(times[name]) for name in sides)
    return [before, after, after / before, *(taken() for _, taken in sides.values())]


if __name__ == "__main__":
    main()
