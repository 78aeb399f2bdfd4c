"""Qwen2-VL as ONNX files in the public layout, run by ONNX Runtime without torch or transformers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._pictures import PictureCache, picture_key
from harness.adapters._qwen2_vl.config import ThreeFiles
from harness.adapters._qwen2_vl.counting import processor_counter, prompt_encoder
from harness.adapters._qwen2_vl.decoding import Begun, Graphs, SpecialIds, Stopwatch, Watched, generate, respond
from harness.adapters._qwen2_vl.folder import ModelFolder
from harness.adapters._qwen2_vl.images import PREPROCESSING_VERSION, rgb, to_patches
from harness.adapters._qwen2_vl.once import Kept, Look, Looks, SeenBefore, apart, seen
from harness.adapters._qwen2_vl.prefixes import Beginnings
from harness.adapters._qwen2_vl.prompts import Batch, Prompt, PromptEncoder, left_pad
from harness.adapters._qwen2_vl.sessions import PARTS, OnnxGraphs
from harness.errors import AdapterError, SampleError
from harness.extras import install
from harness.traces import Pixels, Trace, likeliest
from harness.types import Request, Response, Status, TokenCounter

ENTRIES: Final = {"onnx": "OnnxAdapter"}

_CODE_VERSION: Final = 1
"""Raise it whenever decoding or the building of prompts changes an answer."""

_PACKAGES: Final = ("onnxruntime", "tokenizers", "jinja2")


class OnnxConfig(ThreeFiles):
    """Keys of an adapter of ``type: onnx``."""

    min_pixels: int | None = Field(default=None, ge=1)
    """The smallest area that an image is resized to; by default the model's own."""
    max_pixels: int | None = Field(default=None, ge=1)
    """The largest area that an image is resized to; by default the model's own."""

    def precision(self) -> str | None:
        """Return what the files compute in, as far as their names say."""
        if self.suffix is not None or self.suffixes:
            return None
        return {"fp32": "float32", "fp16": "float16"}.get(self.quantisation, self.quantisation)


def graph_files(config: ThreeFiles, folder: Path) -> dict[str, Path]:
    """Return the ONNX files that an adapter in ``folder`` runs, by the part of the model that each is."""
    files = ModelFolder((folder / config.model).resolve(), config.file_suffix(), config.differing())
    return dict(zip(PARTS, files.graphs(), strict=True))


