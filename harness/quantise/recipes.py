"""Quantise an ONNX model by the recipe for its kind, and prove that no weight was skipped."""

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from harness.cpu import saturates
from harness.errors import HarnessError, UsageError, in_words
from harness.extras import install
from harness.quantise import facts
from harness.quantise.blocks import put_back
from harness.quantise.by_nncf import for_openvino

Recipe = Literal["transformer", "cnn", "openvino", "weight-only-8", "weight-only-4", "kv-cache-8"]
RECIPES: Final[tuple[Recipe, ...]] = ("transformer", "cnn", "openvino", "weight-only-8", "weight-only-4")
"""Those of weights; of a decoder's past there is :func:`harness.quantise.cached.hold_in_bytes`."""

Weights = Literal["int8", "int7", "uint8"]
"""``int7``: signed, in half the range, for CPUs whose byte products saturate; ``uint8``: exact there, and slower."""

Feed = Mapping[str, NDArray[Any]]
"""One input of the model, by name."""

_DOES: Final[Mapping[Recipe, str]] = {
    "transformer": "int8 weights per channel, activations scaled at run time; MatMul and Gemm with constant weights",
    "cnn": "int8 weights per channel, uint8 activations with ranges from calibration (static QDQ, MinMax)",
    "openvino": "int8 weights per channel, activations with ranges from calibration, placed by NNCF for OpenVINO (QDQ)",
    "weight-only-8": "8-bit weights in blocks of 32, computed in float; MatMul and Gemm",
    "weight-only-4": "4-bit weights in blocks of 32, computed in float; MatMul and Gemm",
    "kv-cache-8": "keys and values in 8 bits between calls, in groups of 32; weights as they are",
}

_REACH: Final[Mapping[Recipe, tuple[str, ...]]] = {
    recipe: ("Conv", "Gemm", "MatMul") if recipe in ("cnn", "openvino") else ("Gemm", "MatMul") for recipe in RECIPES
}
"""The types of operators whose constant weights each takes."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """What became of one file."""

    path: Path
    recipe: Recipe
    weights: str
    """``int8``, ``int7``, ``uint8``, or the bits of a weight-only recipe."""
    nodes: Mapping[str, int]
    """Operators that now run in few bits, by the type that they had in float."""
    left: Mapping[str, int]
    """Operators with constant weights that stayed in float, by type."""
    bytes_before: int
    bytes_after: int
    warnings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Operators that were left in float because that was asked for, by the names that they have there."""

    @property
    def does(self) -> str:
        """What the recipe does, in words."""
        return _DOES[self.recipe]


def default_weights() -> Weights:
    """Return how weights are kept on this machine unless told otherwise."""
    return "int7" if saturates() else "int8"


def recipe_for(path: Path) -> Recipe:
    """Return the recipe for a model's kind: ``cnn`` where a product of weights is mostly convolution.

    Raises:
        UsageError: if the model has nothing to quantise.
    """
    counts = facts.weighted(facts.load(path))
    dense = counts["MatMul"] + counts["Gemm"]
    if not dense and not counts["Conv"]:
        raise UsageError(f"{path.name} has no Conv, Gemm or MatMul with constant weights: there is nothing to quantise")
    return "cnn" if counts["Conv"] > dense else "transformer"


