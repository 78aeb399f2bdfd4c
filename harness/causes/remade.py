"""How a model with some blocks in float is made anew: the commands, and what an adapter's file then says."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.causes.changes import Change
from harness.causes.graphs import graphs_of
from harness.causes.planning import Planned
from harness.locate import near
from harness.quantise.blocks import blocks
from harness.quantise.recipes import recipe_of

_IMAGES = "IMAGES"
"""Stands for a folder that only the user knows."""


@dataclass(frozen=True, slots=True)
class Remade:
    """What makes a model with some blocks in float, and what an adapter's file then says."""

    commands: tuple[str, ...]
    key: str
    """For the adapter's file: ``suffixes: {vision_encoder: _int8_kept}``."""
    note: str = ""


def remade(planned: Planned, names: Sequence[str]) -> Remade | None:
    """Return how blocks are left in float when the float model is quantised again; None where none is among them.

    Args:
        planned: what differs, block by block.
        names: of those changes whose blocks stay in float.
    """
    before, after = graphs_of(planned.before), graphs_of(planned.after)
    kept = _kept([change for change in planned.changes if change.name in names], before)
    if not kept:
        return None
    if planned.after.config.get("build"):
        own = next(iter(kept.values()))
        return Remade((), "keep_float: [" + ", ".join(f'"{name}"' for name in own) + "]")
    commands: list[str] = []
    keys: list[str] = []
    note = ""
    for graph, own in kept.items():
        if not own:
            keys.append(f'{graph}: "{before[graph].stem.removeprefix(graph)}"')
            continue
        target = after[graph].with_name(f"{after[graph].stem}_kept.onnx")
        recipe = recipe_of(after[graph])
        words = ["harness", "quantize", str(near(before[graph]))]
        words += ["--recipe", recipe] if recipe else []
        words += [word for block in own for word in ("--keep-float", block)]
        if recipe == "cnn":
            words += ["--calibration", _IMAGES]
            note = f"{_IMAGES}: a folder of images that ranges are read from, none of those that the model is judged on"
        words += (
            ["--like", str(near(planned.after.adapter_file))]
            if recipe == "cnn" and planned.after.type == "onnx_classifier"
            else []
        )
        words += ["--unjudged"] if len(after) > 1 else []
        commands.append(shlex.join([*words, "--out", str(near(target))]))
        keys.append(f"{graph}: {target.stem.removeprefix(graph)}" if len(after) > 1 else _relative(target, planned))
    return Remade(tuple(commands), f"suffixes: {{{', '.join(keys)}}}" if len(after) > 1 else f"model: {keys[0]}", note)


def _kept(changes: Sequence[Change], before: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of blocks by graph; none for a file that stays in float as a whole."""
    nodes: dict[str, set[str]] = {}
    for change in changes:
        for place in change.places:
            if place.where == "block":
                nodes.setdefault(place.path[0], set()).update(place.path[1:])
    return {
        graph: [name for name, few in blocks(before[graph]).items() if own.issuperset(few)] if own else []
        for graph, own in nodes.items()
    }


def _relative(target: Path, planned: Planned) -> str:
    folder = planned.after.adapter_file.absolute().parent
    return target.relative_to(folder).as_posix() if target.is_relative_to(folder) else str(target)
