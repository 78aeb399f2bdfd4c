"""Inputs to calibrate on and to judge by: from an ``.npz`` file, from a folder of images, or drawn at random."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import SampleError, UsageError
from harness.quantise.recipes import Feed
from harness.seeds import generator
from harness.unreadable import unreadable, why_unreadable

if TYPE_CHECKING:
    from PIL import Image

_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}

Prepare = Callable[["Sequence[Image.Image]"], NDArray[Any]]


def open_session(path: Path) -> Any:
    """Load a model on one thread, as all figures of this package are taken.

    Raises:
        UsageError: if ONNX Runtime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as cause:  # its exceptions share no base class
        raise UsageError(unreadable(path, cause)) from cause


def read_inputs(source: Path, session: Any, prepare: Prepare | None = None, limit: int = 256) -> list[Feed]:
    """Read inputs, one feed a sample.

    Args:
        source: an ``.npz`` file with an array [samples, …] for each input of the model, or a folder of images.
        session: the model.
        prepare: from images to the model's only input, for a folder.
        limit: at most so many.

    Raises:
        UsageError: if the source cannot be read or does not fit the model.
    """
    names = [value.name for value in session.get_inputs()]
    if source.is_dir():
        return _from_folder(source, names, prepare, limit)
    try:
        with np.load(source, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in names}
    except KeyError as cause:
        raise UsageError(f"{source} has no array for the input {cause}; the model's are {', '.join(names)}") from cause
    except (OSError, ValueError) as cause:
        raise UsageError(f"{source} cannot be read as .npz: {why_unreadable(source) or cause}") from cause
    counts = {array.shape[0] if array.ndim else 0 for array in found.values()}
    if len(counts) != 1 or 0 in counts:
        raise UsageError(f"{source}: every array needs the same number of samples, one or more, along its first axis")
    return [{name: array[i : i + 1] for name, array in found.items()} for i in range(min(limit, *counts))]


def random_inputs(session: Any, count: int, seed: int = 0) -> list[Feed]:
    """Draw inputs of a model's shapes: normal numbers, or whole ones from 0 to 99; open dimensions become 1.

    Agreement on them says that nothing broke, not how well the model does on real data.

    Raises:
        UsageError: if the model takes what cannot be drawn, or whole numbers beside other inputs: they say how much
            there is of the others, or where (a grid of patches, positions), and random ones ask for anything.
    """
    rng = generator(seed, "quantise", "inputs")
    inputs = session.get_inputs()
    whole = [value.name for value in inputs if value.type in ("tensor(int64)", "tensor(int32)")]
    if whole and len(inputs) > 1:
        others = ", ".join(value.name for value in inputs if value.name not in whole) or "each other"
        raise UsageError(
            f"{', '.join(whole)}: whole numbers that must fit {others}, so random inputs will not do; give real ones "
            f"with --evaluation FILE.npz (an array of samples for each of {', '.join(value.name for value in inputs)})"
        )
    feeds: list[Feed] = []
    for _ in range(count):
        feed: dict[str, NDArray[Any]] = {}
        for value in session.get_inputs():
            shape = [side if isinstance(side, int) and side > 0 else 1 for side in value.shape]
            kind = _TYPES.get(value.type)
            if kind is None:
                raise UsageError(f"the input {value.name} is a {value.type}; give real inputs as .npz")
            integer = np.issubdtype(kind, np.integer)
            drawn = rng.integers(0, 100, shape) if integer else rng.standard_normal(shape)
            feed[value.name] = drawn.astype(kind)
        feeds.append(feed)
    return feeds


def require_disjoint(calibration: Sequence[Feed], evaluation: Sequence[Feed]) -> None:
    """Refuse inputs that are both calibrated on and judged by.

    Raises:
        UsageError: if an input is in both.
    """
    shared = len({_digest(feed) for feed in calibration} & {_digest(feed) for feed in evaluation})
    if shared:
        raise UsageError(
            f"{shared} inputs are both for calibration and for evaluation: the result would be judged on what it was "
            "tuned to. Leave them out of one of the two"
        )


def _digest(feed: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(feed):
        digest.update(name.encode() + repr(feed[name].shape).encode() + np.ascontiguousarray(feed[name]).tobytes())
    return digest.digest()


def _from_folder(folder: Path, names: Sequence[str], prepare: Prepare | None, limit: int) -> list[Feed]:
    from harness.images import decode

    if prepare is None:
        raise UsageError(
            f"{folder} holds images: name an adapter of type onnx_classifier whose preprocessing they need"
        )
    if len(names) != 1:
        raise UsageError(f"the model has the inputs {', '.join(names)}; images can feed one only")
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in _SUFFIXES and file.is_file()]
    if not files:
        raise UsageError(f"there are no images in {folder}")
    feeds: list[Feed] = []
    for file in files[:limit]:
        try:
            feeds.append({names[0]: prepare([decode(file, str(file))])})
        except SampleError as cause:
            raise UsageError(why_unreadable(file) or str(cause)) from cause
    return feeds
