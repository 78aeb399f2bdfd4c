"""The keys of an OOD task, and what makes them impossible."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from pydantic import Field

from harness import perturb
from harness.detect import OodDetector
from harness.errors import Issue, UsageError
from harness.spec.models import Model
from harness.tasks._lookup import Key
from harness.tasks._named import Ref
from harness.tasks.ood.trial import least_for
from harness.types import Corruption, Dataset


class OodConfig(Model):
    """Keys of a task of ``kind: ood``."""

    fit: str
    """The dataset that detectors learn from: in distribution."""
    calibrate: str | None = None
    """The dataset that thresholds are calibrated on: in distribution. Without it, detectors that can are calibrated by
    leaving one sample of `fit` out at a time."""
    test: str
    """Held-out samples in distribution."""
    near: tuple[str, ...] = ()
    """Datasets out of distribution that are close to it."""
    far: tuple[str, ...] = ()
    """Datasets out of distribution that are far from it."""
    corruptions: tuple[str, ...] = ()
    """Corruptions of the test set, each a set out of distribution at each severity."""
    severities: tuple[int, ...] = (1, 3, 5)
    """Severities of the corruptions."""
    detectors: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `detector`, `as` and parameters."""
    labels: str | None = None
    """The tag of the `fit` samples that names their class, for detectors that know classes."""
    target_fpr: float = Field(default=0.05, gt=0, lt=1)
    """The share of in-distribution samples that a calibrated threshold may flag."""


def corruptions_of(config: OodConfig, issues: list[Issue]) -> dict[str, Corruption]:
    """Return the corruptions by name; what is wrong with them or their severities is an issue."""
    found: dict[str, Corruption] = {}
    for i, name in enumerate(config.corruptions):
        try:
            found[name] = perturb.get(name)
        except UsageError as error:
            issues.append(Issue(("corruptions", i), str(error)))
    most = min((corruption.severities for corruption in found.values()), default=5)
    issues += [
        Issue(("severities", i), f"severity {severity} is not in 1 to {most}")
        for i, severity in enumerate(config.severities)
        if not 1 <= severity <= most
    ]
    if any(a >= b for a, b in pairwise(config.severities)):
        issues.append(Issue(("severities",), "severities grow"))
    return found


def check(config: OodConfig, detectors: Mapping[str, OodDetector], found: Mapping[Key, Dataset]) -> Iterable[Issue]:
    """Yield what is wrong with a task whose names all lead somewhere."""
    if not (config.near or config.far or config.corruptions):
        yield Issue(("near",), "nothing is out of distribution", "declare `near`, `far` or `corruptions`")
    taken = {"fit", "calibrate", "test"} & {*config.near, *config.far}
    if taken:
        yield Issue(("near",), f"an OOD set cannot be called {taken.pop()!r}", "rename the dataset")
    for label, detector in detectors.items():
        if config.corruptions and detector.uses == ("column",):
            said = f"{label} stands in the data: no corruption of an image changes it"
            yield Issue(("corruptions",), said, "give the column a task of its own")
    yield from _check_calibration(config, detectors, found)
    yield from _check_labels(config, detectors, found)


def _check_calibration(
    config: OodConfig, detectors: Mapping[str, OodDetector], found: Mapping[Key, Dataset]
) -> Iterable[Issue]:
    need = least_for(config.target_fpr)
    path: Key = ("calibrate",) if config.calibrate is not None else ("fit",)
    if path in found and len(found[path]) < need:
        said = f"{len(found[path])} samples are too few to calibrate a false positive rate of {config.target_fpr:g}"
        yield Issue(path, said, f"at least {need} are needed")
    for label, detector in detectors.items():
        if config.calibrate is None and not detector.leaves_out:
            yield Issue(("detectors",), f"{label} cannot be calibrated by leaving one out", "declare `calibrate`")


def _check_labels(
    config: OodConfig, detectors: Mapping[str, OodDetector], found: Mapping[Key, Dataset]
) -> Iterable[Issue]:
    for label, detector in detectors.items():
        if config.labels is None and detector.labelled:
            yield Issue(("labels",), f"{label} needs the classes of the `fit` samples", "name the tag that holds them")
    if config.labels is not None and ("fit",) in found:
        lacking = next((s.id for s in found["fit",] if config.labels not in s.tags), None)
        if lacking is not None:
            yield Issue(("labels",), f"sample {lacking!r} of {config.fit!r} has no tag {config.labels!r}")
