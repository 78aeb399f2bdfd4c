"""Vision-language models as three ONNX files, in the layout of transformers.js and optimum, run by ONNX Runtime.

The files are a vision encoder, the embedding of tokens and a decoder with its cache. What they take is read from the
graphs; what they are given, the model's own processor of `transformers` makes. Qwen2-VL's files, whose positions have
three axes, are run by the type ``onnx``, without `transformers`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._chat_template import trial
from harness.adapters._pictures import PictureCache, picture_key
from harness.adapters._qwen2_vl.config import ThreeFiles
from harness.adapters._qwen2_vl.decoding import Begun, SpecialIds, Stopwatch, generate, respond
from harness.adapters._qwen2_vl.folder import ModelFolder
from harness.adapters._qwen2_vl.graphs import ThreeGraphs
from harness.adapters._qwen2_vl.prefixes import Beginnings
from harness.adapters._qwen2_vl.prompts import Batch, Prompt, left_pad
from harness.adapters._torch.formats import find_format
from harness.adapters._torch.processor import load_processor
from harness.adapters._torch.prompting import Encoder, Padding, Reading, load_rgb
from harness.adapters._torch.source import model_digests, need
from harness.errors import AdapterError, SampleError
from harness.extras import install
from harness.spec.models import Size
from harness.types import Request, Response, Status

ENTRIES: Final = {"onnx_vlm": "OnnxVlmAdapter"}

_CODE_VERSION: Final = 1
"""Raise it whenever decoding or the building of prompts changes an answer."""
_OTHERWISE: Final = {
    "florence2": "it has an encoder and a decoder",
    "gemma3": "attention within its images goes both ways",
    "llava_next": "its tiles are put together between the vision encoder and the prompt",
    "llava_onevision": "its tiles are put together between the vision encoder and the prompt",
    "paligemma": "attention within its images goes both ways",
}
"""By the configuration's ``model_type``: what these graphs would answer wrongly, and say nothing."""


class OnnxVlmConfig(ThreeFiles):
    """Keys of an adapter of ``type: onnx_vlm``. Images are encoded one prompt at a time, whatever the batch."""

    sees_together: ClassVar[bool] = False

    image_cache: Size = 256 << 20
    """How much of what the vision encoder made of pictures is kept for the next question about them, as `256MiB`; 0 for
    none. Answers are the same either way."""
    processor: dict[str, Any] = Field(default_factory=dict)
    """Settings of the model's processor and of its image processor, by their own names."""
    system: str | None = None
    """The system prompt of requests that bring none."""
    prompt_format: str | None = None
    """How a model without a chat template is asked: a text with `{prompt}`, `{image}`, `{system}` and `{start}`."""


