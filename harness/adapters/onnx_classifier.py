"""An image classifier or encoder in one ONNX file: logits and features, on ONNX Runtime or OpenVINO."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._classifier.fitting import class_names, fit
from harness.adapters._classifier.folder import Folder, find_graph
from harness.adapters._classifier.prompts import TEXTS, label_inputs
from harness.adapters._classifier.runtimes import Port, Runner, open_model
from harness.adapters._ort import OrtKeys
from harness.adapters._variants import Quantisation
from harness.digests import digest, onnx_digests
from harness.errors import AdapterError, ConfigError, Issue, SampleError, UsageError
from harness.spec.models import BatchSize, Threads
from harness.traces import Pixels, Trace
from harness.types import Finish, Request, Response, Status
from harness.zoo.build import build, known
from harness.zoo.preprocessing import Layout, Preprocessing, Resample, Resize

ENTRIES: Final = {"onnx_classifier": "OnnxClassifier"}

_LOGITS: Final = ("logits", "logits_per_image")
_FEATURES: Final = ("features", "image_embeds", "pooler_output", "last_hidden_state")
"""Outputs that are known to hold features, the best first."""
_INSIDE: Final = ("hidden_states", "attentions", "text_embeds", "text_model_output", "vision_model_output")
"""Outputs that are neither."""

_CODE_VERSION: Final = 1
"""Raise it whenever the same file gives other numbers."""
_SCALED: Final = b"DynamicQuantizeLinear"
_INTEGERS: Final = (_SCALED, b"QuantizeLinear", b"MatMulNBits")
"""Operators of graphs that round to whole numbers on the way."""


class OnnxClassifierConfig(OrtKeys):
    """Keys of an adapter of ``type: onnx_classifier``."""

    model: str | None = None
    """The ONNX file, or the folder that an exporter wrote (optimum, transformers.js), relative to the adapter's file.
    `config.json` and `preprocessor_config.json` beside it say what the keys below leave open."""
    build: str | None = None
    """Instead of `model`: a model that the harness builds into the user's cache, such as `efficientnet-lite0`. It
    brings its own preprocessing and classes."""
    quantisation: Quantisation = "fp32"
    """Which variant of `build` (`fp32`, `int8`), or which of a folder's files: with `int8`, `model_int8.onnx`."""
    keep_float: tuple[str, ...] = Field(default=(), strict=False)
    """With `build` and `quantisation: int8`: blocks or operators that stay in float, by name or with `*` and `?`, such
    as those that `harness why --layers` found."""
    runtime: Literal["onnxruntime", "openvino"] = "onnxruntime"
    """What runs it; `openvino` is an extra."""
    threads: Threads = 1
    """Threads of the runtime."""
    optimisation: Literal["none", "basic", "extended", "all"] = "all"
    """How far ONNX Runtime rewrites the graph before running it."""
    batch_size: BatchSize = 8
    """Images a call."""
    size: tuple[int, int] | None = None
    """Height and width of the input, in pixels; by default the settings' beside the model, else the graph's, else
    224 × 224."""
    mean: tuple[float, ...] | None = None
    """Taken off each channel (three, or one for grey), in grey levels from 0 to 255; by default the
    settings', else ImageNet's, else nothing for a graph that takes whole grey levels."""
    std: tuple[float, ...] | None = None
    """What each channel is divided by, in grey levels."""
    layout: Layout | None = None
    """`nchw`, `nhwc`, `flat` (one row of numbers) or `tokens` (the grey levels as whole numbers); by default the
    graph's."""
    resize: Resize | None = None
    """`crop`: keep the aspect and take the middle; `stretch`: to the size. By default the settings', else `crop`."""
    share: float | None = Field(default=None, gt=0, le=1)
    """With `crop`: the size as a share of the shorter side after resizing; 0.875 by default."""
    resample: Resample | None = None
    """The filter that resizes; by default the settings', else `bilinear`."""
    classes: str | tuple[str, ...] | None = None
    """Names of the classes in the order of the logits: a list, or a text file with one a line; by default the
    `id2label` of `config.json`. For a model of images and texts (CLIP, SigLIP): the labels."""
    prompt: str = "a photo of a {}"
    """For a model of images and texts: what is made of each label, which goes where `{}` stands."""
    logits: str | None = None
    """The output with the logits; by default the one called `logits` or `logits_per_image`, or the first that is not
    known to hold features."""
    features: str | None = None
    """The output with the features, for `embed`; by default the first of `features`, `image_embeds`, `pooler_output`
    and `last_hidden_state` that is there. Of several tokens or places the mean is taken."""
    batch_invariant: bool | None = None
    """Whether an answer is independent of its batch. By default it is, unless activations are scaled at run time."""

    def stated(self) -> dict[str, Any]:
        """Return what this file itself says about preprocessing."""
        names = ("size", "mean", "std", "layout", "resize", "share", "resample")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class OnnxClassifier:
    """One graph from an image to class scores.

    ``classify`` gives the logits, ``embed`` the features where the file has them. ``generate`` gives the
    name of the best class, whatever the prompt, so that a sweep or a gate can run on a classifier.
    """

    Config: ClassVar[type[BaseModel]] = OnnxClassifierConfig
    simulated: bool = False

    def __init__(self, config: OnnxClassifierConfig, path: Path, runner: Runner, base: Path) -> None:
        self.batch_size = config.batch_size
        self.path = path
        """The model's file."""
        self.random = bool(config.build and known(config.build).random)
        """Whether the weights are random: speed is real, answers mean nothing."""
        self.session = runner.settings
        """What the runtime was told, for the record of a measurement."""
        self._config = config
        self._runner: Runner | None = runner
        self._folder = Folder(None) if config.build else Folder.of(path)
        self._image, port = _image_input(path, runner)
        self._fixed = port.shape[0] if port.shape else None
        self._preprocessing = _preprocessing(config, self._folder, port)
        self._logits, self._features = _outputs(config, path, runner)
        self.classes: Sequence[str] = ()
        self._texts: dict[str, NDArray[Any]] = {}
        if self._logits is not None:
            self.classes = _classes(config, base, self._folder, runner, self._logits)
        if texts := {name: port for name, port in runner.inputs.items() if name in TEXTS}:
            self._texts = label_inputs(self.classes or ("thing",), config.prompt, self._folder, texts)
        able = {"classify", "generate"} if self._logits else set()
        self.capabilities = frozenset(able | ({"embed"} if self._features else set()))
        graph = path.read_bytes()
        scaled = _SCALED in graph and self._fixed != 1
        self._precision = "int8" if any(mark in graph for mark in _INTEGERS) else "float32"
        self.batch_invariant = not scaled if config.batch_invariant is None else config.batch_invariant

    @classmethod
    def from_config(cls, config: OnnxClassifierConfig, folder: Path) -> Self:
        """Load the model, building it first where ``build`` asks for one that the cache lacks.

        Raises:
            AdapterError: if a package or a file is missing or unusable, with what to do.
            ConfigError: if keys contradict each other, or the graph.
        """
        path = graph_file(config, folder)
        runner = open_model(path, config, config.runtime, config.threads, config.optimisation)
        return cls(config, path, runner, folder)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the file and those that hold its weights, preprocessing, classes and runtime."""
        package = self._config.runtime
        shapes_an_answer = {"optimisation", "providers", "threads", "runtime", "logits", "features"}
        beside = self._folder.files()
        content = {
            "files": [*onnx_digests(self.path).values(), *(f"{file.name} {digest(file)}" for file in beside)],
            "preprocessing": self._preprocessing.describe(),
            "config": self._config.model_dump(mode="json", include=shapes_an_answer) | self._config.told(),
            "classes": hashlib.sha256("\n".join(self.classes).encode()).hexdigest(),
            "code": _CODE_VERSION,
            "packages": {name: version(name) for name in ("numpy", "pillow", package)},
        }
        if self._texts:
            content["texts"] = [self._config.prompt, version("tokenizers")]
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
        return self._run(prepared, self._known_logits())

    def classify(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the logit of every class for each image, float32 [images, classes].

        Raises:
            AdapterError: if the adapter is closed or the runtime fails.
        """
        return self._of_images(images, self._known_logits())

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the features of each image, float32 [images, width].

        Raises:
            AdapterError: if the file has no features, the adapter is closed or the runtime fails.
        """
        if self._features is None:
            raise AdapterError(f"{self.path.name} has no output `features`; name one as `features:`")
        return self._of_images(images, self._features)

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Answer one request with its image's best class, and show the pixels and the logits of all classes.

        Raises:
            AdapterError: if the adapter is closed or the runtime fails.
            SampleError: if a request has another number of images than one, or cannot be used.
        """
        for one in (request, *beside):
            if len(one.images) != 1:
                raise SampleError(f"a classifier needs one image; this request has {len(one.images)}")
        prepared = self.prepare([one.images[0] for one in (request, *beside)])
        logits = self.infer(prepared)[0]
        response = _named(logits, self.classes)
        if response.status is not Status.OK:
            raise SampleError(str(response.error))
        shown = np.asarray(prepared[0], np.float32)
        layout: Literal["chw", "hwc", "other"] = "other"
        if self._preprocessing.layout in ("nchw", "nhwc"):
            layout = "chw" if self._preprocessing.layout == "nchw" else "hwc"
        return Trace(response, (Pixels(shown, layout),), logits=logits, precision=self._precision)

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

    def _known_logits(self) -> str:
        if self._logits is None:
            raise AdapterError(f"{self.path.name} has no output with class scores; name one as `logits:`")
        return self._logits

    def _run(self, prepared: NDArray[Any], output: str) -> NDArray[np.float32]:
        if self._runner is None:
            raise AdapterError("the classifier is closed")
        each = self._fixed or len(prepared)
        rows = np.concatenate([self._part(prepared[at : at + each], output) for at in range(0, len(prepared), each)])
        rows = _pooled(rows) if output == self._features else rows
        return rows.reshape(len(rows), -1).astype(np.float32, copy=False)

    def _part(self, part: NDArray[Any], output: str) -> NDArray[Any]:
        """Run as many images as the graph takes; where it takes more, the last one fills up."""
        if self._runner is None:
            raise AdapterError("the classifier is closed")
        fed = part
        if self._fixed and len(part) < self._fixed:
            fed = np.concatenate([part, np.repeat(part[-1:], self._fixed - len(part), axis=0)])
        return self._runner.run({self._image: fed, **self._texts}, output)[: len(part)]


