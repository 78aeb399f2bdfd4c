"""Detectors as a suite names them: ``knn``, or a mapping with parameters and a label."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from harness.errors import Issue
from harness.tasks._named import Ref, all_named

T = TypeVar("T")


def build_detectors(refs: Iterable[Ref], make: Callable[..., T]) -> tuple[dict[str, T], list[Issue]]:
    """Return the detectors by label, and what is wrong with the others."""
    issues: list[Issue] = []
    return all_named(refs, "detector", make, "{detector: knn, k: 10}", issues), issues
