"""A question-answering task again under corruptions of growing severity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness import perturb
from harness.errors import ConfigError, Issue, UsageError
from harness.seeds import derive_seed, generator
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._graded import GradedTask, Grades, Reference, find_base
from harness.tasks._lookup import Key
from harness.tasks._named import Ref, by_label, named
from harness.tasks._pictured import Figures, Finding
from harness.tasks.qa import QaTask, Transform
from harness.tasks.severity import Point
from harness.types import Corruption, Request

ENTRIES: Final = {"sweep": "SweepTask"}

_EXAMPLE: Final = "{corruption: fog}, or {chain: [fog, rotation]}"


class SweepConfig(Model):
    """Keys of a task of ``kind: sweep``."""

    of: str
    """A `qa` task that stands before this one."""
    metric: str | None = None
    """The metric whose curve is drawn; the first of the `qa` task by default."""
    corruptions: tuple[Ref, ...] = Field(min_length=1)
    """Names; or mappings with `corruption` (or `chain`, a list of names), `variant`, `as` and parameters."""
    severities: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4, 5), min_length=1)
    """Severities; 0 is the clean image and is always run."""
    floor: float = Field(default=0.5, gt=0, lt=1)
    """A corruption breaks the model at the first severity whose whole interval lies below this score."""
    reference: Reference | None = None
    """For `mce` and `relative_mce`."""


class SweepTask(GradedTask):
    """What is left of a score under corruptions of the images, at every severity, over the same samples."""

    Config: ClassVar[type[BaseModel]] = SweepConfig
    kind = "sweep"

    def __init__(
        self, name: str, config: SweepConfig, base: QaTask, corruptions: Mapping[str, Corruption], seed: int
    ) -> None:
        severities = tuple(sorted({severity for severity in config.severities if severity > 0}))
        primary = config.metric or base.primary
        super().__init__(
            name, base, Grades(tuple(corruptions), severities, primary, config.floor, config.reference), seed
        )
        self._config = config
        self._corruptions = corruptions

    @classmethod
    def build(cls, name: str, config: SweepConfig, context: BuildContext) -> Self:
        base, issues = find_base(config.of, config.metric, context)
        corruptions = _build_corruptions(config.corruptions, issues)
        issues += _check_severities(config.severities, corruptions)
        issues += _check_reference(config, corruptions)
        if issues or base is None:
            raise ConfigError(*issues)
        return cls(name, config, base, corruptions, context.seed)

    def describe(self) -> Mapping[str, Any]:
        refs = [dict(ref) if isinstance(ref, dict) else ref for ref in self._config.corruptions]
        return {**super().describe(), "corruptions": refs}

    def _transform(self, point: Point) -> Transform:
        corruption = self._corruptions[point.corruption]

        def apply(request: Request, seed: int) -> Request:
            images = (
                perturb.corrupt(image, corruption, point.severity, generator(derive_seed(seed, i)))
                for i, image in enumerate(request.images)
            )
            return replace(request, images=tuple(images))

        return apply

    def _findings(self, figures: Figures) -> Iterable[Finding]:
        for name in self._corruptions:
            yield from self._uninformative(name, figures)
        if (errors := self._errors()) is not None:
            for metric, baseline in (("mce", 0.0), ("relative_mce", errors.clean)):
                for name in (name for name in self._corruptions if errors.total(name, baseline) <= 0):
                    yield Finding("warning", f"{metric} leaves out {name}: {errors.name}'s summed error is not above 0")


def _build_corruptions(refs: Sequence[Ref], issues: list[Issue]) -> dict[str, Corruption]:
    found: list[tuple[Key, tuple[str, Corruption] | None]] = []
    for i, ref in enumerate(refs):
        key: Key = ("corruptions", i)
        if isinstance(ref, dict) and "chain" in ref:
            one = _chain(ref, key, issues)
        else:
            one = named(ref, "corruption", perturb.get, _EXAMPLE, key, issues)
        found.append((key, one))
    return by_label(found, "corruption", issues)


def _chain(ref: Mapping[str, Any], key: Key, issues: list[Issue]) -> tuple[str, Corruption] | None:
    more = next((name for name in ref if name not in ("chain", "as")), None)
    try:
        if more is not None:
            raise UsageError(f"a chain takes no {more!r}: its steps are names alone")
        corruption = perturb.chain(ref["chain"])
    except UsageError as error:
        issues.append(Issue((*key, "chain"), str(error)))
        return None
    return str(ref.get("as") or corruption.name), corruption


def _check_severities(severities: Sequence[int], corruptions: Mapping[str, Corruption]) -> Iterable[Issue]:
    most = min((corruption.severities for corruption in corruptions.values()), default=5)
    for i, severity in enumerate(severities):
        if not 0 <= severity <= most:
            yield Issue(("severities", i), f"severity {severity} is not in 0 to {most}")
    if not any(severities):
        yield Issue(("severities",), "a sweep needs a severity above 0")


def _check_reference(config: SweepConfig, corruptions: Mapping[str, Corruption]) -> Iterable[Issue]:
    if config.reference is None:
        return
    path = ("reference", "errors")
    wanted = len({severity for severity in config.severities if severity > 0})
    for name in corruptions:
        found = config.reference.errors.get(name)
        if found is None:
            yield Issue(path, f"the reference has no errors for {name!r}")
        elif len(found) != wanted or not all(0 <= error <= 1 for error in found):
            yield Issue((*path, name), f"{name!r} needs an error from 0 to 1 for each of the {wanted} severities")
