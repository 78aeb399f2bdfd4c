"""Qwen2-VL in PyTorch, with an optional LoRA: answers, likelihoods, image features and gradients."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from harness.adapters._torch.adapter import TorchAdapter, on_device, showing
from harness.adapters._torch.config import TorchConfig
from harness.adapters._torch.decoding import decode, end_ids
from harness.adapters._torch.likelihood import log_likelihoods
from harness.adapters._torch.loading import load, quiet
from harness.adapters._torch.pixels import PixelPath
from harness.adapters._torch.prompting import Encoded, load_rgb
from harness.adapters._torch.tower import Tower
from harness.errors import SampleError
from harness.types import Request

ENTRIES: Final = {"qwen2_vl": "Qwen2VLAdapter"}

Floats = NDArray[np.float32]


class Qwen2VLConfig(TorchConfig):
    """Keys of an adapter of ``type: qwen2_vl``."""


class Qwen2VLAdapter(TorchAdapter):
    """`Qwen2VLForConditionalGeneration` with its own processor.

    Without torchvision the processor is the same without its video part; the pixels are those of
    the Pillow image processor then, and torchvision's otherwise, and the fingerprint tells them apart.
    """

    Config: ClassVar[type[BaseModel]] = Qwen2VLConfig
    MODEL_CLASS: ClassVar[str | None] = "Qwen2VLForConditionalGeneration"
    capabilities: frozenset[str] = frozenset({"generate", "score_text", "embed", "gradient"})

    @classmethod
    def from_config(cls, config: TorchConfig, folder: Path) -> Self:
        """Load the model; relative paths in ``config`` start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded or is no Qwen2-VL, with what to do.
        """
        return cls(config, load(config, folder, cls.MODEL_CLASS, "qwen2_vl"))

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        """Return the log-likelihood of each candidate as the whole answer, its end included, in nats.

        Raises:
            AdapterError: if the adapter is closed.
            MemoryError: if a single candidate does not fit.
            SampleError: if the request cannot be used.
        """
        import torch

        loaded = self._open
        answers = [self._tokens(text) for text in candidates]

        def score(part: Sequence[list[int]]) -> list[float]:
            encoded = self._encode([request] * len(part), self._sharing)
            batch = on_device(encoded, loaded)
            with torch.inference_mode(), showing(self._tower, encoded):
                return [float(value) for value in log_likelihoods(loaded, batch, part)]

        return self._halving.run(answers, score)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        """Return the vision encoder's output, averaged over each image's tokens, float32 [images, width].

        Raises:
            AdapterError: if the adapter is closed.
            MemoryError: if a single image does not fit.
            SampleError: if an image cannot be used.
        """
        import torch

        loaded = self._open

        def features(part: Sequence[Image.Image]) -> list[Floats]:
            seen = _processed(self._encoder.processor.image_processor, part).to(loaded.device, loaded.base.dtype)
            with torch.inference_mode():
                pooled = loaded.base.get_image_features(seen["pixel_values"], seen["image_grid_thw"]).pooler_output
                return [tokens.float().mean(0).cpu().numpy() for tokens in pooled]

        width = int(loaded.base.config.get_text_config().hidden_size)
        size = self.batch_size
        rows = [
            row
            for start in range(0, len(images), size)
            for row in self._halving.run([load_rgb(image) for image in images[start : start + size]], features)
        ]
        return np.stack(rows) if rows else np.zeros((0, width), np.float32)

    def image_gradient(self, requests: Sequence[Request], answers: Sequence[str] | None = None) -> list[Floats]:
        """Return how the loss changes with each pixel: float32 [height, width, 3] an image, in [0, 255] space.

        The loss is the negative log-likelihood of an answer; its gradient points to where the
        answer becomes less likely. Resizing, normalisation and the vision encoder are all part of it.

        Args:
            requests: each with exactly one image.
            answers: whose likelihood; by default the model's own greedy answer to the request as it
                stands. An attack of several steps passes the answers to the clean images.

        Raises:
            AdapterError: if the adapter is closed.
            MemoryError: if a single request does not fit.
            SampleError: if a request cannot be used.
        """
        for request in requests:
            if len(request.images) != 1:
                raise SampleError(f"a gradient needs exactly one image; request {request.id} has {len(request.images)}")
        wanted: Sequence[str | None] = [None] * len(requests) if answers is None else answers
        pairs = list(zip(requests, wanted, strict=True))
        return self._halving.run(pairs, self._gradients)

    def _gradients(self, pairs: Sequence[tuple[Request, str | None]]) -> list[Floats]:
        import torch

        loaded = self._open
        requests = [request for request, _ in pairs]
        batch = on_device(self._encode(requests), loaded)
        answers = self._targets(batch, pairs)
        path = PixelPath.of(self._encoder.processor.image_processor)
        images = [
            torch.tensor(np.asarray(load_rgb(request.images[0]), np.float32), device=loaded.device, requires_grad=True)
            for request in requests
        ]
        with torch.enable_grad():
            grids = [tuple(grid) for grid in batch["image_grid_thw"].tolist()]
            patches = [path(image, grid) for image, grid in zip(images, grids, strict=True)]
            seen = {**batch, "pixel_values": torch.cat(patches).to(loaded.base.dtype)}
            # No row sees another, so that the gradient of the sum holds each row's own.
            loss = -log_likelihoods(loaded, seen, answers).sum()
            gradients = torch.autograd.grad(loss, images)
        return [gradient.float().cpu().numpy() for gradient in gradients]

    def _targets(self, batch: Any, pairs: Sequence[tuple[Request, str | None]]) -> list[list[int]]:
        """Return the tokens of each answer, asking the model where none is given."""
        targets = [None if text is None else self._tokens(text) for _, text in pairs]
        if None in targets:
            limits = [request.generation.max_new_tokens for request, _ in pairs]
            own, _ = decode(self._open, batch, limits, self._settings)
            targets = [
                list(answer.tokens) if given is None else given for given, answer in zip(targets, own, strict=True)
            ]
        return [tokens for tokens in targets if tokens is not None]

    def _tokens(self, text: str) -> list[int]:
        tokenizer = self._encoder.processor.tokenizer
        ends = sorted(end_ids(self._settings))
        end = tokenizer.eos_token_id if tokenizer.eos_token_id in ends or not ends else ends[0]
        return [*tokenizer.encode(text, add_special_tokens=False), end]

    def _encode(self, requests: Sequence[Request], tower: Tower | None = None) -> Encoded:
        """Return requests with as many images each, or with none, as the batch that they make."""
        with quiet():
            encoding = self._encoder(requests, tower)
        for row, said in encoding.problems.items():
            raise SampleError(f"request {requests[row].id}: {said}")
        (encoded,) = encoding.batches
        return encoded


def _processed(image_processor: Any, images: Sequence[Image.Image]) -> Any:
    try:
        return image_processor(images=list(images), return_tensors="pt")
    except ValueError as cause:
        raise SampleError(f"the model's processor refuses an image: {cause}") from cause
