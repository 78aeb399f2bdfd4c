"""INT8 against float32 on the five shapes, by recipe and runtime: one thread, batch 1, CPU time, calls interleaved."""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from harness.quantise.recipes import Feed, Recipe, quantise
from harness.quantise.trial import agreement, speed
from harness.seeds import generator
from harness.zoo.shapes import SHAPES


def inputs(name: str, count: int, purpose: str) -> list[Feed]:
    """Draw inputs of a shape: noise, for weights that are noise as well."""
    draw = generator("int8", name, purpose)
    if name.startswith("text"):
        return [{"tokens": draw.integers(0, 256, (1, 128)).astype(np.int64)} for _ in range(count)]
    if name.startswith("mlp"):
        return [{"pixels": draw.standard_normal((1, 1024)).astype(np.float32)} for _ in range(count)]
    return [{"image": draw.standard_normal((1, 3, 224, 224)).astype(np.float32)} for _ in range(count)]


def main() -> None:
    """Print a line a shape and recipe; `python -m benchmarks.int8 [ROUNDS] [SHAPE …]`."""
    import onnx

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    recipes: list[Recipe] = ["transformer", "cnn"]
    recipes += ["openvino"] if find_spec("nncf") else []
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or SHAPES:
            source = Path(folder) / f"{name}.onnx"
            onnx.save(SHAPES[name](), str(source))
            tuned, judged = inputs(name, 16, "calibration"), inputs(name, 8, "evaluation")
            for recipe in recipes:
                if (recipe == "transformer") == (name == "resnet18") and recipe != "openvino":
                    continue
                target = quantise(source, Path(folder) / "quantised.onnx", recipe, tuned).path
                for there in (False, True) if recipe == "cnn" else (recipe == "openvino",):
                    near = agreement(source, target, judged, openvino=there)
                    took = speed(source, target, judged, rounds, openvino=there)
                    print(
                        f"{name:<14} {recipe:<12} {'openvino' if there else 'onnxruntime':<12}"
                        f"{took.ratio:5.2f} [{took.low:.2f}, {took.high:.2f}]  {took.float_ms:.1f} → "
                        f"{took.quantised_ms:.1f} ms  cosine {near.cosine:.4f}  n = {rounds}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