def quantise(
    source: Path,
    target: Path,
    recipe: Recipe,
    calibration: Sequence[Feed] = (),
    weights: Weights | None = None,
    force: bool = False,
    keep: Collection[str] = (),
) -> Quantised:
    """Write the model in few bits.

    Args:
        source: an ONNX model in float32.
        target: the file to write.
        recipe: what to do; see :data:`RECIPES`.
        calibration: inputs that activation ranges are read from, for ``cnn`` and ``openvino``; not to be evaluated
            on.
        weights: how weights are kept where activations are bytes as well. None: ``int7`` on x86 CPUs without VNNI,
            whose products of unsigned and signed bytes saturate, else ``int8``.
        force: go on where the recipe is known to make this kind of model slower.
        keep: operators of ``source`` that stay in float (:func:`harness.quantise.blocks.matching`).

    Returns:
        What was quantised and what was not.

    Raises:
        UsageError: if the recipe does not fit the model, or calibration data is missing.
        RuntimeError: if a weight was skipped that the recipe should have reached.
    """
    _refuse(source, recipe, calibration, force)
    if keep and recipe == "openvino":
        raise UsageError("the recipe openvino keeps no block in float: its quantiser names operators anew; use cnn")
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        _clean(source, plain, fold_gemm=recipe.startswith("weight-only"))
        expected = facts.weighted(facts.load(plain))
        ways = weights or default_weights()
        whole = Path(scratch) / "whole.onnx" if keep else target
        try:
            with _quiet():
                if recipe == "transformer":
                    _dynamic(plain, whole, Path(scratch), ways)
                elif recipe == "cnn":
                    _static(plain, whole, Path(scratch), calibration, ways)
                elif recipe == "openvino":
                    for_openvino(plain, whole, calibration, narrow=ways == "int7")
                else:
                    _weight_only(plain, whole, 4 if recipe.endswith("4") else 8)
        except HarnessError:
            raise
        except Exception as cause:  # what ONNX Runtime's tools raise for a model that they cannot take shares no base
            who = "NNCF" if recipe == "openvino" else "ONNX Runtime"
            raise UsageError(
                f"{who} cannot quantise {source.name} by the recipe {recipe}: {in_words(cause)}"
            ) from cause
        told = recipe[-1] if recipe.startswith("weight-only") else ways
        made = _verified(source, whole, recipe, told, expected)
        if not keep:
            return made
        # Put back, not left out: this holds for every recipe, and is the model that `harness why --layers` measured.
        reached = {node.name for node in facts.load(source).graph.node if node.op_type in _REACH[recipe]}
        own = tuple(name for name in keep if name in reached)
        put_back(whole, source, own, target)
    return _with_kept(made, target, own)


def _with_kept(made: Quantised, target: Path, kept: tuple[str, ...]) -> Quantised:
    """Count again what a file is made of after operators of it were put back in float.

    Raises:
        RuntimeError: if one was not.
    """
    model = facts.load(target)
    done, left = facts.quantised(model), facts.left_in_float(model)
    back = left.total() - sum(made.left.values())
    if back != len(kept) or done.total() != sum(made.nodes.values()) - len(kept):
        raise RuntimeError(f"{target.name}: {back} of {len(kept)} operators that were to stay in float did")
    return replace(made, path=target, nodes=dict(done), left=dict(left), bytes_after=target.stat().st_size, kept=kept)


def recipe_of(path: Path) -> Recipe | None:
    """Return the recipe by which a quantised file was made, as far as its operators tell; None if nothing does."""
    model = facts.load(path)
    kinds = {node.op_type for node in model.graph.node}
    if "MatMulNBits" in kinds:
        bits = {
            a.i
            for node in model.graph.node
            if node.op_type == "MatMulNBits"
            for a in node.attribute
            if a.name == "bits"
        }
        return "weight-only-8" if bits == {8} else "weight-only-4"
    if kinds & {"MatMulInteger", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLinear"}:
        return "transformer"
    return "cnn" if kinds & {"QuantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm"} else None


def _refuse(source: Path, recipe: Recipe, calibration: Sequence[Feed], force: bool) -> None:
    if recipe in ("cnn", "openvino"):
        if not calibration:
            raise UsageError(
                f"the recipe {recipe} needs calibration data: activation ranges are read from real inputs, "
                "which must not be among those that the result is judged on"
            )
        if recipe == "openvino" and (missing := [name for name in ("nncf", "openvino") if find_spec(name) is None]):
            raise UsageError(f"the recipe openvino needs {' and '.join(missing)}; run `{install('nncf')}`")
        return
    counts = facts.weighted(facts.load(source))
    dense = counts["MatMul"] + counts["Gemm"]
    if not dense:
        raise UsageError(f"{source.name} has no MatMul or Gemm with constant weights; the recipe {recipe} needs some")
    if counts["Conv"] > dense and not force:
        raise UsageError(
            f"{source.name} is a convolutional network ({facts.summary(counts)}): {recipe} would leave its "
            "convolutions in float, and INT8 convolutions with scales taken at run time are five to ten times slower "
            "than float ones. Use the recipe cnn"
        )


def _clean(source: Path, target: Path, fold_gemm: bool) -> None:
    """Write the model without stale shapes; where asked, with Gemm as MatMul and Add."""
    import onnx

    model = facts.load(source)
    facts.strip(model)
    if fold_gemm:
        _split_gemm(model)
    onnx.save(model, str(target))


def _split_gemm(model: Any) -> None:
    """Turn each plain Gemm into MatMul and Add: the weight-only quantiser passes over Gemm without a word."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        plain = given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0 and not given.get("transA", 0)
        if node.op_type != "Gemm" or not plain or node.input[1] not in tensors:
            nodes.append(node)
            continue
        weight = node.input[1]
        if given.get("transB", 0):
            turned = numpy_helper.to_array(tensors[weight]).T.copy()
            weight = f"{node.input[1]}_{len(nodes)}_turned"
            model.graph.initializer.append(numpy_helper.from_array(turned, weight))
        product = f"{node.output[0]}_product" if len(node.input) > 2 else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], weight], [product], name=f"{node.name}_matmul"))
        if len(node.input) > 2:
            nodes.append(helper.make_node("Add", [product, node.input[2]], [node.output[0]], name=f"{node.name}_add"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _prepared(plain: Path, scratch: Path) -> Path:
    """Return the model with shapes inferred and ONNX Runtime's basic fusions applied."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    # Symbolic inference needs sympy and fails on shapes that are computed in the graph; ONNX's own is enough here.
    quant_pre_process(str(plain), str(scratch / "prepared.onnx"), skip_symbolic_shape=True)
    return scratch / "prepared.onnx"


def _dynamic(plain: Path, target: Path, scratch: Path, weights: Weights) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(_prepared(plain, scratch)),
        str(target),
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=weights == "int7",
        weight_type=QuantType.QUInt8 if weights == "uint8" else QuantType.QInt8,
        # Products of two activations stay in float: quantising them costs accuracy and gains little.
        extra_options={"MatMulConstBOnly": True},
    )


