"""Declarative evaluation of vision and vision-language models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from harness.api import by_labels, compare, equivalent, gate, load_run, load_suite, pick, run, score, why

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "by_labels",
    "compare",
    "equivalent",
    "gate",
    "load_run",
    "load_suite",
    "pick",
    "run",
    "score",
    "why",
]

_FACES: Final = ("adapters", "data", "detect", "estimate", "frames", "metrics", "perturb", "tasks", "testing")


def __getattr__(name: str) -> Any:
    """Import the front door, or a face, when it is used: the package itself is there at once."""
    if name in _FACES:
        return import_module(f"harness.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("harness.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FACES})
