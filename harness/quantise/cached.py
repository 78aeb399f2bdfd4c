"""Decoders whose keys and values are bytes between two calls: any ONNX file with a past that grows by what it reads.

The graph's own work stays as it is, in whatever bits its weights are. In front of it the past is turned back into
float; behind it what is new, and that alone, is rounded and put at the end of the past's bytes. So every token is
rounded once. It is rounded as ``kv_cache: int8`` does it in PyTorch: each head of a token in groups of 32 numbers, each
with a scale of its own in float16, which is handed on beside the codes (``past_key_values.0.key_scale``).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.errors import UsageError
from harness.quantise import facts
from harness.quantise.decoder import FLOATS, PAST, PRESENT, Decoder
from harness.quantise.inputs import open_session
from harness.quantise.recipes import Quantised
from harness.unreadable import unreadable

GROUP: Final = 32
"""Numbers that share a scale; a whole head where its width is no multiple of it."""
_SMALLEST: Final = 2.0**-14
_PROMPT: Final = 5


def hold_in_bytes(source: Path, target: Path) -> Quantised:
    """Write a decoder whose past is in 8 bits.

    Args:
        source: an ONNX decoder in float, or with weights in few bits, that takes ``past_key_values.*`` and gives
            ``present.*``, [batch, heads, tokens, width] each.
        target: the file to write; in the folder of ``source``, weights that lie beside it are shared.

    Raises:
        UsageError: if it is no such decoder, or one whose past does not grow by what is new alone.
    """
    import onnx

    session = open_session(source)
    names = _past(session, source)
    _require_growth(Decoder(session), source)
    if target.resolve().parent == source.resolve().parent:
        try:
            model = onnx.load(str(source), load_external_data=False)
        except Exception as cause:  # protobuf's errors and those of onnx share no base class
            raise UsageError(unreadable(source, cause)) from cause
    else:
        model = facts.load(source)
    facts.strip(model)
    wiring = _Wiring(model)
    for name in names:
        wiring.hold(name)
    wiring.finish()
    onnx.save(model, str(target))
    before, after = source.stat().st_size, target.stat().st_size
    return Quantised(target, "kv-cache-8", "as they were", {"past": len(names)}, {}, before, after)


def _past(session: Any, source: Path) -> list[str]:
    given = {value.name: value for value in session.get_inputs()}
    out = {value.name for value in session.get_outputs()}
    names = [name for name in given if name.startswith(PAST)]
    if not names or any(name.replace(PAST, PRESENT) not in out for name in names):
        raise UsageError(
            f"{source.name} takes no {PAST}0.key and gives no {PRESENT}0.key: it is no decoder with a past"
        )
    for name in names:
        value = given[name]
        if value.type == "tensor(int8)":
            raise UsageError(f"{source.name} holds its past in 8 bits already")
        if value.type not in FLOATS or len(value.shape) != 4 or not isinstance(value.shape[3], int):
            raise UsageError(
                f"{source.name}: {name} is a {value.type} of {value.shape}; it must be float32 or float16 "
                "[batch, heads, tokens, width] with a width that is known"
            )
    return names


def _require_growth(decoder: Decoder, source: Path) -> None:
    """See on random tokens that what was there stays, to the last bit, and what is new comes behind it."""
    _, past = decoder.call(decoder.nothing(), 0, _PROMPT)
    _, longer = decoder.call(past, 1, 2)
    for name in decoder.past:
        before, after = past[name], longer[name]
        grown = after.shape[2] == before.shape[2] + 2 == _PROMPT + 2
        if not grown or not np.array_equal(after[:, :, :_PROMPT], before):
            raise UsageError(
                f"{source.name}: {name} does not grow by what is new alone (a window, or a buffer of one length), so "
                "its tokens cannot be rounded once each"
            )


class _Wiring:
    """Puts the rounding before and behind a graph.

    Where the past is joined with what is new by an operator of its own, each layer's comes back just before that: only
    then is one layer at a time in float, as ONNX Runtime goes by what an operator needs and not by where it stands.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.before: list[Any] = []
        self.joints: dict[str, list[Any]] = {}
        """By the name of what an operator makes: what stands before it."""
        self.behind: list[Any] = []
        self.opset = next(own.version for own in self.model.opset_import if own.domain in ("", "ai.onnx"))

    def hold(self, name: str) -> None:
        """Hold one tensor of the past in bytes."""
        from onnx import TensorProto, helper

        graph, present = self.model.graph, name.replace(PAST, PRESENT)
        inside, made = f"{name}.float", f"{present}.float"
        given = next(value for value in graph.input if value.name == name)
        kind, shape = given.type.tensor_type.elem_type, given.type.tensor_type.shape.dim
        width = shape[3].dim_value
        groups = width // GROUP if width % GROUP == 0 else 1
        _rename(graph, {name: inside, present: made})
        given.type.tensor_type.elem_type = TensorProto.INT8
        axes = [side.dim_param or side.dim_value for side in shape[:3]]
        scale = helper.make_tensor_value_info(f"{name}_scale", TensorProto.FLOAT16, [*axes, groups])
        graph.input.insert(list(graph.input).index(given) + 1, scale)
        out = next(value for value in graph.output if value.name == present)
        out.type.tensor_type.elem_type = TensorProto.INT8
        sides = [side.dim_param or side.dim_value for side in out.type.tensor_type.shape.dim[:3]] or [None] * 3
        graph.output.append(helper.make_tensor_value_info(f"{present}_scale", TensorProto.FLOAT16, [*sides, groups]))
        new = next((node.input[1] for node in graph.node if made in node.output and _joins(node, inside)), None)
        if new is not None and _hangs_on(graph, new, inside):
            new = None
        self._back(name, kind, groups, width, new, self.before if new is None else self.joints.setdefault(made, []))
        self._round(name, new, groups, width)

    def finish(self) -> None:
        """Put the new operators in their places."""
        own = [*self.before]
        for node in self.model.graph.node:
            for made in node.output:
                own += self.joints.get(made, ())
            own.append(node)
        own += self.behind
        del self.model.graph.node[:]
        self.model.graph.node.extend(own)

    def _back(self, name: str, kind: int, groups: int, width: int, new: str | None, place: list[Any]) -> None:
        """Turn codes into floats of the type ``kind``; not before there is ``new``."""
        from onnx import TensorProto

        inside = f"{name}.float"
        add = _Adder(place, f"{inside}/")
        held = name
        if new is not None:  # a slice of all, from a place that is 0 and known no sooner
            start = add("Mul", add("Gather", add("Shape", new), add.of([3])), add.of([0]))
            held = add("Slice", name, start, add.of([2**62]), add.of([2]))
        codes = add("Reshape", add("Cast", held, to=TensorProto.FLOAT), add.of([0, 0, 0, groups, width // groups]))
        scale = add("Reshape", add("Cast", f"{name}_scale", to=TensorProto.FLOAT), add.of([0, 0, 0, groups, 1]))
        whole = add("Reshape", add("Mul", codes, scale), add.of([0, 0, 0, width]))
        add("Cast", whole, to=kind, called=inside)

    def _round(self, name: str, new: str | None, groups: int, width: int) -> None:
        """Turn what is new into codes and scales, and put them behind those of the past."""
        from onnx import TensorProto

        present = name.replace(PAST, PRESENT)
        add = _Adder(self.behind, f"{present}/")
        if new is None:
            seen = add("Gather", add("Shape", name), add.of([2]))
            new = add("Slice", f"{present}.float", seen, add.of([2**62]), add.of([2]))
        parts = add("Reshape", add("Cast", new, to=TensorProto.FLOAT), add.of([0, 0, 0, groups, width // groups]))
        largest = self._reduced(add, "ReduceMax", add("Abs", parts))
        # ONNX Runtime's maxima pass over NaN: zero times a sum does not, and makes one of infinities.
        strange = add("Mul", self._reduced(add, "ReduceL1", parts), add.of(0.0))
        step = add("Add", add("Max", add("Mul", largest, add.of(1 / 127)), add.of(_SMALLEST)), strange)
        scale = add("Cast", step, to=TensorProto.FLOAT16)
        steps = add("Div", parts, add("Cast", scale, to=TensorProto.FLOAT))
        codes = add("Reshape", add("Cast", add("Round", steps), to=TensorProto.INT8), add.of([0, 0, 0, width]))
        add("Concat", name, codes, axis=2, called=present)
        kept = add("Reshape", scale, add.of([0, 0, 0, groups]))
        add("Concat", f"{name}_scale", kept, axis=2, called=f"{present}_scale")

    def _reduced(self, add: "_Adder", kind: str, parts: str) -> str:
        return add(kind, parts, add.of([-1])) if self.opset >= 18 else add(kind, parts, axes=[-1])


def _joins(node: Any, inside: str) -> bool:
    """Return whether an operator puts what is new behind the past."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
    return node.op_type == "Concat" and axis in (2, -2) and len(node.input) == 2 and node.input[0] == inside


def _hangs_on(graph: Any, value: str, other: str) -> bool:
    """Return whether a value is made of another one, over however many operators."""
    makers = {made: node for node in graph.node for made in node.output}
    waiting, seen = [value], {value}
    while waiting:
        node = makers.get(waiting.pop())
        found = set() if node is None else _used(node) - seen
        if other in found:
            return True
        seen |= found
        waiting += found
    return False


def _used(node: Any) -> set[str]:
    """Return the names of all values that an operator takes, its branches included."""
    inner = (_used(one) for graph in _graphs(node) for one in graph.node)
    return set(node.input).union(*inner)


class _Adder:
    """Adds operators to a list, and gives the names of what they make."""

    def __init__(self, nodes: list[Any], ahead: str) -> None:
        self._nodes, self._ahead = nodes, ahead

    def __call__(self, kind: str, *given: str, called: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = f"{self._ahead}{kind}_{len(self._nodes)}"
        made = called or name
        self._nodes.append(helper.make_node(kind, list(given), [made], name=name, **attributes))
        return made

    def of(self, value: Any) -> str:
        """Return the name of a constant."""
        from onnx import numpy_helper

        array = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        return self("Constant", value=numpy_helper.from_array(array))


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Give values other names wherever they are made or used, in the branches of the graph too.

    What asks for the shape of the past alone goes on asking the past itself.
    """
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        if node.op_type != "Shape" or not node.input[0].startswith(PAST):
            node.input[:] = [names.get(name, name) for name in node.input]
        for inner in _graphs(node):
            _rename(inner, names)


def _graphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
