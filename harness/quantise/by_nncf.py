"""INT8 as OpenVINO wants it: scales where its kernels fuse them, found by NNCF."""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.quantise import facts


def for_openvino(plain: Path, target: Path, calibration: Sequence[Mapping[str, NDArray[Any]]], narrow: bool) -> None:
    """Write an ONNX file with scales of all weights and of the activations between them (QDQ).

    Scales that ONNX Runtime takes at run time are computed by OpenVINO one operator at a time, which is slower than
    float; and it is NNCF that knows between which operators its kernels need none. ONNX Runtime runs the file, too, but
    slowly.

    Args:
        plain: the float model.
        target: the file to write.
        calibration: inputs that ranges are read from.
        narrow: whether weights keep to half their range, for CPUs whose byte products saturate.
    """
    import nncf
    import onnx
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    model = facts.load(plain)
    fix = OverflowFix.ENABLE if narrow else OverflowFix.DISABLE
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # bars of progress
        made = nncf.quantize(
            model,
            nncf.Dataset([dict(feed) for feed in calibration]),
            subset_size=len(calibration),
            model_type=nncf.ModelType.TRANSFORMER if facts.activations_only(model) else None,
            advanced_parameters=AdvancedQuantizationParameters(overflow_fix=fix),
        )
    onnx.save(made, str(target))


def open_openvino(path: Path) -> Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]:
    """Return what runs a file on OpenVINO, on one thread and in float32 where it is not in bytes."""
    import openvino

    told = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", told)
    ports = {name: port for port in compiled.outputs for name in sorted(port.get_names())}
    request = compiled.create_infer_request()

    def run(feed: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        found = request.infer(dict(feed))
        return {name: found[port] for name, port in ports.items()}

    return run