def _pooled(rows: NDArray[Any]) -> NDArray[Any]:
    """Return features [images, width]: the mean over tokens [images, tokens, width] or places [images, width, *]."""
    if rows.ndim == 3:
        return np.asarray(rows.mean(axis=1, dtype=np.float32))
    return np.asarray(rows.mean(axis=tuple(range(2, rows.ndim)), dtype=np.float32)) if rows.ndim > 3 else rows


def _named(row: NDArray[np.float32], classes: Sequence[str]) -> Response:
    if not np.isfinite(row).all():
        return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)")
    return Response(classes[int(row.argmax())], tokens_out=1, finish=Finish.STOP)


def graph_file(config: OnnxClassifierConfig, folder: Path) -> Path:
    """Return the ONNX file that an adapter in ``folder`` runs, built first where it is one to build.

    Raises:
        ConfigError: if its keys name none, or several.
    """
    if (config.model is None) == (config.build is None):
        raise ConfigError(Issue((), "an adapter of type onnx_classifier has either `model` or `build`"))
    if config.keep_float and (config.build is None or config.quantisation != "int8"):
        said = "only what is built here in INT8 is quantised here"
        raise ConfigError(Issue(("keep_float",), said, "quantise a file with `harness quantize --keep-float`"))
    if config.build is not None:
        if config.quantisation not in ("fp32", "int8"):
            raise ConfigError(Issue(("quantisation",), f"{config.build} is built as fp32 or int8"))
        try:
            return build(config.build, config.quantisation, config.keep_float)
        except UsageError as cause:
            raise ConfigError(Issue(("keep_float" if config.keep_float else "build",), str(cause))) from cause
    return find_graph((folder / str(config.model)).resolve(), config.quantisation)