class OnnxVlmAdapter:
    """LLaVA, Idefics3, SmolVLM, InternVL and others whose image is a run of embeddings among those of the prompt."""

    Config: ClassVar[type[BaseModel]] = OnnxVlmConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate"})

    def __init__(self, config: OnnxVlmConfig, files: ModelFolder, graphs: ThreeGraphs, encoder: Encoder) -> None:
        self.batch_size = config.batch_size
        self.batch_invariant = config.is_batch_invariant()
        self._config = config
        self._files = files
        self._graphs: ThreeGraphs | None = graphs
        self._encoder = encoder
        self._kept: PictureCache[NDArray[np.float32]] = PictureCache(config.image_cache, lambda seen: seen.nbytes)
        self._beginnings = Beginnings.of(config, graphs)
        self._special = SpecialIds(files.image_id(), files.pad_id(), files.end_ids())
        self._fingerprint = ""

    @classmethod
    def from_config(cls, config: OnnxVlmConfig, folder: Path) -> Self:
        """Load the model; ``config.model`` is relative to ``folder``.

        Raises:
            AdapterError: if a package or a file is missing or unusable, with what to do.
        """
        if find_spec("onnxruntime") is None:
            raise AdapterError(f"ONNX models need onnxruntime; run `{install('onnx')}`")
        need(("transformers",), "vlm", "the processors of these models")
        files = ModelFolder((folder / config.model).resolve(), config.file_suffix(), config.differing())
        files.check()
        kind = str(files.read("config.json").get("model_type"))
        if kind.startswith("qwen2"):
            raise AdapterError(f"{files.path} holds a Qwen2-VL: its positions have three axes; use `type: onnx`")
        if kind in _OTHERWISE:
            raise AdapterError(
                f"{files.path} holds a {kind}, which these three files cannot be run for: {_OTHERWISE[kind]}; "
                "run the checkpoint with `type: transformers`, or a server of it with `type: openai`"
            )
        encoder = _encoder(config, files)
        graphs = ThreeGraphs.load(files.graphs(), config)
        _check(graphs, encoder)
        return cls(config, files, graphs, encoder)

    def fingerprint(self) -> str:
        """Return a SHA-256 over files, configuration and the versions of all code that touches an answer."""
        if not self._fingerprint:
            content = {
                "files": model_digests(self._files.path) | dict(self._files.digests()),
                "config": self._config.counted(),
                "code": [_CODE_VERSION],
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
        reused: dict[int, int] = {}
        keys: dict[int, bytes] = {}
        for row, request in enumerate(requests):
            keys[row] = self._key(request)
            made, again = self._prepare(self._graphs, request, keys[row], stopwatch)
            if isinstance(made, Prompt):
                prompts[row], reused[row] = made, again
            else:
                responses[row] = Response(None, Status.ERROR, made)
        if prompts:
            limits = [requests[row].generation.max_new_tokens for row in prompts]
            batch, begun = self._laid_out(self._graphs, prompts, keys, stopwatch)
            answers = generate(self._graphs, batch, limits, self._special, stopwatch, begun)
            for (row, prompt), answer in zip(prompts.items(), answers, strict=True):
                found = respond(prompt, answer, self._encoder.processor.tokenizer.decode, stopwatch.seconds)
                responses[row] = replace(found, images_reused=reused[row]) if self._kept.most else found
        return [responses[row] for row in range(len(requests))]

    def _key(self, request: Request) -> bytes:
        """Return what a request's pictures are known by; nothing where none is kept, or one cannot be read."""
        if not self._kept.most:
            return b""
        try:
            return b"".join(picture_key(load_rgb(image)) for image in request.shown())
        except SampleError:  # said again, and to the user, when the prompt is made
            return b""

    def _laid_out(
        self, graphs: ThreeGraphs, prompts: dict[int, Prompt], keys: dict[int, bytes], stopwatch: Stopwatch
    ) -> tuple[Batch, Begun | None]:
        """Return prompts as a batch, and their beginnings where those are kept."""
        if self._beginnings is None:
            return left_pad(list(prompts.values()), self._special.pad), None
        with stopwatch.stage("prefill"):
            pictures = [keys[row] for row in prompts]
            return self._beginnings.begin(graphs, list(prompts.values()), pictures, self._special)

    def _prepare(
        self, graphs: ThreeGraphs, request: Request, key: bytes, stopwatch: Stopwatch
    ) -> tuple[Prompt | str, int]:
        """Return a prompt with its images' features, or why there is none; and how many images were seen before."""
        with stopwatch.stage("preprocess"):
            encoding = self._encoder([request])
        if encoding.problems:
            return encoding.problems[0], 0
        given = encoding.batches[0].batch
        ids = np.asarray(given["input_ids"][0], np.int64)
        features: tuple[NDArray[np.float32], ...] = ()
        places, again = int((ids == self._special.image).sum()), 0
        if request.images:
            with stopwatch.stage("vision"):
                seen = self._kept.get(key)
                if seen is None:
                    seen = graphs.see({name: np.asarray(given[name]) for name in graphs.sees if name in given})
                    self._kept.put(key, seen)
                else:
                    again = len(request.images)
            if len(seen) != places:
                said = f"the vision encoder gives {len(seen)} embeddings, and the prompt has {places} places for them"
                return said, 0
            features = (seen,)
        elif places:
            return "the request's own words hold the model's image token", 0
        positions = np.tile(np.arange(len(ids), dtype=np.int64), (3, 1))
        return Prompt(ids, positions, features, ((1, 1, places),) if features else (), places), again

    def model_files(self) -> Sequence[Path]:
        """Return the three graphs."""
        return self._files.graphs()

    def close(self) -> None:
        """Let go of the sessions and their memory."""
        self._graphs = None
        if self._beginnings is not None:
            self._beginnings.clear()


def _encoder(config: OnnxVlmConfig, files: ModelFolder) -> Encoder:
    processor = load_processor(files.path, trust_remote_code=False, settings=config.processor)
    form = find_format(config.prompt_format, processor, files.path)
    tokens = getattr(processor.tokenizer, "special_tokens_map", {})
    longest = files.text_config().get("max_position_embeddings")
    reading = Reading(Padding.LEFT, needs_image=False, in_decoder=False, longest=int(longest) if longest else None)
    tried = trial(getattr(processor, "chat_template", None), tokens)
    return Encoder(processor, config.system, reading, form, tried, tensors="np")


def _check(graphs: ThreeGraphs, encoder: Encoder) -> None:
    """See that the processor makes all that the vision encoder takes.

    Raises:
        AdapterError: naming what it takes beyond that, or why the processor refuses an image.
    """
    encoding = encoder([Request("check", "?", images=(Image.new("RGB", (64, 48)),))])
    if encoding.problems:
        raise AdapterError(f"the model cannot be asked about an image: {encoding.problems[0]}")
    made = set(encoding.batches[0].batch)
    if lacking := sorted(set(graphs.sees) - made):
        raise AdapterError(
            f"the vision encoder takes {', '.join(lacking)}, which the model's processor does not make "
            f"(it makes {', '.join(sorted(made))}); export the files in the layout of transformers.js"
        )


def _versions() -> dict[str, str]:
    import onnxruntime

    packages = {name: version(name) for name in ("numpy", "pillow", "tokenizers", "transformers", "jinja2")}
    return packages | {"onnxruntime": str(onnxruntime.__version__)}
