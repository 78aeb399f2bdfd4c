"""The adapter over a model of `transformers`: batches in, responses out."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.adapters._halving import Halving
from harness.adapters._qwen2_vl.decoding import Stopwatch
from harness.adapters._torch.config import TorchConfig
from harness.adapters._torch.decoding import Answer, decode, greedy, release
from harness.adapters._torch.loading import Loaded, ingredients, load, quiet
from harness.adapters._torch.prompting import Encoded, Encoder
from harness.errors import AdapterError
from harness.types import Request, Response, Status

CODE_VERSION: Final = 1
"""Raise it whenever prompts or decoding change an answer."""


class TorchAdapter:
    """Answers with any model of `transformers` that maps images and text to text."""

    Config: ClassVar[type[BaseModel]] = TorchConfig
    MODEL_CLASS: ClassVar[str] = "AutoModelForImageTextToText"
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate"})

    def __init__(self, config: TorchConfig, loaded: Loaded) -> None:
        from harness.adapters._chat_template import trial

        self.batch_size = config.batch_size
        self.batch_invariant = config.is_batch_invariant()
        self.cautions = loaded.cautions
        """Warnings about the model, for the terminal and the record."""
        self._config = config
        self._loaded: Loaded | None = loaded
        self._settings = greedy(loaded.base, config.repetition_penalty)
        processor = loaded.processor
        tried = trial(processor.chat_template, processor.tokenizer.special_tokens_map)
        self._encoder = Encoder(processor, config.system, _longest(loaded.base.config), tried)
        self._halving = Halving(lambda: release(loaded.device))
        self._fingerprint = ""

    @classmethod
    def from_config(cls, config: TorchConfig, folder: Path) -> Self:
        """Load the model; relative paths in ``config`` start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded, with what to do.
        """
        return cls(config, load(config, folder, cls.MODEL_CLASS))

    def fingerprint(self) -> str:
        """Return a SHA-256 over weights, configuration and the versions of all code that touches an answer."""
        if not self._fingerprint:
            content = ingredients(self._config, self._open, (CODE_VERSION,))
            self._fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch. A request that cannot be used costs only itself.

        Raises:
            AdapterError: if the adapter is closed.
        """
        loaded = self._open
        return self._halving.run(
            requests, lambda part: self._answer(loaded, part), lambda said: Response(None, Status.ERROR, said)
        )

    def close(self) -> None:
        """Let go of the model and its memory."""
        if self._loaded is not None:
            device, self._loaded = self._loaded.device, None
            release(device)

    @property
    def _open(self) -> Loaded:
        if self._loaded is None:
            raise AdapterError("the adapter is closed")
        return self._loaded

    def _answer(self, loaded: Loaded, requests: Sequence[Request]) -> list[Response]:
        stopwatch = Stopwatch()
        with stopwatch.stage("preprocess"), quiet():
            encoded = self._encoder(requests)
        responses = {row: Response(None, Status.ERROR, said) for row, said in encoded.problems.items()}
        if encoded.rows:
            limits = [requests[row].generation.max_new_tokens for row in encoded.rows]
            with quiet():
                answers, stages = decode(loaded, on_device(encoded, loaded), limits, self._settings)
            seconds = {**stopwatch.seconds, **stages}
            counts = zip(encoded.rows, answers, *self._counts(encoded), strict=True)
            responses |= {row: self._respond(answer, read, seen, seconds) for row, answer, read, seen in counts}
        return [responses[row] for row in range(len(requests))]

    def _counts(self, encoded: Encoded) -> tuple[list[int], list[int | None]]:
        """Return the tokens of each prompt, and how many of them stand for images where the model says."""
        read = encoded.batch["attention_mask"].sum(1).tolist()
        image_id = getattr(self._encoder.processor, "image_token_id", None)
        if image_id is None:
            return read, [None] * len(read)
        return read, (encoded.batch["input_ids"] == image_id).sum(1).tolist()

    def _respond(self, answer: Answer, read: int, seen: int | None, seconds: dict[str, float]) -> Response:
        cost: dict[str, Any] = {
            "tokens_in": int(read),
            "image_tokens": seen,
            "tokens_out": len(answer.tokens),
            "seconds": seconds,
            "finish": answer.finish,
        }
        if not answer.finite:
            return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)", **cost)
        text = self._encoder.processor.tokenizer.decode(list(answer.tokens), skip_special_tokens=True)
        return Response(text, **cost)


def on_device(encoded: Encoded, loaded: Loaded) -> Any:
    """Return the batch on the model's device, its images in the model's precision."""
    return encoded.batch.to(loaded.device, dtype=loaded.base.dtype)


def _longest(config: Any) -> int | None:
    text = config.get_text_config()
    found = getattr(text, "max_position_embeddings", None)
    return int(found) if found else None
