"""No vision-language model at all: RapidOCR reads the image, a few rules find the answer in the text."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._ocr_rules import RULES_VERSION, Word, answer, asks_for_all, read_entries, transcript
from harness.digests import digest
from harness.errors import AdapterError, SampleError
from harness.extras import install
from harness.images import to_rgb
from harness.spec.models import BatchSize, Model, Threads
from harness.types import Finish, Request, Response, Status

ENTRIES: Final = {"ocr": "OcrAdapter"}

_REMEMBERED: Final = 256
"""Pages whose text is kept: the questions about one image stand together."""
_SMALLEST: Final = 8
"""Pixels a side below which there is no letter to read."""


class OcrConfig(Model):
    """Keys of an adapter of ``type: ocr``."""

    side: int = Field(default=224, ge=32, le=4096)
    """Images whose shorter side has fewer pixels are enlarged to this before text is looked for."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """How sure a piece of text must be read to count."""
    threads: Threads = 1
    """Threads of ONNX Runtime."""
    batch_size: BatchSize = 8
    """Requests a call; images are read one by one in any case."""


class OcrAdapter:
    """A baseline for chart and document questions: what the printed text alone answers.

    Labels are paired with the numbers beside, above or below them; the question's words pick a label, and
    "highest", "lowest" and "higher than" compare the numbers (``_ocr_rules`` has it all). What is drawn and
    not written, such as the length of a bar or a colour, it cannot know: it then answers nothing. A prompt that says
    "transcribe" gets the whole text, row by row.
    """

    Config: ClassVar[type[BaseModel]] = OcrConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate"})
    batch_invariant: bool = True

    def __init__(self, config: OcrConfig, engine: Any, models: Sequence[Path]) -> None:
        self.batch_size = config.batch_size
        self._config = config
        self._engine: Any = engine
        self._models = tuple(models)
        self._read: OrderedDict[str, tuple[Word, ...]] = OrderedDict()

    @classmethod
    def from_config(cls, config: OcrConfig, folder: Path) -> Self:
        """Load the models that are part of the package.

        Raises:
            AdapterError: if RapidOCR is not installed, or without its models.
        """
        try:
            import rapidocr
        except ImportError as cause:
            raise AdapterError(f"`type: ocr` needs RapidOCR ({cause}); install the extra: {install('ocr')}") from cause
        models = sorted((Path(str(rapidocr.__file__)).parent / "models").glob("*.onnx"))
        if not models:
            raise AdapterError("the installed rapidocr has no models in it; reinstall it: pip install -U rapidocr")
        threads = dict.fromkeys(("intra_op_num_threads", "inter_op_num_threads"), config.threads)
        params = {
            "Global.log_level": "critical",
            "Global.use_cls": False,  # upright text only: turning pages by 180 degrees costs more than it finds
            "Det.limit_side_len": config.side,
            **{f"EngineConfig.onnxruntime.{name}": count for name, count in threads.items()},
        }
        return cls(config, rapidocr.RapidOCR(params=params), models)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the models, the settings, the rules and the versions of the packages."""
        content = {
            "models": {model.name: digest(model) for model in self._models},
            "config": self._config.model_dump(mode="json", exclude={"threads", "batch_size"}),
            "rules": RULES_VERSION,
            "packages": {name: version(name) for name in ("rapidocr", "onnxruntime", "pillow")},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch, one by one; what cannot be read costs only its request.

        Raises:
            AdapterError: if the adapter is closed.
        """
        if self._engine is None:
            raise AdapterError("the adapter is closed")
        return [self._answer(request) for request in requests]

    def close(self) -> None:
        """Let go of the models."""
        self._engine = None

    def _answer(self, request: Request) -> Response:
        try:
            pages = [self._words_of(image) for image in request.images]
            if asks_for_all(request.prompt):
                return Response("\n".join(map(transcript, pages)), finish=Finish.STOP)
            entries = [entry for words in pages for entry in read_entries(words)]
            return Response(answer(request.prompt, entries), finish=Finish.STOP)
        except (SampleError, OSError, SyntaxError, ValueError) as cause:
            return Response(None, Status.ERROR, f"an image cannot be read: {cause}")
        except Exception as cause:  # noqa: BLE001 - OpenCV and ONNX Runtime raise kinds of their own
            return Response(None, Status.ERROR, f"RapidOCR raised {type(cause).__name__}: {cause}")

    def _words_of(self, image: Image.Image) -> tuple[Word, ...]:
        if not image.width * image.height:
            raise SampleError("it has no pixels")
        if min(image.size) < _SMALLEST:
            return ()
        pixels = np.asarray(to_rgb(image))
        key = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        if key not in self._read:
            self._read[key] = tuple(self._words(pixels))
            if len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        self._read.move_to_end(key)
        return self._read[key]

    def _words(self, pixels: np.ndarray) -> list[Word]:
        found = self._engine(np.ascontiguousarray(pixels[:, :, ::-1]))  # OpenCV's order: blue, green, red
        if found.boxes is None or found.txts is None:
            return []
        words = zip(np.asarray(found.boxes, np.float64), found.txts, found.scores, strict=True)
        return [
            Word(text, *map(float, (*box.min(0), *box.max(0))))
            for box, text, score in words
            if score >= self._config.min_score and text.strip()
        ]
