"""Detectors as a suite names them: ``knn``, or a mapping with parameters and a label."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from harness.errors import Issue, UsageError
from harness.tasks._metrics import misnamed

DetectorRef = str | dict[str, Any]

T = TypeVar("T")


def build_detectors(refs: Iterable[DetectorRef], make: Callable[..., T]) -> tuple[dict[str, T], list[Issue]]:
    """Return the detectors by label, and what is wrong with the others."""
    built: dict[str, T] = {}
    issues: list[Issue] = []
    for i, ref in enumerate(refs):
        path = ("detectors", i)
        options = dict(ref) if isinstance(ref, dict) else {"detector": ref}
        name, label = options.pop("detector", None), options.pop("as", None)
        if not isinstance(name, str):
            issues.append(Issue(path, "a detector needs its name", "{detector: knn, k: 10}"))
            continue
        try:
            detector = make(name, **options)
        except UsageError as error:
            issues.append(Issue((*path, "detector") if isinstance(ref, dict) else path, str(error)))
            continue
        key = str(label or name)
        issues += misnamed(key, "detector", path)
        if key in built:
            issues.append(Issue(path, f"two detectors are called {key!r}", "give one another name with `as:`"))
        built[key] = detector
    return built, issues
