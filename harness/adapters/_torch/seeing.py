"""What the adapters over models that see, and write nothing, share: images in, rows of numbers out."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.adapters._halving import Halving
from harness.adapters._torch.config import TorchModel
from harness.adapters._torch.decoding import release
from harness.adapters._torch.loading import quiet, weights_and_code
from harness.adapters._torch.prompting import load_rgb
from harness.adapters._torch.tracing import seen
from harness.errors import AdapterError, SampleError
from harness.traces import Trace
from harness.types import Finish, Request, Response, Status

Floats = NDArray[np.float32]

_CODE_VERSION: Final = 1
"""Raise it whenever the same file gives other numbers."""


class Seeing:
    """A model on its device: a function from a batch of images to rows, asked in pieces that fit into memory.

    A base class that keeps what no subclass says otherwise: batches, memory, the fingerprint, and an answer in words.
    """

    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"classify", "embed", "generate"})

    def __init__(
        self, config: TorchModel, path: Path, model: Any, image_processor: Any, device: Any, classes: Sequence[str]
    ) -> None:
        self.batch_size = config.batch_size
        self.batch_invariant = config.is_batch_invariant()
        self.classes = tuple(classes)
        """Names of the classes, in the order of the logits."""
        self._config = config
        self._path = path
        self._model: Any = model
        self._image_processor = image_processor
        self._device = device
        self._halving = Halving(lambda: release(device))
        self._fingerprint = ""

    def fingerprint(self) -> str:
        """Return a SHA-256 over weights, configuration and the versions of all code that touches a number."""
        if not self._fingerprint:
            content = weights_and_code(self._config, self._path, self._image_processor, (_CODE_VERSION,))
            self._fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def logits(self, pixels: Any) -> Any:
        """Return the logits [images, classes] of a processed batch, a tensor."""
        raise NotImplementedError

    def features(self, pixels: Any) -> Any:
        """Return the features [images, width] of a processed batch, a tensor."""
        raise NotImplementedError

    def classify(self, images: Sequence[Image.Image]) -> Floats:
        """Return the logit of every class for each image, float32 [images, classes].

        Raises:
            AdapterError: if the adapter is closed.
            MemoryError: if a single image does not fit.
            SampleError: if an image cannot be used.
        """
        return self._rows(images, self.logits, len(self.classes))

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        """Return the features of each image, float32 [images, width].

        Raises:
            AdapterError: if the adapter is closed.
            MemoryError: if a single image does not fit.
            SampleError: if an image cannot be used.
        """
        return self._rows(images, self.features, 0)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer each request with the name of its image's best class, whatever it asks.

        Raises:
            AdapterError: if the adapter is closed.
        """
        shown: dict[int, Image.Image] = {}
        responses: dict[int, Response] = {}
        for place, request in enumerate(requests):
            try:
                if len(request.images) != 1:
                    raise SampleError(f"a classifier needs one image; this request has {len(request.images)}")
                shown[place] = load_rgb(request.images[0])
            except SampleError as cause:
                responses[place] = Response(None, Status.ERROR, str(cause))
        try:
            rows = dict(zip(shown, self.classify(list(shown.values())), strict=True))
            responses |= {place: self._named(row) for place, row in rows.items()}
        except (SampleError, MemoryError) as cause:
            if len(requests) > 1:
                return [response for request in requests for response in self.generate([request])]
            responses[0] = Response(None, Status.ERROR, str(cause))
        return [responses[place] for place in range(len(requests))]

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Answer one request with its image's best class, and show the pixels and the logits of all classes.

        Raises:
            AdapterError: if the adapter is closed.
            SampleError: if a request has another number of images than one, or cannot be used.
        """
        for one in (request, *beside):
            if len(one.images) != 1:
                raise SampleError(f"a classifier needs one image; this request has {len(one.images)}")
        logits = self.classify([one.images[0] for one in (request, *beside)])[0]
        response = self._named(logits)
        if response.status is not Status.OK:
            raise SampleError(str(response.error))
        shown = self._processed([load_rgb(request.images[0])])
        precision = str(self._model.dtype).removeprefix("torch.")
        return Trace(response, seen(shown, self._image_processor), logits=logits, precision=precision)

    def close(self) -> None:
        """Let go of the model and its memory."""
        if self._model is not None:
            self._model = None
            release(self._device)

    def _processed(self, images: Sequence[Image.Image]) -> Any:
        """Return what the model reads of images in RGB, where it reads it."""
        try:
            made = self._image_processor(images=list(images), return_tensors="pt")
        except ValueError as cause:
            raise SampleError(f"the model's processor refuses an image: {cause}") from cause
        return made.to(self._device, dtype=self._model.dtype)

    def _named(self, row: Floats) -> Response:
        if not np.isfinite(row).all():
            return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)")
        return Response(self.classes[int(row.argmax())], tokens_out=1, finish=Finish.STOP)

    def _rows(self, images: Sequence[Image.Image], ask: Callable[[Any], Any], width: int) -> Floats:
        import torch

        if self._model is None:
            raise AdapterError("the adapter is closed")

        def call(part: Sequence[Image.Image]) -> list[Floats]:
            with torch.inference_mode(), quiet():
                return list(ask(self._processed(part)).float().cpu().numpy())

        shown = [load_rgb(image) for image in images]
        starts = range(0, len(shown), self.batch_size)
        rows = [row for start in starts for row in self._halving.run(shown[start : start + self.batch_size], call)]
        return np.stack(rows) if rows else np.zeros((0, width), np.float32)