def _image_input(path: Path, runner: Runner) -> tuple[str, Port]:
    """Return the input that takes the image, beside which there may be texts."""
    names = [name for name in runner.inputs if name not in TEXTS]
    if len(names) != 1:
        said = f"{path.name} has the inputs {', '.join(runner.inputs)}; a classifier has one, for the image"
        raise AdapterError(f"{said}, and a model of images and texts {', '.join(sorted(TEXTS))} beside it at most")
    return names[0], runner.inputs[names[0]]


def _preprocessing(config: OnnxClassifierConfig, folder: Folder, port: Port) -> Preprocessing:
    given = config.stated()
    built = known(config.build).preprocessing if config.build else None
    mean, std = (given.get(key, getattr(built or Preprocessing(), key)) for key in ("mean", "std"))
    if ("mean" in given or "std" in given) and (len(mean) != len(std) or len(mean) not in (1, 3)):
        raise ConfigError(Issue(("mean",), "`mean` and `std` have one value each for one or for three channels"))
    if min(std) <= 0 or not all(1 <= side <= 4096 for side in given.get("size", ())):
        raise ConfigError(Issue(("size",), "`std` lies above 0, and `size` between 1 and 4096"))
    return replace(built, **given) if built else fit(given, folder, port)


def _outputs(config: OnnxClassifierConfig, path: Path, runner: Runner) -> tuple[str | None, str | None]:
    """Return the outputs with logits and features, by their names, or None."""
    logits, features = (_stated(runner, key, getattr(config, key)) for key in ("logits", "features"))
    features = features or next((name for name in _FEATURES if name in runner.outputs), None)
    unknown = (name for name in runner.outputs if name != features and not name.startswith((*_FEATURES, *_INSIDE)))
    logits = logits or next((name for name in _LOGITS if name in runner.outputs), None) or next(unknown, None)
    if logits is None and features is None:
        said = f"{path.name} has the outputs {', '.join(runner.outputs)}, none of which is known to hold class scores"
        raise AdapterError(f"{said} or features; name one as `logits:` or `features:`")
    return logits, features


