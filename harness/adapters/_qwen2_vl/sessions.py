"""Run the three graphs with ONNX Runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from harness.adapters._ort import open_session
from harness.adapters._qwen2_vl.config import ThreeFiles
from harness.adapters._qwen2_vl.decoding import Cache
from harness.adapters._qwen2_vl.prompts import Floats, Ints
from harness.errors import AdapterError
from harness.unreadable import unreadable

PARTS: Final = ("vision_encoder", "embed_tokens", "decoder_model_merged")
"""The files of the public layout, in the folder ``onnx``."""

_DTYPES: Final[Mapping[str, DTypeLike]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}
PAST: Final = "past_key_values."
_DECODER_INPUTS: Final = {"inputs_embeds", "attention_mask", "position_ids"}


class Session:
    """One file. Inputs are cast to the types that it declares, so that half-precision files work too."""

    def __init__(self, path: Path, keys: ThreeFiles) -> None:
        """Load ``path``.

        Raises:
            AdapterError: if ONNX Runtime cannot load it, or not with the first of its providers.
            ConfigError: if it has no such setting.
        """
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        # ONNX Runtime's exceptions share no base class short of Exception.
        self._errors = (
            *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile),
            *(state.NoModel, state.NotImplemented, state.RuntimeException),
        )
        self.name = path.name
        own = {"intra_op_num_threads": keys.threads, "inter_op_num_threads": keys.threads}
        own |= {"use_deterministic_compute": True, "log_severity_level": 3}
        try:
            self._session = open_session(path, keys, own)
        except self._errors as cause:
            said = unreadable(path, cause)
            raise AdapterError(f"{said}\nIs the file complete, with any *_data file beside it?") from cause
        self.inputs: Mapping[str, Any] = {value.name: value for value in self._session.get_inputs()}

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs called ``outputs`` (None: all).

        Raises:
            MemoryError: if the batch does not fit.
            AdapterError: if ONNX Runtime fails for another reason.
        """
        cast = {name: np.ascontiguousarray(value, self.dtype(name)) for name, value in feeds.items()}
        try:
            return list(self._session.run(outputs, cast))
        except self._errors as cause:
            text = str(cause)
            if any(sign in text.lower() for sign in ("allocate memory", "out of memory", "bad_alloc")):
                raise MemoryError(f"{self.name}: {text}") from cause
            raise AdapterError(f"{self.name} failed: {text}") from cause

    def dtype(self, name: str) -> DTypeLike:
        """Return the NumPy type of an input.

        Raises:
            AdapterError: if it has none.
        """
        declared = self.inputs[name].type
        if declared not in _DTYPES:
            raise AdapterError(f"{self.name}: the input {name} is a {declared}; supported: {', '.join(_DTYPES)}")
        return _DTYPES[declared]


class ThreeSessions:
    """A vision encoder, an embedding and a decoder with its cache: what all models in the public layout share."""

    def __init__(self, vision: Session, embedding: Session, decoder: Session) -> None:
        self._vision, self._embedding, self._decoder = vision, embedding, decoder
        self._past = [name for name in decoder.inputs if name.startswith(PAST)]
        self._outputs = ["logits", *(name.replace(PAST, "present.") for name in self._past)]

    @classmethod
    def load(cls, paths: Sequence[Path], keys: ThreeFiles) -> Self:
        """Open the files of `PARTS`, in that order.

        Raises:
            AdapterError: if one of them cannot be used.
            ConfigError: if ONNX Runtime has no setting that the adapter's file names.
        """
        return cls(*(Session(path, keys) for path in paths))

    def embed(self, ids: Ints) -> Floats:
        """See `decoding.Graphs`."""
        return self._embedding.run(None, {"input_ids": ids})[0].astype(np.float32, copy=False)

    def empty_cache(self, batch: int) -> Cache:
        """See `decoding.Graphs`."""
        cache = []
        for name in self._past:
            _, heads, _, width = self._decoder.inputs[name].shape
            cache.append(np.zeros((batch, heads, 0, width), self._decoder.dtype(name)))
        return cache

    def _decoded(self, given: Mapping[str, NDArray[Any]], cache: Cache) -> tuple[Floats, Cache]:
        """Return the logits of the last column and the longer cache."""
        feeds: dict[str, NDArray[Any]] = dict(zip(self._past, cache, strict=True)) | dict(given)
        logits, *longer = self._decoder.run(self._outputs, feeds)
        return logits[:, -1].astype(np.float32), longer


class OnnxGraphs(ThreeSessions):
    """Qwen2-VL's three sessions; implements `decoding.Graphs`."""

    def __init__(self, vision: Session, embedding: Session, decoder: Session) -> None:
        """Check that the files have the tensors of the public layout.

        Raises:
            AdapterError: naming the file and the tensor that is not as expected.
        """
        super().__init__(vision, embedding, decoder)
        # Qwen2-VL exports call it grid_thw, Qwen2.5-VL ones image_grid_thw.
        self._grid = next((name for name in vision.inputs if name.endswith("grid_thw")), "grid_thw")
        for session, expected in (
            (vision, {"pixel_values", self._grid}),
            (embedding, {"input_ids"}),
            (decoder, {*_DECODER_INPUTS, *self._past}),
        ):
            if set(session.inputs) != expected or not self._past:
                raise AdapterError(
                    f"{session.name} has the inputs {', '.join(session.inputs)}, not {', '.join(sorted(expected))}; "
                    "export it in the layout of the public Qwen2-VL ONNX repositories"
                )

    def encode_images(self, pixel_values: Floats, grids: Ints) -> Floats:
        """See `decoding.Graphs`."""
        features = self._vision.run(None, {"pixel_values": pixel_values, self._grid: grids})[0]
        return features.astype(np.float32, copy=False)

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        """See `decoding.Graphs`."""
        given: dict[str, NDArray[Any]] = {
            "inputs_embeds": embeddings,
            "attention_mask": mask,
            "position_ids": positions,
        }
        return self._decoded(given, cache)
