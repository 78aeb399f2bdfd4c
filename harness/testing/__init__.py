"""What users import to test their own metrics and adapters; needs the packages hypothesis and pytest."""

from importlib import import_module
from typing import Any

__all__ = ["adapters", "laws", "metrics", "parameters", "strategies"]


def __getattr__(name: str) -> Any:
    """Import a module of the face when it is used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
