"""The blocks of a graph, and a quantised model with some of them in float again."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError, did_you_mean
from harness.quantise import facts

_NUMBERED: Final = re.compile(r"^(.*?(?:^|[./_])\d+)(?=[./])")
"""The beginning of a name up to its first number: ``tower.blocks.0`` of ``tower.blocks.0.attn.qkv.weight``."""

_CARRIED: Final = ("Add", "BatchNormalization", "Clip", "Identity", "Relu")
"""Operators after one with weights that the quantiser may leave out."""


def blocks(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the blocks of a float graph in order: by name, the operators with constant weights in them.

    Where the operators, or their weights, have names with a number (``tower.blocks.0.…``, ``/layers.3/…``), a block is
    what shares it, and what has none is one by its own name. Else a block is what lies between two additions of the
    residual stream, which is the longest chain of additions that feed each other; and what has no such chain is cut
    operator by operator.

    Raises:
        UsageError: if the file is no ONNX model, or has nothing that could be quantised.
    """
    model = facts.load(path)
    nodes = [node for node in model.graph.node if facts.has_weight(node, facts.constants(model))]
    if not nodes:
        raise UsageError(f"{path.name} has no Conv, Gemm or MatMul with constant weights: nothing in it is quantised")
    for names in ([node.name for node in nodes], [node.input[1] for node in nodes]):
        named = [_NUMBERED.match(name) for name in names]
        if sum(found is not None for found in named) > len(nodes) / 2:
            keys = [found[1] if found else _stem(name) for found, name in zip(named, names, strict=True)]
            return _grouped(keys, nodes)
    return _grouped(_between_additions(model, nodes), nodes)


