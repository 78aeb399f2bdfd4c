"""Samplers as a suite names them: ``uniform``, or a mapping with parameters."""

from collections.abc import Iterable
from typing import Any

from harness import frames
from harness.errors import Issue, UsageError
from harness.frames import Sampler
from harness.tasks._metrics import misnamed

SamplerRef = str | dict[str, Any]


def build_sampler(ref: SamplerRef, path: tuple[str | int, ...], issues: list[Issue]) -> tuple[str, Sampler] | None:
    """Return a sampler with its label; None where it is wrong, which is then among the issues."""
    options = dict(ref) if isinstance(ref, dict) else {"sampler": ref}
    name, label = options.pop("sampler", None), options.pop("as", None)
    if not isinstance(name, str):
        issues.append(Issue(path, "a sampler needs its name", "{sampler: uniform, place: endpoints}"))
        return None
    try:
        sampler = frames.get(name, **options)
    except UsageError as cause:
        issues.append(Issue(path, str(cause)))
        return None
    key = str(label or name)
    issues += misnamed(key, "sampler", path)
    return key, sampler


def build_samplers(refs: Iterable[SamplerRef], issues: list[Issue]) -> dict[str, Sampler]:
    """Return the samplers by label."""
    built: dict[str, Sampler] = {}
    for i, ref in enumerate(refs):
        found = build_sampler(ref, ("samplers", i), issues)
        if found is None:
            continue
        label, sampler = found
        if label in built:
            issues.append(Issue(("samplers", i), f"two samplers are called {label!r}", "rename one with `as:`"))
        built[label] = sampler
    return built


def plain_ref(ref: SamplerRef) -> SamplerRef:
    """Return a reference as it stands in the suite, for the record."""
    return dict(ref) if isinstance(ref, dict) else ref
