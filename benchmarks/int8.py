"""INT8 against float32 on the five shapes, by recipe and runtime: one thread, batch 1, CPU time, calls interleaved.

Beside them `text-d1024-l2-step`, the text transformer at a token a call, as a decoder works: there weights of 8 and of
4 bits are tried too. `attention` is what no recipe does, since it gains nothing: the recipe `transformer` with the
products of attention, of activations by activations, in bytes as well.
"""

import logging
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from harness.quantise.recipes import Feed, Recipe, quantise
from harness.quantise.trial import agreement, speed
from harness.seeds import generator
from harness.zoo.shapes import SHAPES, text

STEP: Final = "text-d1024-l2-step"


def inputs(name: str, count: int, purpose: str) -> list[Feed]:
    """Draw inputs of a shape: noise, for weights that are noise as well."""
    draw = generator("int8", name, purpose)
    if name == STEP:
        return [{"tokens": draw.integers(0, 256, (1, 1)).astype(np.int64)} for _ in range(count)]
    if name.startswith("text"):
        return [{"tokens": draw.integers(0, 256, (1, 128)).astype(np.int64)} for _ in range(count)]
    if name.startswith("mlp"):
        return [{"pixels": draw.standard_normal((1, 1024)).astype(np.float32)} for _ in range(count)]
    return [{"image": draw.standard_normal((1, 3, 224, 224)).astype(np.float32)} for _ in range(count)]


def recipes(name: str) -> list[tuple[Recipe | None, bool]]:
    """Return what is tried on a shape, None for `attention`, and whether it is timed on OpenVINO."""
    if name == STEP:
        return [("transformer", False), ("weight-only-8", False), ("weight-only-4", False)]
    found: list[tuple[Recipe | None, bool]] = [("cnn", False), ("cnn", True)]
    if name.startswith(("vit", "text")):
        found = [("transformer", False), (None, False)]
    elif name != "resnet18":
        found = [("transformer", False), ("weight-only-4", False), *found]
    return found + ([("openvino", True)] if find_spec("nncf") else [])


def with_attention(source: Path, target: Path) -> Path:
    """Quantise every product, those of attention included, with scales taken at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = target.with_name("prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    every = {"MatMulConstBOnly": False}
    quantize_dynamic(str(prepared), str(target), per_channel=True, weight_type=QuantType.QInt8, extra_options=every)
    return target


def main() -> None:
    """Print a line a shape and recipe; `python -m benchmarks.int8 [ROUNDS] [SHAPE …]`."""
    import onnx

    logging.getLogger().setLevel(logging.ERROR)  # each model is measured as it is: advice on how to prepare it is noise
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or [*SHAPES, STEP]:
            source, target = Path(folder) / f"{name}.onnx", Path(folder) / "quantised.onnx"
            onnx.save(text(STEP, 1024, 16, 2, tokens=1) if name == STEP else SHAPES[name](), str(source))
            tuned, judged = inputs(name, 16, "calibration"), inputs(name, 8, "evaluation")
            for recipe, there in recipes(name):
                made = quantise(source, target, recipe, tuned).path if recipe else with_attention(source, target)
                near = agreement(source, made, judged, openvino=there)
                took = speed(source, made, judged, rounds, openvino=there)
                print(
                    f"{name:<18} {recipe or 'attention':<13} {'openvino' if there else 'onnxruntime':<12}"
                    f"{took.ratio:5.2f} [{took.low:.2f}, {took.high:.2f}]  {took.float_ms:.1f} → "
                    f"{took.quantised_ms:.1f} ms  cosine {near.cosine:.4f}  n = {rounds}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