def matching(path: Path, patterns: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the operators with constant weights that some patterns choose, by the pattern.

    Args:
        path: the float model.
        patterns: names of blocks or of operators, with ``*`` and ``?`` for what may stand there.

    Raises:
        UsageError: if a pattern chooses nothing, with the names that there are.
    """
    known = blocks(path)
    named = {node: (node,) for nodes in known.values() for node in nodes} | known
    found: dict[str, tuple[str, ...]] = {}
    for pattern in patterns:
        own = [named[pattern]] if pattern in named else [n for name, n in named.items() if fnmatchcase(name, pattern)]
        if not own:
            said = f"{path.name} has no block or operator {pattern!r} to keep in float"
            raise UsageError(f"{said} (its blocks are {', '.join(known)}); {did_you_mean(pattern, named)}")
        found[pattern] = tuple(dict.fromkeys(node for nodes in own for node in nodes))
    return found


def put_back(quantised: Path, source: Path, nodes: Collection[str], target: Path) -> None:
    """Write a quantised model in which some operators run in float again, with their weights of the float model.

    The quantiser keeps the names of what flows between operators: the float operator takes the place of whatever
    makes its output there. What nothing reads any more is left out.

    Args:
        quantised: the model in few bits.
        source: the float model that it was made of.
        nodes: names of operators of ``source``.
        target: the file to write.

    Raises:
        UsageError: if an operator's input or output is not in the quantised model under its name.
    """
    import onnx

    model, before = facts.load(quantised), facts.load(source)
    facts.strip(before)
    wanted = [node for node in before.graph.node if node.name in set(nodes)]
    made = {output: i for i, node in enumerate(model.graph.node) for output in node.output}
    given = {value.name for value in model.graph.input} | {tensor.name for tensor in model.graph.initializer}
    there = given | made.keys()
    makers, known = {output: node for node in before.graph.node for output in node.output}, facts.constants(before)
    weights = {tensor.name: tensor for tensor in before.graph.initializer}
    fresh: dict[str, Any] = {}
    replaced: dict[int, list[Any]] = {}
    for node in wanted:
        chain = _carried(node, before, made)
        if not chain:
            raise UsageError(f"{quantised.name}: what {node.name} makes in {source.name} is not there under its name")
        inside = {one.output[0] for one in chain}
        copies = [_in_float(one, before, weights, fresh, inside - {chain[-1].output[0]}) for one in chain]
        body = [one for few in copies for one in few]
        while lost := sorted(_read_by(body) - {output for one in body for output in one.output} - there - set(fresh)):
            # The quantiser folds away what does nothing (a Cast to what it is): that comes back with its reader.
            maker = makers.get(lost[0])
            if maker is None or set(maker.output) & there or facts.has_weight(maker, known):
                raise UsageError(f"{quantised.name}: {lost[0]}, which {node.name} reads in {source.name}, is not there")
            body = [*_in_float(maker, before, weights, fresh, ()), *body]
            there |= set(maker.output)
        replaced[made[chain[-1].output[0]]] = body
    nodes_now = [new for i, node in enumerate(model.graph.node) for new in replaced.get(i, [node])]
    kept = _read(nodes_now, {value.name for value in model.graph.output})
    del model.graph.node[:]
    model.graph.node.extend(_in_order(kept, given | set(fresh)))
    model.graph.initializer.extend(fresh.values())
    used = {name for node in kept for name in node.input}
    left = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(left)
    onnx.save(model, str(target))


def _read_by(nodes: Sequence[Any]) -> set[str]:
    return {name for node in nodes for name in node.input if name}


def _carried(node: Any, model: Any, made: Mapping[str, int]) -> list[Any]:
    """Return an operator and those after it up to the first whose output is in the quantised model; none if none is.

    The quantiser leaves out what a range does as well (a Clip before it is rounded), or folds it into weights.
    """
    chain = [node]
    while chain[-1].output[0] not in made:
        readers = [one for one in model.graph.node if chain[-1].output[0] in one.input]
        if len(readers) != 1 or readers[0].op_type not in _CARRIED:
            return []
        chain.append(readers[0])
    return chain


def _in_float(
    node: Any, model: Any, weights: Mapping[str, Any], fresh: dict[str, Any], inside: Collection[str]
) -> list[Any]:
    """Return an operator for another graph, after the constants that it reads; its weights are added to ``fresh``."""
    import onnx

    makers = {output: one for one in model.graph.node for output in one.output}
    copy, found = onnx.NodeProto(), []
    copy.CopyFrom(node)
    copy.name = f"{node.name}_in_float"
    for place, name in enumerate(node.input):
        if name in weights:
            own = f"{name}_in_float"
            if own not in fresh:
                fresh[own] = onnx.TensorProto()
                fresh[own].CopyFrom(weights[name])
                fresh[own].name = own
            copy.input[place] = own
        elif name in makers and makers[name].op_type == "Constant":
            constant = onnx.NodeProto()
            constant.CopyFrom(makers[name])
            constant.name, constant.output[0] = f"{node.name}_{place}_in_float", f"{name}_{node.name}_in_float"
            copy.input[place] = constant.output[0]
            found.append(constant)
        elif name in inside:
            copy.input[place] = f"{name}_in_float"
    copy.output[0] = f"{node.output[0]}_in_float" if node.output[0] in inside else node.output[0]
    return [*found, copy]


def _stem(name: str) -> str:
    return re.sub(r"[._/](weight|kernel)$", "", name)


def _grouped(keys: Sequence[str], nodes: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, node in zip(keys, nodes, strict=True):
        found[key] = (*found.get(key, ()), node.name)
    return found


def _between_additions(model: Any, nodes: Sequence[Any]) -> list[str]:
    """Return the block of each of some nodes: how many additions of the residual stream stand before it."""
    chain = _residual(model)
    if not chain:
        return [node.name for node in nodes]
    ends = {name: place for place, name in enumerate(chain)}
    wanted, passed, found = {node.name for node in nodes}, 0, {}
    for node in model.graph.node:
        if node.name in wanted:
            found[node.name] = f"block {passed}"
        if node.output[0] in ends:
            passed = ends[node.output[0]] + 1
    return [found[node.name] for node in nodes]


def _residual(model: Any) -> list[str]:
    """Return the outputs of the longest chain of additions of two computed values that feed each other, in order."""
    known = facts.constants(model)
    longest: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type == "Add" and not known & set(node.input):
            before = max((longest.get(name, []) for name in node.input), key=len)
            longest[node.output[0]] = [*before, node.output[0]]
    best = max(longest.values(), key=len, default=[])
    return best if len(best) > 1 else []


def _read(nodes: Sequence[Any], outputs: Collection[str]) -> list[Any]:
    """Return the nodes from which an output can be reached."""
    wanted = set(outputs)
    makers: Mapping[str, Any] = {output: node for node in nodes for output in node.output}
    waiting, seen = list(wanted), set[int]()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            waiting += [*node.input, *_captured(node)]
    return [node for node in nodes if id(node) in seen]


def _captured(node: Any) -> Iterator[str]:
    """Yield what the graphs inside a node (the branches of If) read from outside."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from inner.input
                yield from _captured(inner)


def _in_order(nodes: Sequence[Any], given: Collection[str]) -> list[Any]:
    """Return nodes so that each stands after all that it reads."""
    made = {output for node in nodes for output in node.output}
    ready, waiting, found = set(given), list(nodes), []
    while waiting:
        later = []
        for node in waiting:
            reads = [name for name in (*node.input, *_captured(node)) if name in made]
            if all(name in ready for name in reads):
                found.append(node)
                ready.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            return [*found, *later]
        waiting = later
    return found
