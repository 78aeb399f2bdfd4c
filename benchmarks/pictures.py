"""What `image_cache` and `prefix_cache` save where many questions share a picture.

``python -m benchmarks.pictures [--type qwen2_vl|onnx] [--width 560 --height 448] [--max-pixels N] [--each 10]`` prints
CPU milliseconds of `generate` for a question: the tiny Qwen2-VL, float32, one thread, batches of eight, adapters asked
in turn in one process, each batch's least of three rounds, with nothing kept at the start of each.
"""

import argparse
import time
from pathlib import Path
from typing import Any, Final

from tabulate import tabulate

from harness.data.charts.draw import render
from harness.data.charts.model import STYLES, draw_chart
from harness.data.charts.questions import QUESTION_TYPES, ask
from harness.registry import registry
from harness.seeds import Stream
from harness.types import Generation, Request

ROOT: Final = Path(__file__).parents[1]
_BATCH: Final = 8
_CHARTS: Final = 8
_WAYS: Final[dict[str, dict[str, str]]] = {
    "no key": {},
    "image_cache": {"image_cache": "256MiB"},
    "and prefix_cache": {"image_cache": "256MiB", "prefix_cache": "256MiB"},
}


def requests(size: tuple[int, int], each: int, seed: int) -> list[Request]:
    """Return questions about charts, ``each`` of them in a row about one."""
    stream, found = Stream("benchmark-pictures", seed), []
    for number in range(_CHARTS):
        chart = draw_chart(stream, "test", stream.choice(STYLES))
        image = render(chart, stream).image.resize(size)
        for _ in range(each):
            text = ask(chart, stream.choice(QUESTION_TYPES), stream).text
            found.append(Request(f"{number}", text, (image,), generation=Generation(8)))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--type", choices=("qwen2_vl", "onnx"), default="qwen2_vl")
    parser.add_argument("--width", type=int, default=560)
    parser.add_argument("--height", type=int, default=448)
    parser.add_argument("--max-pixels", type=int)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    adapters: list[Any] = []
    for keys in _WAYS.values():
        kind: Any = registry("adapters").load(args.type)
        given = {"model": "fixtures/tiny-qwen2-vl", "threads": 1, "max_pixels": args.max_pixels, **keys}
        adapters.append(kind.from_config(kind.Config.model_validate(given), ROOT))
    least: list[dict[int, float]] = [{} for _ in adapters]
    tokens: int | None = None
    asked = 0
    for seed in range(args.rounds):  # other pictures each time, so that none is kept from the round before
        drawn = requests((args.width, args.height), args.each, seed)
        asked = len(drawn)
        for start in range(0, asked, _BATCH):
            for adapter, best in zip(adapters, least, strict=True):
                begin = time.process_time()
                tokens = adapter.generate(drawn[start : start + _BATCH])[0].image_tokens
                best[start] = min(best.get(start, 1e9), time.process_time() - begin)
    row = [args.type, f"{args.width} × {args.height}", tokens, args.each, asked]
    row += [1e3 * sum(best.values()) / asked for best in least]
    print(tabulate([row], ("", "picture", "tokens of it", "questions to it", "n", *_WAYS), floatfmt=".2f"))


if __name__ == "__main__":
    main()
