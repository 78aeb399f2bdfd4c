"""When is this shown? The run of frames that looks most like a picture, by a model's own embeddings."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.adapters._nested import load_nested
from harness.adapters._per_frame.shapes import best_run, window
from harness.errors import AdapterError, SampleError
from harness.spec.answer import TemporalAnswer
from harness.spec.models import BatchSize, Model
from harness.types import EmbeddingAdapter, Finish, Request, Response, Status

ENTRIES: Final = {"frame_similarity": "FrameSimilarityAdapter"}

_CODE_VERSION: Final = 1
"""Raise it whenever the reading of similarities changes an answer."""


class FrameSimilarityConfig(Model):
    """Keys of an adapter of ``type: frame_similarity``."""

    model: dict[str, Any]
    """The adapter that embeds images: its `type` and keys, as its own file would have them."""
    level: float = Field(default=0.5, gt=0, lt=1)
    """A frame counts as alike from here on, between the least and the most alike frame of its clip."""
    batch_size: BatchSize = 8
    """Clips a call."""


class FrameSimilarityAdapter:
    """Grounds a picture in a clip: cosine similarity of each frame to the picture, and the run of those above a level.

    The picture is the last image before the frames. Features are taken from the mean of the clip's frames. The
    level lies between the least and the most alike frame of the same clip, so that a picture that is never shown
    still gets a window: the confidence says how far apart the two are. Requests without frames go to the model
    as they are.
    """

    Config: ClassVar[type[BaseModel]] = FrameSimilarityConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate", "temporal"})
    batch_invariant: bool = True

    def __init__(self, config: FrameSimilarityConfig, model: EmbeddingAdapter) -> None:
        self.batch_size = config.batch_size
        self.simulated = model.simulated
        self._config = config
        self._model: EmbeddingAdapter | None = model

    @classmethod
    def from_config(cls, config: FrameSimilarityConfig, folder: Path) -> Self:
        """Load the model; its relative paths start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded, or does not embed.
            ConfigError: if a key of the model is wrong.
        """
        model = load_nested(config.model, folder)
        if "embed" not in model.capabilities or not isinstance(model, EmbeddingAdapter):
            model.close()
            raise AdapterError(f"`model` of type {config.model['type']!r} does not embed images")
        return cls(config, model)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the model's own fingerprint, the level and this code's version."""
        content = [self._usable().fingerprint(), self._config.level, _CODE_VERSION]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer each request; one that cannot be answered costs only itself.

        Raises:
            AdapterError: if the adapter is closed, or whatever the model raises.
        """
        model = self._usable()
        return [self._one(model, request) for request in requests]

    def _one(self, model: EmbeddingAdapter, request: Request) -> Response:
        if not request.times:
            (answer,) = model.generate([request])
            return answer
        if len(request.images) == len(request.times):
            return Response(None, Status.ERROR, "there is no picture before the frames to look for")
        looked_at = request.images[-len(request.times) - 1 :]
        try:
            # One image a call: no answer can then depend on its companions.
            rows = np.concatenate([np.asarray(model.embed([image]), np.float64) for image in looked_at])
        except SampleError as cause:
            return Response(None, Status.ERROR, str(cause))
        if not np.isfinite(rows).all():
            return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)")
        found = most_alike(rows[0], rows[1:], request.times, self._config.level)
        return Response(found.model_dump_json(by_alias=True), finish=Finish.STOP)

    def close(self) -> None:
        """Let go of the model."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def _usable(self) -> EmbeddingAdapter:
        if self._model is None:
            raise AdapterError("the frame-similarity adapter is closed")
        return self._model


def most_alike(
    picture: NDArray[np.float64], frames: NDArray[np.float64], times: Sequence[float], level: float
) -> TemporalAnswer:
    """Return the window of the frames whose features are most like a picture's.

    Args:
        picture: features, [width].
        frames: features of each frame, [frames, width].
        times: when each is shown, growing.
        level: from the least (0) to the most alike frame (1), what counts as alike.
    """
    # What all frames of a clip share says nothing about when; features of one model are mostly alike anyway.
    shared = frames.mean(axis=0)
    rows, wanted = frames - shared, picture - shared
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
    alike = np.divide(rows @ wanted, lengths, out=np.zeros(len(frames)), where=lengths > 0)
    least, most = float(alike.min()), float(alike.max())
    found = best_run((alike >= least + level * (most - least)).tolist())
    assert found is not None  # noqa: S101 - the most alike frame is at the level or above
    start, end = window(times, found.first, found.last)
    return TemporalAnswer(
        spans=((round(start, 3), round(end, 3)),),
        frame_references=tuple(round(time, 3) for time in times[found.first : found.last + 1]),
        confidence=round(min(1.0, max(0.0, (most - least) / 2)), 3),
    )
