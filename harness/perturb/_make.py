"""Corruptions by name, and chains of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.registry import registry
from harness.types import Corruption

if TYPE_CHECKING:
    import numpy as np


def get(name: str, variant: str = "default", **params: Any) -> Corruption:
    """Return the corruption called ``name``, built in or from a plug-in.

    Args:
        name: a name in ``registry("corruptions")``.
        variant: one of the corruption's ``variants``; ``reference`` is bug-compatible with ImageNet-C.
        params: other values for its parameters, one number for each severity.

    Raises:
        UsageError: if the name, the variant or a parameter is unknown, or a plug-in breaks the protocol.

    >>> get("rotation", degrees=[3, 6]).severities
    2
    """
    entry = registry("corruptions").entry(name)
    target = entry.load()
    if variant != "default":
        params["variant"] = variant
    try:
        made = target(**params) if isinstance(target, type) or params else target
    except TypeError as cause:
        raise UsageError(f"corruption {name!r} (from {entry.origin}) cannot be built: {cause}") from cause
    if not callable(made) or not isinstance(getattr(made, "severities", None), int):
        raise UsageError(
            f"corruption {name!r} (from {entry.origin}) breaks the protocol: "
            "it must be callable with (image, severity, rng) and have an integer attribute 'severities'"
        )
    corruption: Corruption = made
    return corruption


class Chain:
    """Corruptions one after the other, all at the same severity.

    It has as many severities as the step with the fewest.
    """

    def __init__(self, steps: Sequence[Corruption]) -> None:
        self.steps = tuple(steps)
        self.name = "+".join(name_of(step) for step in self.steps)
        self.severities = min(step.severities for step in self.steps)
        self.grey_from_first = any(getattr(step, "grey_from_first", False) for step in self.steps)

    def __call__(self, image: "np.ndarray", severity: int, rng: "np.random.Generator") -> "np.ndarray":
        for step in self.steps:
            image = step(image, severity, rng)
        return image


def chain(steps: Sequence[str | Corruption]) -> Chain:
    """Return the composition of ``steps``, the first applied first.

    Raises:
        UsageError: if there are no steps, or one is none or unknown.

    >>> chain(["rotation", "gaussian_noise"]).name
    'rotation+gaussian_noise'
    """
    if isinstance(steps, str) or not isinstance(steps, Sequence) or not steps:
        raise UsageError(f"a chain is a list of one or more corruptions, not {steps!r}")
    for step in steps:
        if not (isinstance(step, str) or hasattr(step, "severities")):
            raise UsageError(f"a step of a chain is the name of a corruption, not {step!r}")
    return Chain([get(step) if isinstance(step, str) else step for step in steps])


def name_of(corruption: Corruption) -> str:
    """Return the corruption's name, or its type's where a plug-in states none."""
    return str(getattr(corruption, "name", type(corruption).__name__))