class OnnxAdapter:
    """A Qwen2-VL model in three ONNX files: vision encoder, embedding, decoder with cache."""

    Config: ClassVar[type[BaseModel]] = OnnxConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate", "embed"})

    def __init__(self, config: OnnxConfig, folder: ModelFolder, graphs: Graphs, encoder: PromptEncoder) -> None:
        self.batch_size = config.batch_size
        self.batch_invariant = config.is_batch_invariant()
        self._config = config
        self._folder = folder
        self._graphs: Graphs | None = graphs
        self._encoder = encoder
        self._kept: Kept | None = None
        if config.image_cache:
            self._kept = PictureCache(config.image_cache, lambda picture: picture[1].nbytes)
        self._beginnings = Beginnings.of(config, graphs)
        self._special = SpecialIds(folder.image_id(), folder.pad_id(), folder.end_ids())
        self._fingerprint = ""

    @classmethod
    def from_config(cls, config: OnnxConfig, folder: Path) -> Self:
        """Load the model; ``config.model`` is relative to ``folder``.

        Raises:
            AdapterError: if a package or a file is missing or unusable, with what to do.
            ConfigError: if a key lacks another one.
        """
        if missing := [name for name in _PACKAGES if find_spec(name) is None]:
            raise AdapterError(f"ONNX models need {', '.join(missing)}; run `{install('onnx')}`")
        files = ModelFolder((folder / config.model).resolve(), config.file_suffix(), config.differing())
        files.check()
        kind = str(files.read("config.json").get("model_type", "qwen2_vl"))
        if not kind.startswith("qwen2"):
            raise AdapterError(
                f"{files.path} holds a {kind}: use `type: onnx_vlm`; this one runs Qwen2-VL's files alone"
            )
        encoder = prompt_encoder(files, config.min_pixels, config.max_pixels)
        graphs = OnnxGraphs.load(files.graphs(), config)
        return cls(config, files, graphs, encoder)

    @classmethod
    def token_counter(cls, config: OnnxConfig, folder: Path) -> TokenCounter | None:
        """Return the model's own processor as what counts tokens."""
        return processor_counter((folder / config.model).resolve(), config.min_pixels, config.max_pixels)

    def fingerprint(self) -> str:
        """Return a SHA-256 over files, configuration and the versions of all code that touches an answer."""
        if not self._fingerprint:
            content = {
                "files": dict(self._folder.digests()),
                "config": self._config.counted(),
                "code": [_CODE_VERSION, PREPROCESSING_VERSION],
                "packages": _versions(),
            }
            self._fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch. A request that cannot be used costs only itself.

        Raises:
            AdapterError: if the adapter is closed or ONNX Runtime fails.
            MemoryError: if the batch does not fit.
        """
        if self._graphs is None:
            raise AdapterError("the ONNX adapter is closed")
        stopwatch = Stopwatch()
        responses: dict[int, Response] = {}
        prompts: dict[int, Prompt] = {}
        shown: dict[int, list[Look]] = {}
        looks = None if self._kept is None else Looks(self._kept, self._encoder.images)
        with stopwatch.stage("preprocess"):
            for index, request in enumerate(requests):
                own = [] if looks is None else looks.begin()
                try:
                    prompts[index] = self._encoder(request, None if looks is None else looks.prepare)
                    shown[index] = own
                except SampleError as cause:
                    responses[index] = Response(text=None, status=Status.ERROR, error=str(cause))
        graphs, reused = self._graphs, dict[int, int]()
        if looks is not None:
            with stopwatch.stage("vision"):
                graphs, reused = SeenBefore(graphs), looks.see(graphs, shown)
            prompts = {index: seen(prompt, shown[index]) for index, prompt in prompts.items()}
        if prompts:
            keys = [b"".join(look.key for look in shown[index]) for index in prompts]
            with stopwatch.stage("prefill"):
                batch, begun = self._laid_out(list(prompts.values()), keys)
            limits = [requests[index].generation.max_new_tokens for index in prompts]
            answers = generate(graphs, batch, limits, self._special, stopwatch, begun)
            for (index, prompt), answer in zip(prompts.items(), answers, strict=True):
                found = respond(prompt, answer, self._encoder.tokenizer.decode, stopwatch.seconds)
                responses[index] = replace(found, images_reused=reused.get(index))
        return [responses[index] for index in range(len(requests))]

    def _laid_out(self, prompts: Sequence[Prompt], pictures: Sequence[bytes]) -> tuple[Batch, Begun | None]:
        """Return prompts as a batch, and their beginnings where those are kept; ``pictures`` are each one's own."""
        if self._beginnings is None or self._graphs is None:
            return left_pad(list(prompts), self._special.pad), None
        return self._beginnings.begin(self._graphs, prompts, pictures, self._special)

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Answer one request and show patches, prompt, tokens and the first token's logits.

        Raises:
            AdapterError: if the adapter is closed or ONNX Runtime fails.
            SampleError: if a request cannot be used.
        """
        if self._graphs is None:
            raise AdapterError("the ONNX adapter is closed")
        requests = (request, *beside)
        prompts = [self._encoder(one) for one in requests]
        read, images = prompts[0], self._encoder.images
        watched = Watched(self._graphs)
        if self._kept is not None:
            prompts = [_apart(self._graphs, prompt) for prompt in prompts]
            watched = SeenBefore(self._graphs)
        limits = [one.generation.max_new_tokens for one in requests]
        stopwatch = Stopwatch()
        keys = [b"".join(map(picture_key, map(rgb, one.shown()))) for one in requests]
        batch, begun = self._laid_out(prompts, keys)
        answer = generate(watched, batch, limits, self._special, stopwatch, begun)[0]
        return Trace(
            respond(read, answer, self._encoder.tokenizer.decode, stopwatch.seconds),
            tuple(
                Pixels(patches, "patches", grid[1:], images.merge, images.frames)
                for patches, grid in zip(read.pixel_values, read.grids, strict=True)
            ),
            self._encoder.template.render(request),
            tuple(read.ids.tolist()),
            tuple(str(self._encoder.tokenizer.id_to_token(token)) for token in read.ids.tolist()),
            watched.first[0],
            likeliest(watched.first[0], lambda token: self._encoder.tokenizer.decode([token], False)),
            self._config.precision(),
        )

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the vision encoder's output, averaged over each image's tokens, float32 [images, width].

        The encoder sees one image a call, so that with 8-bit activations too an image's features depend on
        nothing but the image.

        Raises:
            AdapterError: if the adapter is closed or ONNX Runtime fails.
            SampleError: if an image cannot be used.
        """
        if self._graphs is None:
            raise AdapterError("the ONNX adapter is closed")
        if not images:
            return np.zeros((0, int(self._folder.text_config()["hidden_size"])), np.float32)
        rows = []
        for image in images:
            patches, grid = to_patches(image, self._encoder.images)
            rows.append(self._graphs.encode_images(patches, np.array([grid], np.int64)).mean(axis=0))
        return np.stack(rows)

    def model_files(self) -> Sequence[Path]:
        """Return the three graphs."""
        return self._folder.graphs()

    def close(self) -> None:
        """Let go of the sessions and their memory."""
        self._graphs = None
        if self._beginnings is not None:
            self._beginnings.clear()


def _apart(graphs: Graphs, prompt: Prompt) -> Prompt:
    pictures = zip(prompt.pixel_values, prompt.grids, strict=True)
    return replace(prompt, pixel_values=tuple(apart(graphs, patches, grid) for patches, grid in pictures))


def _versions() -> dict[str, str]:
    import onnxruntime

    # ONNX Runtime comes under several distribution names (onnxruntime-gpu, …), so that only the module knows.
    packages = {name: version(name) for name in ("numpy", "pillow", "tokenizers", "jinja2")}
    return packages | {"onnxruntime": str(onnxruntime.__version__)}
