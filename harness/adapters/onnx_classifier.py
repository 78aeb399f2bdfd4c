"""An image classifier in one ONNX file: logits and features, on ONNX Runtime or OpenVINO."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._classifier.runtimes import Runner, open_model
from harness.digests import onnx_digests
from harness.errors import AdapterError, ConfigError, Issue, SampleError, UsageError
from harness.spec.models import BatchSize, Model, Threads
from harness.types import Finish, Request, Response, Status
from harness.zoo.build import build, known
from harness.zoo.preprocessing import Layout, Preprocessing, Resample, Resize

ENTRIES: Final = {"onnx_classifier": "OnnxClassifier"}

_CODE_VERSION: Final = 1
"""Raise it whenever the same file gives other numbers."""


class OnnxClassifierConfig(Model):
    """Keys of an adapter of ``type: onnx_classifier``."""

    model: str | None = None
    """The ONNX file, relative to the adapter's file."""
    build: str | None = None
    """Instead of `model`: a model that the harness builds into the user's cache, such as `efficientnet-lite0`. It
    brings its own preprocessing and classes."""
    quantisation: Literal["fp32", "int8"] = "fp32"
    """Which variant of `build`."""
    runtime: Literal["onnxruntime", "openvino"] = "onnxruntime"
    """What runs it; `openvino` is an extra."""
    threads: Threads = 1
    """Threads of the runtime."""
    providers: tuple[str, ...] = Field(default=("CPUExecutionProvider",), min_length=1, strict=False)
    """ONNX Runtime's execution providers, the preferred one first; OpenVINO's device is always the CPU."""
    optimisation: Literal["none", "basic", "extended", "all"] = "all"
    """How far ONNX Runtime rewrites the graph before running it."""
    batch_size: BatchSize = 8
    """Images a call."""
    size: tuple[int, int] | None = None
    """Height and width of the input, in pixels; 224 × 224 by default."""
    mean: tuple[float, ...] | None = None
    """Taken off each channel (three, or one for grey), in grey levels from 0 to 255; ImageNet's by default."""
    std: tuple[float, ...] | None = None
    """What each channel is divided by, in grey levels."""
    layout: Layout | None = None
    """`nchw` (default), `nhwc`, `flat` (one row of numbers) or `tokens` (the grey levels as whole numbers)."""
    resize: Resize | None = None
    """`crop`: keep the aspect and take the middle (default); `stretch`: to the size."""
    share: float | None = Field(default=None, gt=0, le=1)
    """With `crop`: the size as a share of the shorter side after resizing; 0.875 by default."""
    resample: Resample | None = None
    """The filter that resizes; `bilinear` by default."""
    classes: str | tuple[str, ...] | None = None
    """Names of the classes in the order of the logits: a list, or a text file with one a line."""
    logits: str | None = None
    """The output with the logits; by default the one called `logits`, or the first."""
    features: str | None = None
    """The output with the features, for `embed`; by default the one called `features`, if there is one."""
    batch_invariant: bool | None = None
    """Whether an answer is independent of its batch. By default it is, unless activations are scaled at run time."""

    def preprocessing(self) -> Preprocessing:
        """Return the preprocessing: the built model's or the usual one, with this file's changes.

        Raises:
            ConfigError: if the numbers of channels disagree, or a number is impossible.
        """
        base = known(self.build).preprocessing if self.build else Preprocessing()
        names = ("size", "mean", "std", "layout", "resize", "share", "resample")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        made = Preprocessing(**{name: given.get(name, getattr(base, name)) for name in names})
        if len(made.mean) != len(made.std) or len(made.mean) not in (1, 3):
            raise ConfigError(Issue(("mean",), "`mean` and `std` have one value each for one or for three channels"))
        if min(made.std) <= 0 or not all(1 <= side <= 4096 for side in made.size):
            raise ConfigError(Issue(("size",), "`std` lies above 0, and `size` between 1 and 4096"))
        return made


