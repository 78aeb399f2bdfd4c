"""The repository's own model with a fault built in: what happens to models on their way to production."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image

from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.locate import builtin_root
from harness.spec.models import AdapterSpec, Model
from harness.suite.adapters import AdapterChoice
from harness.types import Request, Response, Status
from tests.doubles import Double

MODEL = builtin_root() / "fixtures" / "tiny-qwen2-vl"
VISION, DECODER = "onnx/vision_encoder_int8.onnx", "onnx/decoder_model_merged_int8.onnx"

Answers = Callable[[Sequence[Request]], Sequence[Response]]


@dataclass(frozen=True)
class Fault:
    """What is done to the files, to the settings, and around the model."""

    files: Callable[[Path], None] = lambda folder: None
    settings: Mapping[str, Any] = field(default_factory=dict)
    around: Callable[[Sequence[Request], Answers], Sequence[Response]] = lambda requests, model: model(requests)


def planted(name: str, fault: Fault, folder: Path) -> AdapterChoice:
    """Return the INT8 model with a fault, its files in a folder of its own."""
    place = folder / name
    if not place.exists():
        shutil.copytree(MODEL, place, ignore=shutil.ignore_patterns("*.safetensors"))
        fault.files(place)

    class Planted(Double):
        simulated = False
        batch_invariant = False
        batch_size = 8

        def __init__(self) -> None:
            config = OnnxConfig(model=str(place), quantisation="int8", **fault.settings)
            self.model = OnnxAdapter.from_config(config, folder)

        @classmethod
        def from_config(cls, config: Any, folder: Path) -> "Planted":
            return cls()

        def fingerprint(self) -> str:
            return hashlib.sha256(name.encode()).hexdigest()

        def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
            return fault.around(requests, self.model.generate)

        def close(self) -> None:
            self.model.close()

    return AdapterChoice(folder / f"{name}.yaml", AdapterSpec(adapter=name, type=name), Model(), Planted)


def _weights(folder: Path, change: Callable[[str, np.ndarray, np.ndarray], None]) -> None:
    """Change every table of INT8 weights, [inputs, channels], and its scales, [channels], in place."""
    for file in (VISION, DECODER):
        model = onnx.load(folder / file)
        tables = {tensor.name: tensor for tensor in model.graph.initializer}
        for name in [name for name in tables if name.endswith("_quantized")]:
            scales = name.removesuffix("_quantized") + "_scale"
            weights, steps = (np.array(numpy_helper.to_array(tables[one])) for one in (name, scales))
            change(name, weights, steps)
            tables[name].CopyFrom(numpy_helper.from_array(weights, name))
            tables[scales].CopyFrom(numpy_helper.from_array(steps, scales))
        onnx.save(model, folder / file)


def cut_scales(folder: Path) -> None:
    """Take the scale of each channel from the 99 % quantile of its weights instead of the largest."""

    def change(name: str, weights: np.ndarray, steps: np.ndarray) -> None:
        if weights.ndim != 2 or steps.shape != weights.shape[1:]:
            return
        real = weights * steps
        steps[:] = np.maximum(np.quantile(np.abs(real), 0.99, axis=0) / 63, 1e-12)
        weights[:] = np.clip(np.round(real / steps), -63, 63)

    _weights(folder, change)


def dead_channels(folder: Path) -> None:
    """Silence eight of the 384 channels between the vision tower and the language model."""

    def change(name: str, weights: np.ndarray, steps: np.ndarray) -> None:
        if name == "tower.merger.mlp.2.weight_Transposed_quantized":
            weights[np.argsort(-np.abs(weights.astype(int)).sum(axis=1))[:8]] = 0

    _weights(folder, change)


def no_normalisation(folder: Path) -> None:
    """Give the model pixels from 0 to 1."""
    file = folder / "preprocessor_config.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"image_mean": [0.0] * 3, "image_std": [1.0] * 3}))


def blue_first(requests: Sequence[Request], model: Answers) -> Sequence[Response]:
    """Swap red and blue."""

    def turned(image: Image.Image) -> Image.Image:
        return Image.merge("RGB", image.convert("RGB").split()[::-1])

    return model([replace(one, images=tuple(map(turned, one.images))) for one in requests])


def truncated(requests: Sequence[Request], model: Answers) -> Sequence[Response]:
    """Lose the last character of 2 % of all answers."""

    def cut(request: Request, response: Response) -> Response:
        drawn = int.from_bytes(hashlib.sha256(request.id.encode()).digest()[:4]) / 2**32
        if response.text is None or drawn >= 0.02:
            return response
        return replace(response, text=response.text[:-1])

    return [cut(*pair) for pair in zip(requests, model(requests), strict=True)]


def broken_category(requests: Sequence[Request], model: Answers) -> Sequence[Response]:
    """Answer one type of question, one in seven, with the same letter."""
    answers = model(requests)
    return [
        replace(answer, text="A") if request.prompt == "Which is lowest?" and answer.text else answer
        for request, answer in zip(requests, answers, strict=True)
    ]


def crash_on_hard(requests: Sequence[Request], model: Answers) -> Sequence[Response]:
    """Crash on comparisons in charts with a dark ground."""
    answers = list(model(requests))
    for i, request in enumerate(requests):
        dark = any(np.asarray(image.convert("L")).mean() < 128 for image in request.images)
        if dark and request.prompt.startswith("Is "):
            answers[i] = Response(None, Status.ERROR, "out of memory")
    return answers


FAULTS: Mapping[str, Fault] = {
    "wrong-scales": Fault(cut_scales),
    "dead-channels": Fault(dead_channels),
    "blue-first": Fault(around=blue_first),
    "no-normalisation": Fault(no_normalisation),
    "half-resolution": Fault(settings={"max_pixels": 3920}),
    "truncated": Fault(around=truncated),
    "broken-category": Fault(around=broken_category),
    "crash-on-hard": Fault(around=crash_on_hard),
}
