"""Samplers as a suite names them: ``uniform``, or a mapping with parameters."""

from collections.abc import Iterable
from typing import Final

from harness import frames
from harness.errors import Issue
from harness.frames import Sampler
from harness.tasks._lookup import Key
from harness.tasks._named import Ref, all_named, by_label, named

_EXAMPLE: Final = "{sampler: uniform, place: endpoints}"


def build_sampler(ref: Ref, key: Key, issues: list[Issue]) -> Sampler | None:
    """Return a sampler; None where it is wrong, which is then among the issues."""
    found = by_label([(key, named(ref, "sampler", frames.get, _EXAMPLE, key, issues))], "sampler", issues)
    return next(iter(found.values()), None)


def build_samplers(refs: Iterable[Ref], issues: list[Issue]) -> dict[str, Sampler]:
    """Return the samplers by label."""
    return all_named(refs, "sampler", frames.get, _EXAMPLE, issues)