class OnnxClassifier:
    """One graph from an image to class scores.

    ``classify`` gives the logits, ``embed`` the features where the file has them. ``generate`` gives the
    name of the best class, whatever the prompt, so that a sweep or a gate can run on a classifier.
    """

    Config: ClassVar[type[BaseModel]] = OnnxClassifierConfig
    simulated: bool = False

    def __init__(self, config: OnnxClassifierConfig, path: Path, runner: Runner, classes: Sequence[str]) -> None:
        self.batch_size = config.batch_size
        self.path = path
        """The model's file."""
        self.random = bool(config.build and known(config.build).random)
        """Whether the weights are random: speed is real, answers mean nothing."""
        self.session = runner.settings
        """What the runtime was told, for the record of a measurement."""
        self._config = config
        self._preprocessing = config.preprocessing()
        self._runner: Runner | None = runner
        self._logits = _output(runner, config.logits, "logits") or runner.outputs[0]
        self._features = _output(runner, config.features, "features")
        self.classes = classes
        self.capabilities = frozenset({"classify", "generate"} | ({"embed"} if self._features else set()))
        scaled = b"DynamicQuantizeLinear" in path.read_bytes()
        self.batch_invariant = not scaled if config.batch_invariant is None else config.batch_invariant

    @classmethod
    def from_config(cls, config: OnnxClassifierConfig, folder: Path) -> Self:
        """Load the model, building it first where ``build`` asks for one that the cache lacks.

        Raises:
            AdapterError: if a package or a file is missing or unusable, with what to do.
            ConfigError: if keys contradict each other.
        """
        path = _file(config, folder)
        runner = open_model(path, config.runtime, config.threads, config.providers, config.optimisation)
        return cls(config, path, runner, _classes(config, folder, runner))

    def fingerprint(self) -> str:
        """Return a SHA-256 over the file and those that hold its weights, preprocessing, classes and runtime."""
        package = self._config.runtime
        shapes_an_answer = {"optimisation", "providers", "threads", "runtime", "logits", "features"}
        content = {
            "files": [*onnx_digests(self.path).values()],
            "preprocessing": self._preprocessing.describe(),
            "config": self._config.model_dump(mode="json", include=shapes_an_answer),
            "classes": hashlib.sha256("\n".join(self.classes).encode()).hexdigest(),
            "code": _CODE_VERSION,
            "packages": {name: version(name) for name in ("numpy", "pillow", package)},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def model_files(self) -> Sequence[Path]:
        """Return the model's file."""
        return (self.path,)

    def prepare(self, images: Sequence[Image.Image]) -> NDArray[Any]:
        """Return the model's input for a batch.

        Raises:
            SampleError: if an image has no pixels.
        """
        return self._preprocessing(images)

    def infer(self, prepared: NDArray[Any]) -> NDArray[np.float32]:
        """Return the logits [images, classes] of a prepared batch."""
        return self._run(prepared, self._logits)

    def classify(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the logit of every class for each image, float32 [images, classes].

        Raises:
            AdapterError: if the adapter is closed or the runtime fails.
        """
        return self._of_images(images, self._logits)

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the features of each image, float32 [images, width].

        Raises:
            AdapterError: if the file has no features, the adapter is closed or the runtime fails.
        """
        if self._features is None:
            raise AdapterError(f"{self.path.name} has no output `features`; name one as `features:`")
        return self._of_images(images, self._features)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer each request with the name of its image's best class.

        Raises:
            AdapterError: if the adapter is closed or the runtime fails.
        """
        inputs: dict[int, NDArray[Any]] = {}
        failed: dict[int, Response] = {}
        for place, request in enumerate(requests):
            try:
                if len(request.images) != 1:
                    raise SampleError(f"a classifier needs one image; this request has {len(request.images)}")
                inputs[place] = self.prepare(request.images)
            except (SampleError, OSError, ValueError) as cause:
                failed[place] = Response(None, Status.ERROR, str(cause))
        logits = self.infer(np.concatenate(list(inputs.values()))) if inputs else np.empty((0, 0), np.float32)
        answers = {place: _named(row, self.classes) for place, row in zip(inputs, logits, strict=True)}
        return [failed.get(place) or answers[place] for place in range(len(requests))]

    def close(self) -> None:
        """Let go of the session and its memory."""
        self._runner = None

    def _of_images(self, images: Sequence[Image.Image], output: str) -> NDArray[np.float32]:
        if not images:
            return np.empty((0, len(self.classes) if output == self._logits else 0), np.float32)
        return self._run(self.prepare(images), output)

    def _run(self, prepared: NDArray[Any], output: str) -> NDArray[np.float32]:
        if self._runner is None:
            raise AdapterError("the classifier is closed")
        rows = self._runner.run(prepared, output)
        return rows.reshape(len(rows), -1).astype(np.float32, copy=False)


def _named(row: NDArray[np.float32], classes: Sequence[str]) -> Response:
    if not np.isfinite(row).all():
        return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)")
    return Response(classes[int(row.argmax())], tokens_out=1, finish=Finish.STOP)


def _file(config: OnnxClassifierConfig, folder: Path) -> Path:
    if (config.model is None) == (config.build is None):
        raise ConfigError(Issue((), "an adapter of type onnx_classifier has either `model` or `build`"))
    if config.build is not None:
        try:
            known(config.build)
        except UsageError as cause:
            raise ConfigError(Issue(("build",), str(cause))) from cause
        return build(config.build, config.quantisation)
    path = (folder / str(config.model)).resolve()
    if not path.is_file():
        raise ConfigError(Issue(("model",), f"there is no file {path}", "the path starts at the adapter's folder"))
    return path


def _classes(config: OnnxClassifierConfig, folder: Path, runner: Runner) -> Sequence[str]:
    output = _output(runner, config.logits, "logits") or runner.outputs[0]
    width = runner.width(output)
    if config.classes is None:
        if config.build:
            return known(config.build).classes()
        if width is None:
            raise ConfigError(Issue(("classes",), "the file does not say how many classes there are; name them"))
        return [f"class {i}" for i in range(width)]
    if isinstance(config.classes, str):
        file = (folder / config.classes).resolve()
        try:
            names = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as cause:
            raise ConfigError(Issue(("classes",), f"{file} cannot be read: {cause}")) from cause
    else:
        names = list(config.classes)
    if width is not None and len(names) != width:
        raise ConfigError(Issue(("classes",), f"{len(names)} names for {width} logits"))
    return names


def _output(runner: Runner, wanted: str | None, usual: str) -> str | None:
    if wanted is None:
        return usual if usual in runner.outputs else None
    if wanted not in runner.outputs:
        raise ConfigError(Issue((usual,), f"the file has no output {wanted!r}", f"it has: {', '.join(runner.outputs)}"))
    return wanted
