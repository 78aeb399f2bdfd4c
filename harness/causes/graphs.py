"""The ONNX graphs of an adapter, and the same adapter with some of their blocks in float again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from harness.causes.folders import linked
from harness.causes.setups import Setup
from harness.digests import digest, onnx_digests
from harness.errors import UsageError
from harness.locate import cache_folder
from harness.quantise.blocks import put_back

TYPES: Final = ("onnx", "onnx_vlm", "onnx_classifier")
"""Types of adapters whose graphs are known."""
_OF_BUILT: Final = ("size", "mean", "std", "layout", "resize", "share", "resample")


def graphs_of(setup: Setup) -> dict[str, Path]:
    """Return the files of an adapter's graphs by name.

    Raises:
        UsageError: if its type has none that are known, or a file is missing.
    """
    config: Any = setup.choice().config
    folder = setup.adapter_file.absolute().parent
    if setup.type in TYPES[:2]:
        from harness.adapters.onnx import graph_files

        found = graph_files(config, folder)
    elif setup.type == "onnx_classifier":
        from harness.adapters.onnx_classifier import graph_file

        found = {"model": graph_file(config, folder)}
    else:
        raise UsageError(
            f"{setup.name}: an adapter of type {setup.type} has no graphs; --layers is for {', '.join(TYPES)}"
        )
    if missing := [path for path in found.values() if not path.is_file()]:
        raise UsageError(f"{setup.name}: there is no file {missing[0]}")
    return found


def in_float(setup: Setup, source: Setup, blocks: Sequence[tuple[str, ...]]) -> Setup:
    """Return a quantised adapter with some operators in float.

    Args:
        setup: the quantised one.
        source: the float one that it was made of.
        blocks: of each block the graph's name, and the names of its operators in the float graph; without any, the
            whole file is taken.
    """
    before, after = graphs_of(source), graphs_of(setup)
    nodes: dict[str, set[str]] = {}
    for graph, *names in blocks:
        nodes.setdefault(graph, set()).update(names)
    whole = {graph for graph, *names in blocks if not names}
    made = {
        graph: before[graph] if graph in whole else _made(after[graph], before[graph], own)
        for graph, own in nodes.items()
    }
    return _with_graphs(setup, {graph: made.get(graph, path) for graph, path in after.items()}, after)


def as_files(setup: Setup) -> Setup:
    """Return an adapter that names its model's file, where it is one that the harness builds."""
    if not setup.config.get("build"):
        return setup
    graphs = graphs_of(setup)
    return _with_graphs(setup, graphs, graphs)


def _made(quantised: Path, source: Path, nodes: set[str]) -> Path:
    key = json.dumps([digest(quantised), digest(source), sorted(nodes)])
    target = cache_folder() / "why" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.onnx"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        put_back(quantised, source, nodes, part)
        part.replace(target)
    return target


def _with_graphs(setup: Setup, graphs: Mapping[str, Path], now: Mapping[str, Path]) -> Setup:
    if setup.type != "onnx_classifier":
        folder = setup.folder("model")
        assert folder is not None  # noqa: S101 - its graphs lie there
        kept = {path.relative_to(folder).as_posix(): path.resolve() for path in folder.glob("*") if path.is_file()}
        for name, path in graphs.items():
            place = now[name].relative_to(folder)
            beside = onnx_digests(path).keys() - {path.name}  # weights outside: a graph finds them by their names
            kept |= {(place.parent / one).as_posix(): path.parent / one for one in beside}
            kept[place.as_posix()] = path
        return replace(setup, config={**setup.config, "model": str(linked(kept))})
    config = {**setup.config, "model": str(graphs["model"])}
    if built := setup.config.get("build"):
        config |= _preprocessing(str(built), setup.config)
        config.pop("keep_float", None)
    return replace(setup, config=config)


def _preprocessing(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that say for a file what ``build`` says of a model."""
    from harness.zoo.build import known

    model = known(name)
    told: dict[str, Any] = {"build": None, "classes": list(given.get("classes") or model.classes())}
    for key in _OF_BUILT:
        with suppress(AttributeError):
            value = getattr(model.preprocessing, key)
            told[key] = given[key] if given.get(key) is not None else list(value) if isinstance(value, tuple) else value
    return told
