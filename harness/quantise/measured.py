"""What INT8 gained on CPUs of each kind, as runs measured it: what a machine like one of them will see."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.cpu import cpu_flags, has_vnni, saturates

Kind = Literal["plain", "vnni", "amx"]
KINDS: Final[tuple[Kind, ...]] = ("plain", "vnni", "amx")
"""x86 without instructions for products of bytes; with them; and with tiles for whole blocks of them as well."""
_FIGURES: Final = Path(__file__).with_name("measured.json")


@dataclass(frozen=True, slots=True)
class Gain:
    """Median CPU time of a model in float32 on ONNX Runtime by that in INT8, one thread, batch 1."""

    model: str
    recipe: str
    runtime: str
    ratio: float
    low: float | None
    """Of the 95 % interval, over rounds; None where none was kept."""
    high: float | None
    n: int
    """Rounds."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine on which it was measured."""

    name: str
    how: str
    """The command."""
    gains: tuple[Gain, ...]

    def best(self) -> Sequence[Gain]:
        """Return the fastest recipe and runtime of each model, in the order of models."""
        found: dict[str, Gain] = {}
        for gain in self.gains:
            if gain.model not in found or gain.ratio > found[gain.model].ratio:
                found[gain.model] = gain
        return [*found.values()]


def kind_here() -> Kind | None:
    """Return which kind of CPU this is; None where it is no x86, or does not tell."""
    if not cpu_flags() or not (has_vnni() or saturates()):
        return None
    return "amx" if "amx_int8" in cpu_flags() else "vnni" if has_vnni() else "plain"


def machine_like(kind: Kind) -> Machine:
    """Return what was measured on a machine of a kind.

    >>> [gain.model for gain in machine_like("vnni").best() if gain.runtime == "openvino"]
    ['efficientnet-lite0', 'vit-s16', 'vit-d768-l4', 'text-d1024-l2', 'resnet18']
    """
    told = json.loads(_FIGURES.read_text(encoding="utf-8"))[kind]
    return Machine(told["name"], told["how"], tuple(Gain(*gain) for gain in told["gains"]))