def _stated(runner: Runner, key: str, wanted: str | None) -> str | None:
    if wanted is not None and wanted not in runner.outputs:
        raise ConfigError(Issue((key,), f"the file has no output {wanted!r}", f"it has: {', '.join(runner.outputs)}"))
    return wanted


def _classes(config: OnnxClassifierConfig, base: Path, folder: Folder, runner: Runner, logits: str) -> tuple[str, ...]:
    zero_shot = any(name in TEXTS for name in runner.inputs)
    shape = runner.outputs[logits].shape
    width = shape[-1] if shape and not zero_shot else None

    def otherwise() -> tuple[str, ...]:
        if config.build:
            return tuple(known(config.build).classes())
        if zero_shot:
            said = "the graph compares images with texts: name the labels"
            raise ConfigError(Issue(("classes",), said, "`classes: [cat, dog]`; `prompt:` says what is made of them"))
        if width is None:
            raise ConfigError(Issue(("classes",), "the file does not say how many classes there are; name them"))
        return tuple(f"class {i}" for i in range(width))

    return class_names(_listed(config, base), folder, width, otherwise)


def _listed(config: OnnxClassifierConfig, base: Path) -> tuple[str, ...] | None:
    """Return the classes that the adapter's file names, itself or in a file."""
    if not isinstance(config.classes, str):
        return config.classes
    file = (base / config.classes).resolve()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(Issue(("classes",), f"{file} cannot be read: {cause}")) from cause
    return tuple(line.strip() for line in lines if line.strip())
