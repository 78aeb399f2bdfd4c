"""How the public folders of ONNX models call their variants: `model_int8.onnx` beside `model.onnx`."""

from typing import Literal

Quantisation = Literal["fp32", "fp16", "int8", "uint8", "q8", "q4", "q4f16", "bnb4"]


def suffix(quantisation: Quantisation) -> str:
    """Return what stands between a file's name and ``.onnx``.

    >>> suffix("fp32"), suffix("int8"), suffix("q8")
    ('', '_int8', '_quantized')
    """
    return {"fp32": "", "q8": "_quantized"}.get(quantisation, f"_{quantisation}")