def _static(plain: Path, target: Path, scratch: Path, calibration: Sequence[Feed], weights: Weights) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    prepared = _prepared(plain, scratch)
    full = [{"quant_type": QuantType.QInt8, "axis": 0, "reduce_range": False}]
    # Depthwise kernels add in 32 bits: their few weights keep all eight (and are slow with unsigned ones).
    depthwise = dict.fromkeys(facts.depthwise_weights(facts.load(prepared)), full)
    quantize_static(
        str(prepared),
        str(target),
        _Reader(calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QUInt8 if weights == "uint8" else QuantType.QInt8,
        per_channel=True,
        reduce_range=weights == "int7",
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"MatMulConstBOnly": True, "TensorQuantOverrides": depthwise},
    )


def _weight_only(plain: Path, target: Path, bits: int) -> None:
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    except ImportError as cause:  # of ONNX Runtime before 1.22, or of onnx-ir, which later ones ask for
        raise UsageError(
            f"weights of {bits} bits need onnxruntime 1.23 and onnx-ir; run `{install('quantise')}`"
        ) from cause

    quantiser = MatMulNBitsQuantizer(facts.load(plain), bits=bits, block_size=32, is_symmetric=True, accuracy_level=4)
    quantiser.process()
    quantiser.model.save_model_to_file(str(target), use_external_data_format=False)


def _verified(source: Path, target: Path, recipe: Recipe, weights: str, expected: Mapping[str, int]) -> Quantised:
    """Count what was reached.

    Raises:
        RuntimeError: if the recipe skipped a weight.
    """
    model = facts.load(target)
    done, left = facts.quantised(model), facts.left_in_float(model)
    reach = _REACH[recipe]
    wanted = sum(expected.get(kind, 0) for kind in reach)
    if sum(done.values()) < wanted or any(left[kind] for kind in reach):
        raise RuntimeError(
            f"{source.name}: {sum(done.values())} of {wanted} weights quantised ({facts.summary(done)}); "
            f"left in float: {facts.summary(left)}"
        )
    warnings = []
    if left:
        warnings.append(f"left in float: {facts.summary(left)} with constant weights, which {recipe} does not reach")
    if attention := facts.quantised_attention(model):
        warnings.append(f"{attention} products of two activations run in 8 bits, which costs accuracy")
    before, after = source.stat().st_size, target.stat().st_size
    return Quantised(target, recipe, weights, dict(done), dict(left), before, after, tuple(warnings))


class _Reader:
    """Feeds calibration data to ONNX Runtime, once through."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        feed = next(self._feeds, None)
        return None if feed is None else {name: np.asarray(value) for name, value in feed.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime's advice to itself: what it advises was done, or left out on purpose."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # one of its modules sets a level of its own when it is imported
    try:
        yield
    finally:
        logging.disable(before)
