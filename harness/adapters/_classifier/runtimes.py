"""One graph with one input, run by ONNX Runtime or by OpenVINO."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import AdapterError
from harness.extras import install
from harness.unreadable import unreadable

Runtime = Literal["onnxruntime", "openvino"]
Optimisation = Literal["none", "basic", "extended", "all"]

_OUT_OF_MEMORY: Final = ("allocate memory", "out of memory", "bad_alloc")


class Runner(Protocol):
    """A loaded graph."""

    outputs: Sequence[str]
    settings: Mapping[str, str]
    """What the runtime was told, for the record."""

    def width(self, output: str) -> int | None:
        """Return the last dimension of an output; None where the file leaves it open."""
        ...

    def run(self, batch: NDArray[Any], output: str) -> NDArray[Any]:
        """Return one output.

        Raises:
            MemoryError: if the batch does not fit.
            AdapterError: if the runtime fails for another reason.
        """
        ...


def open_model(
    path: Path, runtime: Runtime, threads: int, providers: Sequence[str], optimisation: Optimisation
) -> Runner:
    """Load a graph.

    Raises:
        AdapterError: if the runtime is not installed, or cannot load the file as asked.
    """
    extra = "onnx" if runtime == "onnxruntime" else "openvino"
    if find_spec(runtime) is None:
        raise AdapterError(f"`runtime: {runtime}` is not installed; run `{install(extra)}`")
    if runtime == "openvino":
        return OpenVino(path, threads)
    return OnnxRuntime(path, threads, providers, optimisation)


class OnnxRuntime:
    """A graph in an ONNX Runtime session."""

    def __init__(self, path: Path, threads: int, providers: Sequence[str], optimisation: Optimisation) -> None:
        import onnxruntime

        available = onnxruntime.get_available_providers()
        if missing := [name for name in providers if name not in available]:
            raise AdapterError(f"this ONNX Runtime has no {', '.join(missing)}; it has {', '.join(available)}")
        level = onnxruntime.GraphOptimizationLevel
        levels = {
            "none": level.ORT_DISABLE_ALL,
            "basic": level.ORT_ENABLE_BASIC,
            "extended": level.ORT_ENABLE_EXTENDED,
            "all": level.ORT_ENABLE_ALL,
        }
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = levels[optimisation]
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as cause:  # its exceptions share no base class
            raise AdapterError(unreadable(path, cause)) from cause
        if providers[0] not in self._session.get_providers():
            raise AdapterError(f"{path.name} does not run on {providers[0]}: ONNX Runtime fell back to another")
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise AdapterError(f"{path.name} has the inputs {', '.join(i.name for i in inputs)}; a classifier has one")
        self._name = path.name
        self._input = inputs[0].name
        self._dtype = {"tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32}.get(
            inputs[0].type, np.float32
        )
        self._widths = {value.name: value.shape[-1] if value.shape else None for value in self._session.get_outputs()}
        self.outputs: Sequence[str] = tuple(self._widths)
        self.settings: Mapping[str, str] = {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "threads": str(threads),
            "providers": ", ".join(self._session.get_providers()),
            "graph optimisation": optimisation,
        }

    def width(self, output: str) -> int | None:
        """See :class:`Runner`."""
        found = self._widths[output]
        return found if isinstance(found, int) else None

    def run(self, batch: NDArray[Any], output: str) -> NDArray[Any]:
        """See :class:`Runner`."""
        try:
            (found,) = self._session.run([output], {self._input: batch.astype(self._dtype, copy=False)})
        except Exception as cause:
            if any(sign in str(cause).lower() for sign in _OUT_OF_MEMORY):
                raise MemoryError(f"{self._name}: {cause}") from cause
            raise AdapterError(f"{self._name} failed: {cause}") from cause
        return np.asarray(found)


class OpenVino:
    """A graph compiled by OpenVINO for the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        import openvino

        core = openvino.Core()
        # Half-precision arithmetic, which some CPUs would be given by default, is another model.
        told = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = core.compile_model(str(path), "CPU", told)
        except Exception as cause:
            raise AdapterError(f"{unreadable(path, cause)} (OpenVINO)") from cause
        if len(compiled.inputs) != 1:
            raise AdapterError(f"{path.name} has {len(compiled.inputs)} inputs; a classifier has one")
        self._name = path.name
        self._ports = {name: port for port in compiled.outputs for name in sorted(port.get_names())}
        self._request = compiled.create_infer_request()
        self.outputs: Sequence[str] = tuple(self._ports)
        self.settings: Mapping[str, str] = {
            "runtime": f"openvino {openvino.__version__}",
            **{key.lower().replace("_", " "): str(value) for key, value in told.items()},
        }

    def width(self, output: str) -> int | None:
        """See :class:`Runner`."""
        last = self._ports[output].get_partial_shape()[-1]
        return int(last.get_length()) if last.is_static else None

    def run(self, batch: NDArray[Any], output: str) -> NDArray[Any]:
        """See :class:`Runner`."""
        try:
            self._request.infer([batch])
        except Exception as cause:
            raise AdapterError(f"{self._name} failed: {cause}") from cause
        return np.array(self._request.get_tensor(self._ports[output]).data)
