"""One graph, run by ONNX Runtime or by OpenVINO: what goes in, what comes out, as its file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.adapters._ort import OrtKeys, open_session
from harness.errors import AdapterError, ConfigError, HarnessError, Issue
from harness.extras import install
from harness.unreadable import unreadable

Runtime = Literal["onnxruntime", "openvino"]
Optimisation = Literal["none", "basic", "extended", "all"]

_OUT_OF_MEMORY: Final = ("allocate memory", "out of memory", "bad_alloc")


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output, as the graph declares it."""

    shape: tuple[int | None, ...]
    """None for a dimension that the file leaves open; nothing at all where it leaves them all open."""
    dtype: np.dtype[Any]


class Runner(Protocol):
    """A loaded graph."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    settings: Mapping[str, str]
    """What the runtime was told, for the record."""

    def run(self, feeds: Mapping[str, NDArray[Any]], output: str) -> NDArray[Any]:
        """Return one output; what goes in gets the type that the graph declares.

        Raises:
            MemoryError: if the batch does not fit.
            AdapterError: if the runtime fails for another reason.
        """
        ...


def open_model(path: Path, keys: OrtKeys, runtime: Runtime, threads: int, optimisation: Optimisation) -> Runner:
    """Load a graph.

    Raises:
        AdapterError: if the runtime is not installed, or cannot load the file as asked.
        ConfigError: if it has no such setting.
    """
    extra = "onnx" if runtime == "onnxruntime" else "openvino"
    if find_spec(runtime) is None:
        raise AdapterError(f"`runtime: {runtime}` is not installed; run `{install(extra)}`")
    if runtime == "openvino":
        if told := next(iter(keys.told()), None):
            raise ConfigError(Issue((told,), "these are settings of ONNX Runtime", "leave them out for openvino"))
        return OpenVino(path, threads)
    return OnnxRuntime(path, keys, threads, optimisation)


class OnnxRuntime:
    """A graph in an ONNX Runtime session."""

    def __init__(self, path: Path, keys: OrtKeys, threads: int, optimisation: Optimisation) -> None:
        import onnxruntime

        level = onnxruntime.GraphOptimizationLevel
        levels = {
            "none": level.ORT_DISABLE_ALL,
            "basic": level.ORT_ENABLE_BASIC,
            "extended": level.ORT_ENABLE_EXTENDED,
            "all": level.ORT_ENABLE_ALL,
        }
        own = {"intra_op_num_threads": threads, "inter_op_num_threads": 1, "use_deterministic_compute": True}
        own |= {"log_severity_level": 3, "graph_optimization_level": levels[optimisation]}
        try:
            self._session = open_session(path, keys, own)
        except HarnessError:
            raise
        except Exception as cause:  # its exceptions share no base class
            raise AdapterError(unreadable(path, cause)) from cause
        self._name = path.name
        self.inputs: Mapping[str, Port] = {found.name: _ort_port(found) for found in self._session.get_inputs()}
        self.outputs: Mapping[str, Port] = {found.name: _ort_port(found) for found in self._session.get_outputs()}
        self.settings: Mapping[str, str] = {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "threads": str(threads),
            "providers": ", ".join(self._session.get_providers()),
            "graph optimisation": optimisation,
            **{name: str(value) for name, value in keys.session_options.items()},
        }

    def run(self, feeds: Mapping[str, NDArray[Any]], output: str) -> NDArray[Any]:
        """See :class:`Runner`."""
        try:
            (found,) = self._session.run([output], _typed(feeds, self.inputs))
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
        self._name = path.name
        self._ports = {name: port for port in compiled.outputs for name in sorted(port.get_names())}
        self._request = compiled.create_infer_request()
        self.inputs: Mapping[str, Port] = {port.get_any_name(): _ov_port(port) for port in compiled.inputs}
        self.outputs: Mapping[str, Port] = {name: _ov_port(port) for name, port in self._ports.items()}
        self.settings: Mapping[str, str] = {
            "runtime": f"openvino {openvino.__version__}",
            **{key.lower().replace("_", " "): str(value) for key, value in told.items()},
        }

    def run(self, feeds: Mapping[str, NDArray[Any]], output: str) -> NDArray[Any]:
        """See :class:`Runner`."""
        try:
            self._request.infer(_typed(feeds, self.inputs))
        except Exception as cause:
            raise AdapterError(f"{self._name} failed: {cause}") from cause
        return np.array(self._request.get_tensor(self._ports[output]).data)


_TYPES: Final = {
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
"""What ONNX Runtime calls the types of inputs; any other is taken for float32."""


def _ort_port(found: Any) -> Port:
    shape = tuple(side if isinstance(side, int) else None for side in found.shape)
    return Port(shape, np.dtype(_TYPES.get(found.type, np.float32)))


def _ov_port(found: Any) -> Port:
    sides = found.get_partial_shape()
    shape = tuple(int(side.get_length()) if side.is_static else None for side in sides) if sides.rank.is_static else ()
    return Port(shape, np.dtype(found.get_element_type().to_dtype()))


def _typed(feeds: Mapping[str, NDArray[Any]], inputs: Mapping[str, Port]) -> dict[str, NDArray[Any]]:
    return {name: value.astype(inputs[name].dtype, copy=False) for name, value in feeds.items()}
